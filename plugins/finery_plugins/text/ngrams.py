"""Numba kernels over the words of documents: what share of them stands in n-grams that are said again.

They read the hashes and lengths of words that `words.tokenised` wrote, and call only each other, because numba's
cache looks only at the file of the kernel that it loads. Their plain-Python twins stand in the tests.
"""

from __future__ import annotations

import numpy as np

from finery_plugins.text.kernels import Array, kernel

SHIFT_A, SHIFT_B = np.uint64(30), np.uint64(27)
MIX = np.uint64(0xBF58476D1CE4E5B9)
CHAIN, NONE = np.uint64(0x9E3779B97F4A7C15), np.uint64(0)


@kernel
def slot_of(keys: Array, mask: int, value: np.uint64) -> int:
    """Where a value stands in a hash table, or the empty slot where it would."""
    mixed = (value ^ (value >> SHIFT_A)) * MIX
    slot = int(np.int64((mixed ^ (mixed >> SHIFT_B)) & np.uint64(mask)))
    while keys[slot] != NONE and keys[slot] != value:
        slot = (slot + 1) & mask
    return slot


@kernel
def lengthened(words: Array, first: int, count: int, size: int, longer: int, grams: Array) -> int:
    """Turn the hashes of `size` words in `grams` into those of `longer` ones, none of them 0; how many there are."""
    left = max(count - longer + 1, 0)
    for index in range(left):
        value = grams[index]
        for further in range(size, longer):
            value = value * CHAIN + words[first + index + further]
        grams[index] = CHAIN if value == NONE else value
    return left


@kernel
def covered(grams: Array, count: int, gram: np.uint64, size: int, before: Array) -> int:
    """The characters of the words that stand in one n-gram, each counted once."""
    total, done = 0, 0
    for index in range(count):
        if grams[index] == gram:
            total += before[index + size] - before[max(index, done)]
            done = index + size
    return total


@kernel
def top(
    grams: Array,
    count: int,
    size: int,
    before: Array,
    joined: bool,
    keys: Array,
    counts: Array,
    slots: Array,
    mask: int,
) -> tuple[int, bool]:
    """The characters of the most frequent n-gram, and whether any n-gram was said twice.

    Where `joined`, its length with single spaces times how often it stands there, be it once, and the first of
    equally frequent ones. Otherwise the characters of the words within it, of the longest of equally frequent ones,
    0 where no n-gram was said twice.
    """
    keys[: mask + 1], counts[: mask + 1] = 0, 0
    most = 0
    for index in range(count):
        slot = slot_of(keys, mask, grams[index])
        keys[slot] = grams[index]
        counts[slot] += 1
        slots[index] = slot
        most = max(most, counts[slot])
    if not joined and most < 2:
        return 0, False
    best, longest = -1, -1
    for index in range(count):
        length = before[index + size] - before[index]
        if counts[slots[index]] == most and (best < 0 or (not joined and length > longest)):
            best, longest = index, length
    if joined:
        return most * (longest + size - 1), most > 1
    return covered(grams, count, grams[best], size, before), True


@kernel
def again(grams: Array, count: int, size: int, before: Array, greedy: bool, keys: Array, mask: int) -> int:
    """The characters of the words in n-grams that were said earlier, each counted once.

    Where `greedy`, the scan goes on behind a repeated n-gram and does not learn those that begin within it.
    """
    keys[: mask + 1] = 0
    total, done, index = 0, 0, 0
    while index < count:
        slot = slot_of(keys, mask, grams[index])
        if keys[slot] == NONE:
            keys[slot] = grams[index]
            index += 1
            continue
        total += before[index + size] - before[max(index, done)]
        done = index + size
        index = done if greedy else index + 1
    return total


@kernel
def repeated(
    ends: Array, words: Array, lengths: Array, sizes: Array, tops: Array, joined: bool, before: Array, grams: Array,
    keys: Array, counts: Array, slots: Array, out: Array,
) -> None:  # fmt: skip
    """Fill `out` (n, sizes + 1): for each size of n-gram, in rising order, its characters; then those of all words.

    `tops` says of each size whether the most frequent n-gram is looked at, or all that were said earlier. No n-gram
    of a size is said twice where none of a smaller one is.
    """
    first = 0
    for row in range(len(ends)):
        count = ends[row] - first
        before[0] = 0
        for index in range(count):
            grams[index] = words[first + index]
            before[index + 1] = before[index] + lengths[first + index]
        mask = 3
        while mask < 2 * count:
            mask = 2 * mask + 1
        size, twice = 1, True
        for place in range(len(sizes)):
            left = lengthened(words, first, count, size, sizes[place], grams)
            size = sizes[place]
            if left == 0 or not (twice or (tops[place] and joined)):
                out[row, place] = 0
            elif tops[place]:
                out[row, place], twice = top(grams, left, size, before, joined, keys, counts, slots, mask)
            else:
                out[row, place] = again(grams, left, size, before, joined, keys, mask)
                twice = out[row, place] > 0
        out[row, len(sizes)] = before[count]
        first = ends[row]
