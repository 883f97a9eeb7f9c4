"""Numba kernels over Arrow's string buffers: counts, distinct words and lines, MinHash keys, Jaccard.

They take `offsets` (n + 1,) and `data` of UTF-8 bytes as they lie in Arrow memory, read-only, and the table
of `traits.py`. All of them stand in this one file because numba's cache looks only at the file of the kernel
it loads, not at the files of the functions that it calls. Scratch arrays are sized once a batch: binding one
inside a loop made a kernel six times slower. Unsigned constants are spelled out, because numba makes uint64 +
int64 a float.

Plain-Python twins of all of them stand in the tests and must agree exactly.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar, cast

import numba
import numpy as np

from finery_plugins.text.traits import ALONE, FOLD, MARK, SPACE

Function = TypeVar("Function", bound=Callable[..., Any])
Array = np.ndarray

SHIFT_A, SHIFT_B, SHIFT_C = np.uint64(30), np.uint64(27), np.uint64(31)
MIX_A, MIX_B = np.uint64(0xBF58476D1CE4E5B9), np.uint64(0x94D049BB133111EB)
BASIS, PRIME = np.uint64(0xCBF29CE484222325), np.uint64(0x100000001B3)
CHAIN = np.uint64(0x9E3779B97F4A7C15)
SHORT = np.uint64(0xD6E8FEB86659FD93)
BARE = np.uint64(0xA0761D6478BD642F)
FULL = np.uint64(0xFFFFFFFFFFFFFFFF)


def kernel(function: Function) -> Function:
    """Compile to run without the GIL; the machine code is kept beside the file, or in the user's cache."""
    return compiled(function)


def lean(function: Function) -> Function:
    """A kernel that makes no array: without numba's counting of references calls between kernels cost half."""
    return compiled(function, _nrt=False)


def inlined(function: Function) -> Function:
    """A lean kernel whose code is put where it is called, for what is asked of every character or word."""
    return compiled(function, _nrt=False, forceinline=True)


def compiled(function: Function, **options: bool) -> Function:
    """A function as numba's machine code."""
    try:
        return cast(Function, numba.njit(cache=True, nogil=True, **options)(function))
    except RuntimeError:  # numba found no folder that it may write
        return cast(Function, numba.njit(nogil=True, **options)(function))


@kernel
def decoded(data: Array, at: int, end: int) -> tuple[int, int]:
    """The code point at byte `at`, and its bytes; a byte that is no UTF-8 stands for itself."""
    first = int(data[at])
    if first < 0xC0:
        return first, 1
    if first < 0xE0 and at + 1 < end:
        return (first & 0x1F) << 6 | int(data[at + 1]) & 0x3F, 2
    if first < 0xF0 and at + 2 < end:
        return (first & 0x0F) << 12 | (int(data[at + 1]) & 0x3F) << 6 | int(data[at + 2]) & 0x3F, 3
    if at + 3 < end:
        high = (first & 0x07) << 18 | (int(data[at + 1]) & 0x3F) << 12
        point = high | (int(data[at + 2]) & 0x3F) << 6 | int(data[at + 3]) & 0x3F
        return min(point, 0x10FFFF), 4
    return first, 1


@kernel
def mixed(x: np.uint64) -> np.uint64:
    """splitmix64's finaliser (Steele, Lea, Flood 2014)."""
    x = (x ^ (x >> SHIFT_A)) * MIX_A
    x = (x ^ (x >> SHIFT_B)) * MIX_B
    return x ^ (x >> SHIFT_C)


@kernel
def counted(offsets: Array, data: Array, table: Array, out: Array) -> None:
    """Fill `out` (n, 5): characters, words, lines, marks and spaces of each document."""
    for row in range(len(offsets) - 1):
        at, end = offsets[row], offsets[row + 1]
        characters, words, lines, marks, spaces = 0, 0, 0, 0, 0
        inside, point = False, 10
        while at < end:
            point, size = decoded(data, at, end)
            at += size
            trait = table[point]
            apart = trait & (SPACE | ALONE) != 0
            characters += 1
            lines += point == 10
            marks += trait & MARK != 0
            spaces += trait & SPACE != 0
            words += (trait & ALONE != 0) or not (apart or inside)
            inside = not apart
        out[row, 0], out[row, 1], out[row, 2] = characters, words, lines + (point != 10)
        out[row, 3], out[row, 4] = marks, spaces


@kernel
def word_hashes(data: Array, at: int, end: int, table: Array, out: Array) -> int:
    """Write a hash of each folded word of one document to `out`; how many there are. At most (bytes + 1) / 2
    are.

    FNV-1a over code points in lower case, marks and control characters left out; a word of nothing else is
    none.
    """
    count, letters, word = 0, 0, BASIS
    while at < end:
        point, size = decoded(data, at, end)
        at += size
        trait = table[point]
        if trait & (SPACE | ALONE) and letters:
            out[count] = mixed(word)
            count, letters, word = count + 1, 0, BASIS
        fold = trait & FOLD
        if fold and not trait & SPACE:
            word = (word ^ np.uint64(fold)) * PRIME
            letters += 1
        if trait & ALONE:
            out[count] = mixed(word)
            count, letters, word = count + 1, 0, BASIS
    if letters:
        out[count] = mixed(word)
        count += 1
    return count


