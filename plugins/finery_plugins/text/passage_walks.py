"""Numba kernels over the passages of texts, lines or paragraphs: a key for each, and the text without some of them.

All of them stand in this one file because numba's cache looks only at the file of the kernel that it loads. Their
plain-Python twins stand in the tests.
"""

from __future__ import annotations

import numpy as np

from finery_plugins.text.kernels import Array, kernel
from finery_plugins.text.traits import FOLD, SPACE

SHIFT_A, SHIFT_B, SHIFT_C = np.uint64(30), np.uint64(27), np.uint64(31)
MIX_A, MIX_B = np.uint64(0xBF58476D1CE4E5B9), np.uint64(0x94D049BB133111EB)
BASIS, PRIME = np.uint64(0xCBF29CE484222325), np.uint64(0x100000001B3)
BARE = np.uint64(0xA0761D6478BD642F)
NONE, WHITESPACE, LETTERS = 0, 1, 2
"""What is made alike before passages are compared."""


@kernel
def decoded(data: Array, at: int, end: int) -> tuple[int, int]:
    """The code point at byte `at`, and its bytes; what is cut short stands for itself."""
    first = int(data[at])
    size = 1 + (first >= 0xC0) + (first >= 0xE0) + (first >= 0xF0)
    if size == 1 or at + size > end:
        return first, 1
    point = first & (0x7F >> size)
    for index in range(1, size):
        point = point << 6 | int(data[at + index]) & 0x3F
    return min(point, 0x10FFFF), size


@kernel
def line(data: Array, table: Array, at: int, end: int) -> tuple[int, bool]:
    """Where the line that begins at `at` ends, and whether it is blank."""
    blank = True
    while at < end and data[at] != 10:
        point, size = decoded(data, at, end)
        blank = blank and table[point] & SPACE != 0
        at += size
    return at, blank


@kernel
def passage(data: Array, table: Array, at: int, end: int, paragraphs: bool) -> tuple[int, int]:
    """The first passage at or behind `at`: a line that is not blank, or all of them up to a blank one."""
    start = at
    while start < end:
        stop, blank = line(data, table, start, end)
        if not blank:
            break
        start = min(stop + 1, end)
    if start >= end:
        return end, end
    while paragraphs and stop < end:
        further, blank = line(data, table, stop + 1, end)
        if blank:
            break
        stop = further
    return start, stop


@kernel
def hashed(data: Array, table: Array, at: int, end: int, form: int) -> tuple[np.uint64, int]:
    """FNV-1a over the code points of a passage in its form, finalised by splitmix64's mixer; and how many those are."""
    value, length, gap = BASIS, 0, False
    while at < end:
        point, size = decoded(data, at, end)
        at += size
        trait = table[point]
        space = trait & SPACE != 0
        if form == LETTERS:
            point = trait & FOLD
        if (form == LETTERS and (space or point == 0)) or (form == WHITESPACE and space):
            gap = length > 0
            continue
        if form == WHITESPACE and gap:
            value = (value ^ np.uint64(32)) * PRIME
            length, gap = length + 1, False
        value = (value ^ np.uint64(point)) * PRIME
        length += 1
    value = (value ^ (value >> SHIFT_A)) * MIX_A
    value = (value ^ (value >> SHIFT_B)) * MIX_B
    return value ^ (value >> SHIFT_C), length


@kernel
def keyed(
    offsets: Array, data: Array, table: Array, paragraphs: bool, form: int, least: int, ends: Array, keys: Array,
    valid: Array,
) -> int:  # fmt: skip
    """Write the key of each passage, whether it has `least` characters, and to `ends` (n,) where each text's end.

    Nothing is written where there is no more room in `keys`; how many there are in all.
    """
    count = 0
    for row in range(len(offsets) - 1):
        at, end = offsets[row], offsets[row + 1]
        while True:
            start, at = passage(data, table, at, end, paragraphs)
            if start == end:
                break
            if count < len(keys):
                key, length = hashed(data, table, start, at, form)
                if form == LETTERS and length == 0:
                    key, length = hashed(data, table, start, at, NONE)
                    key ^= BARE
                keys[count], valid[count] = key, length >= least
            count += 1
        ends[row] = count
    return count


@kernel
def copied(data: Array, at: int, end: int, out: Array, written: int) -> int:
    """Copy bytes; how many are written now."""
    for index in range(at, end):
        out[written] = data[index]
        written += 1
    return written


@kernel
def kept(
    offsets: Array, data: Array, table: Array, paragraphs: bool, firsts: Array, gone: Array, out: Array, ends: Array
) -> None:
    """Write each text without the passages that are `gone`, from `firsts` (n,) on, and where it ends to `ends` (n,).

    What stood before a passage stays with it; the first that is left takes the place of the very first.
    """
    written = 0
    for row in range(len(offsets) - 1):
        begin, end, number = offsets[row], offsets[row + 1], firsts[row]
        lead, _ = passage(data, table, begin, end, paragraphs)
        at, left = begin, 0
        while True:
            start, stop = passage(data, table, at, end, paragraphs)
            if start == end:
                break
            if not gone[number]:
                written = copied(data, at if left else begin, start if left else lead, out, written)
                written = copied(data, start, stop, out, written)
                left += 1
            at = stop
            number += 1
        if left or number == firsts[row]:
            written = copied(data, at, end, out, written)
        ends[row] = written
