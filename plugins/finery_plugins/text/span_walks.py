"""Numba kernels over the tokens of texts: winnowed fingerprints, keys of spans, and texts without repeated spans.

A token is a word between white space, byte for byte; of a script written without spaces, a character. All kernels
stand in this one file because numba's cache looks only at the file of the kernel that it loads. Their plain-Python
twins stand in the tests.
"""

from __future__ import annotations

import numpy as np

from finery_plugins.text.kernels import Array, kernel
from finery_plugins.text.traits import ALONE, SPACE

SHIFT_A, SHIFT_B, SHIFT_C = np.uint64(30), np.uint64(27), np.uint64(31)
MIX_A, MIX_B = np.uint64(0xBF58476D1CE4E5B9), np.uint64(0x94D049BB133111EB)
BASIS, PRIME = np.uint64(0xCBF29CE484222325), np.uint64(0x100000001B3)
CHAIN, ZERO, ONE = np.uint64(0x9E3779B97F4A7C15), np.uint64(0), np.uint64(1)


@kernel
def mixed(x: np.uint64) -> np.uint64:
    """splitmix64's finaliser (Steele, Lea, Flood 2014)."""
    x = (x ^ (x >> SHIFT_A)) * MIX_A
    x = (x ^ (x >> SHIFT_B)) * MIX_B
    return x ^ (x >> SHIFT_C)


@kernel
def trait_at(data: Array, table: Array, at: int, end: int) -> tuple[int, int]:
    """The trait of the character at byte `at`, and its bytes; what is cut short stands for itself."""
    point = int(data[at])
    size = 1 + (point >= 0xC0) + (point >= 0xE0) + (point >= 0xF0)
    if size == 1 or at + size > end:
        return int(table[point]), 1
    point &= 0x7F >> size
    for index in range(1, size):
        point = point << 6 | int(data[at + index]) & 0x3F
    return int(table[min(point, 0x10FFFF)]), size


@kernel
def tokens(data: Array, table: Array, at: int, end: int, starts: Array, stops: Array, hashes: Array) -> int:
    """Write where each token of a text starts and stops, and FNV-1a of its bytes, finalised; how many there are."""
    count, inside, value = 0, False, BASIS
    while at < end:
        trait, size = trait_at(data, table, at, end)
        apart = trait & (SPACE | ALONE) != 0
        if inside and apart:
            stops[count], hashes[count] = at, mixed(value)
            count, inside = count + 1, False
        if not trait & SPACE:
            if not inside:
                starts[count], value = at, BASIS
            for index in range(at, at + size):
                value = (value ^ np.uint64(data[index])) * PRIME
            inside = not apart
            if apart:
                stops[count], hashes[count] = at + size, mixed(value)
                count += 1
        at += size
    if inside:
        stops[count], hashes[count] = end, mixed(value)
        count += 1
    return count


@kernel
def grams(hashes: Array, count: int, size: int, out: Array) -> int:
    """Write a hash of each run of `size` tokens, a polynomial mod 2^64; how many there are."""
    leaving, value = ONE, ZERO
    for _ in range(size):
        leaving *= CHAIN
    for index in range(count):
        value = value * CHAIN + hashes[index]
        if index >= size:
            value -= hashes[index - size] * leaving
        if index >= size - 1:
            out[index - size + 1] = mixed(value + np.uint64(size))
    return max(count - size + 1, 0)


@kernel
def winnowed(values: Array, count: int, window: int, out: Array) -> int:
    """Write where the least of each `window` values stands, the first of equal ones, each place once; how many.

    Winnowing (Schleimer, Wilkerson, Aiken 2003): texts that share `window` values in a row share one that is chosen.
    """
    chosen, least = 0, -1
    for first in range(count - window + 1):
        if least < first:
            least = first
            for index in range(first + 1, first + window):
                least = index if values[index] < values[least] else least
        elif values[first + window - 1] < values[least]:
            least = first + window - 1
        if chosen == 0 or out[chosen - 1] != least:
            out[chosen] = least
            chosen += 1
    return chosen