@kernel
def byte_hash(data: Array, at: int, end: int) -> np.uint64:
    """FNV-1a over bytes, finalised."""
    value = BASIS
    for index in range(at, end):
        value = (value ^ np.uint64(data[index])) * PRIME
    return mixed(value)


@kernel
def chained(words: Array, first: int, last: int, start: np.uint64) -> np.uint64:
    """A hash of the words from `first` to `last` in their order."""
    value = start
    for index in range(first, last):
        value = value * CHAIN + words[index]
    return mixed(value)


@kernel
def shingle_hashes(
    data: Array, at: int, end: int, table: Array, ngram: int, words: Array, out: Array
) -> tuple[int, bool]:
    """Write the shingles of one document to `out`; how many, and whether it was long enough for a single one.

    A document of fewer words has one that stands for all its words, one without words one for its bytes.
    """
    count = word_hashes(data, at, end, table, words)
    if count == 0:
        out[0] = byte_hash(data, at, end) ^ BARE
        return 1, False
    if count < ngram:
        out[0] = chained(words, 0, count, SHORT)
        return 1, False
    for first in range(count - ngram + 1):
        out[first] = chained(words, first, first + ngram, BASIS)
    return count - ngram + 1, True


@kernel
def distinct(values: Array, count: int) -> int:
    """Sort the first `count` values and move the different ones to the front; how many there are."""
    values[:count].sort()
    kept = min(count, 1)
    for index in range(1, count):
        if values[index] != values[index - 1]:
            values[kept] = values[index]
            kept += 1
    return kept


@kernel
def distinct_words(offsets: Array, data: Array, table: Array, scratch: Array, out: Array) -> None:
    """Fill `out` (n, 2): folded words of each document and how many different ones."""
    for row in range(len(offsets) - 1):
        count = word_hashes(data, offsets[row], offsets[row + 1], table, scratch)
        out[row, 0], out[row, 1] = count, distinct(scratch, count)


@kernel
def line_hashes(data: Array, at: int, end: int, table: Array, out: Array) -> int:
    """Write a hash of each stripped line of one document to `out`, but of blank lines; how many."""
    count, first, last = 0, -1, -1
    while at < end:
        point, size = decoded(data, at, end)
        if not table[point] & SPACE:
            first = at if first < 0 else first
            last = at + size
        at += size
        if (point == 10 or at >= end) and first >= 0:
            out[count] = byte_hash(data, first, last)
            count, first = count + 1, -1
    return count


@kernel
def distinct_lines(offsets: Array, data: Array, table: Array, scratch: Array, out: Array) -> None:
    """Fill `out` (n, 2): lines of each document that are not blank and how many different ones."""
    for row in range(len(offsets) - 1):
        count = line_hashes(data, offsets[row], offsets[row + 1], table, scratch)
        out[row, 0], out[row, 1] = count, distinct(scratch, count)


@kernel
def signature(shingles: Array, count: int, factors: Array, terms: Array, out: Array) -> None:
    """Fill `out` (permutations,): the least of `factor * shingle + term` mod 2^64 over the shingles."""
    out[:] = FULL
    for index in range(count):
        shingle = shingles[index]
        for number in range(len(out)):
            out[number] = min(out[number], factors[number] * shingle + terms[number])


@kernel
def band_keys(
    offsets: Array, data: Array, table: Array, ngram: int, rows: int,
    factors: Array, terms: Array, words: Array, shingles: Array, least: Array, ends: Array, out: Array,
) -> None:  # fmt: skip
    """Write the keys of each document to `out` one after the other, and where they end to `ends` (n,).

    One a band: the hash of the band's number and its `rows` least values. A short document has one key.
    """
    written = 0
    for row in range(len(offsets) - 1):
        at, end = offsets[row], offsets[row + 1]
        count, long = shingle_hashes(data, at, end, table, ngram, words, shingles)
        if long:
            signature(shingles, count, factors, terms, least)
            for band in range(len(least) // rows):
                out[written] = chained(least, band * rows, (band + 1) * rows, np.uint64(band))
                written += 1
        else:
            out[written] = mixed(shingles[0])
            written += 1
        ends[row] = written


@kernel
def shared(left: Array, lefts: int, right: Array, rights: int) -> int:
    """How many values two sorted runs of different values share."""
    i, j, both = 0, 0, 0
    while i < lefts and j < rights:
        a, b = left[i], right[j]
        both += a == b
        i += a <= b
        j += b <= a
    return both


@kernel
def jaccard(
    offsets: Array, data: Array, other_offsets: Array, other_data: Array, table: Array, ngram: int,
    words: Array, left: Array, right: Array, out: Array,
) -> None:  # fmt: skip
    """Fill `out` (n,): the Jaccard index of the shingle sets of row i of both; 1 or 0 for short documents."""
    for row in range(len(offsets) - 1):
        lefts, _ = shingle_hashes(data, offsets[row], offsets[row + 1], table, ngram, words, left)
        lefts = distinct(left, lefts)
        at, end = other_offsets[row], other_offsets[row + 1]
        rights, _ = shingle_hashes(other_data, at, end, table, ngram, words, right)
        rights = distinct(right, rights)
        both = shared(left, lefts, right, rights)
        out[row] = both / (lefts + rights - both)