@kernel
def sighted(
    offsets: Array, data: Array, table: Array, length: int, once: Array, twice: Array,
    starts: Array, stops: Array, hashes: Array, values: Array, places: Array,
) -> None:  # fmt: skip
    """Note in the bitmaps which fingerprints of spans of `length` tokens were seen, and which of them again."""
    size, mask = length // 2, np.uint64(8 * len(once) - 1)
    for row in range(len(offsets) - 1):
        count = tokens(data, table, offsets[row], offsets[row + 1], starts, stops, hashes)
        runs = grams(hashes, count, size, values)
        for index in range(winnowed(values, runs, length - size + 1, places)):
            slot = values[places[index]] & mask
            byte, bit = np.int64(slot >> np.uint64(3)), np.uint8(1 << np.int64(slot & np.uint64(7)))
            twice[byte] |= once[byte] & bit
            once[byte] |= bit


@kernel
def suspects(count: int, length: int, twice: Array, hashes: Array, values: Array, places: Array, chosen: Array) -> int:
    """Write the first token of each span of `length` tokens that holds a fingerprint seen twice; how many."""
    size, mask = length // 2, np.uint64(8 * len(twice) - 1)
    runs, found, following = grams(hashes, count, size, values), 0, 0
    for index in range(winnowed(values, runs, length - size + 1, places)):
        place = places[index]
        slot = values[place] & mask
        if not twice[np.int64(slot >> np.uint64(3))] & np.uint8(1 << np.int64(slot & np.uint64(7))):
            continue
        for first in range(max(place + size - length, following), min(place, count - length) + 1):
            chosen[found] = first
            found += 1
        following = max(following, min(place, count - length) + 1)
    return found


@kernel
def spanned(
    offsets: Array, data: Array, table: Array, length: int, twice: Array,
    starts: Array, stops: Array, hashes: Array, values: Array, places: Array, chosen: Array, ends: Array, out: Array,
) -> None:  # fmt: skip
    """Write the key of each suspect span, text after text, and to `ends` (n,) where each text's end."""
    written = 0
    for row in range(len(offsets) - 1):
        count = tokens(data, table, offsets[row], offsets[row + 1], starts, stops, hashes)
        found = suspects(count, length, twice, hashes, values, places, chosen)
        if found:
            grams(hashes, count, length, values)
        for index in range(found):
            out[written] = values[chosen[index]]
            written += 1
        ends[row] = written


@kernel
def copied(data: Array, at: int, end: int, out: Array, written: int) -> int:
    """Copy bytes; how many are written now."""
    for index in range(at, end):
        out[written] = data[index]
        written += 1
    return written


@kernel
def kept(
    offsets: Array, data: Array, table: Array, length: int, twice: Array, firsts: Array, gone: Array,
    starts: Array, stops: Array, hashes: Array, values: Array, places: Array, chosen: Array, ends: Array, out: Array,
) -> int:  # fmt: skip
    """Write each text without the tokens of spans that are `gone`, from `firsts` (n,) on; to `ends` (n,) where it ends.

    What stood before a token stays with it; the first that is left takes the place of the very first. How many
    stretches of tokens are gone.
    """
    written, stretches = 0, 0
    for row in range(len(offsets) - 1):
        begin, end = offsets[row], offsets[row + 1]
        count = tokens(data, table, begin, end, starts, stops, hashes)
        found = suspects(count, length, twice, hashes, values, places, chosen)
        index, cut, left, at, inside = 0, 0, 0, begin, False
        for token in range(count):
            while index < found and chosen[index] <= token:
                if gone[firsts[row] + index]:
                    cut = chosen[index] + length
                index += 1
            if token >= cut:
                lead = begin if left == 0 else at
                written = copied(data, lead, starts[token] if left else starts[0], out, written)
                written = copied(data, starts[token], stops[token], out, written)
                left += 1
            stretches += token < cut and not inside
            inside, at = token < cut, stops[token]
        if left or count == 0:
            written = copied(data, at, end, out, written)
        ends[row] = written
    return stretches
