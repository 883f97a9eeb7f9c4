"""Numba kernels over the words of documents: what share of them stands in n-grams that are said again.

They read the hashes and faces of words that `words.tokenised` wrote, and call only each other, because numba's cache
looks only at the file of the kernel that it loads. Their plain-Python twins stand in the tests.
"""

from __future__ import annotations

import numpy as np

from finery_plugins.text.kernels import Array, lean

CHAIN, NONE = np.uint64(0x9E3779B97F4A7C15), np.uint64(0)
LENGTH = 2
"""How far a face holds its word's number of characters shifted, as in `words.py`."""


@lean
def lengthened(words: Array, count: int, left: int, size: int, longer: int, grams: Array, places: Array) -> int:
    """Turn the hashes of `size` words in `grams` into those of `longer` ones, none of them 0; how many there are.

    `words` (count,) are the document's; n-gram i begins at word `places[i]`.
    """
    while left and places[left - 1] > count - longer:
        left -= 1
    for index in range(left):
        value = grams[index]
        for further in range(places[index] + size, places[index] + longer):
            value = value * CHAIN + words[further]
        grams[index] = CHAIN if value == NONE else value
    return left


@lean
def tallied(grams: Array, left: int, keys: Array, counts: Array, slots: Array) -> int:
    """Write to `slots` where each n-gram's count stands in `counts`; the count of the most frequent."""
    mask, most = 3, 0
    while mask < 2 * left:
        mask = 2 * mask + 1
    keys[: mask + 1], counts[: mask + 1] = NONE, 0
    for index in range(left):
        value = grams[index]
        slot = np.int64(value & np.uint64(mask))
        while keys[slot] != NONE and keys[slot] != value:
            slot = (slot + 1) & mask
        keys[slot] = value
        counts[slot] += 1
        slots[index] = slot
        most = max(most, counts[slot])
    return most


@lean
def kept(grams: Array, places: Array, left: int, counts: Array, slots: Array) -> int:
    """Move the n-grams that are said more than once to the front; how many there are."""
    some = 0
    for index in range(left):
        if counts[slots[index]] > 1:
            grams[some], places[some], slots[some] = grams[index], places[index], slots[index]
            some += 1
    return some


@lean
def joined_top(places: Array, left: int, size: int, before: Array, counts: Array, slots: Array, most: int) -> int:
    """The length of the first of the most frequent n-grams, single spaces and all, times how often it is said."""
    for index in range(left):
        if counts[slots[index]] == most:
            return most * int(before[places[index] + size] - before[places[index]] + size - 1)
    return int(before[size] - before[0]) + size - 1


@lean
def covered_top(places: Array, left: int, size: int, before: Array, counts: Array, slots: Array, most: int) -> int:
    """The characters of the words within the longest of the most frequent n-grams, each counted once."""
    best, longest, total, done = -1, -1, 0, 0
    for index in range(left):
        length = before[places[index] + size] - before[places[index]]
        if counts[slots[index]] == most and length > longest:
            best, longest = slots[index], length
    for index in range(left):
        if slots[index] == best:
            place = places[index]
            total += before[place + size] - before[max(place, done)]
            done = place + size
    return total


@lean
def again(places: Array, left: int, size: int, before: Array, greedy: bool, counts: Array, slots: Array) -> int:
    """The characters of the words in n-grams that were said earlier, each counted once; `counts` are used up.

    Where `greedy`, the scan goes on behind a repeated n-gram and does not learn those that begin within it.
    """
    total, done = 0, 0
    for index in range(left):
        place = places[index]
        if greedy and place < done:
            continue
        if counts[slots[index]] == 0:
            total += before[place + size] - before[max(place, done)]
            done = place + size
        counts[slots[index]] = 0
    return total


@lean
def repeated(
    ends: Array, words: Array, faces: Array, sizes: Array, tops: Array, joined: bool, before: Array, grams: Array,
    places: Array, keys: Array, counts: Array, slots: Array, out: Array,
) -> None:  # fmt: skip
    """Fill `out` (n, sizes + 1): for each size of n-gram, in rising order, its characters; then those of all words.

    `tops` says of each size whether the most frequent n-gram is looked at, or all that were said earlier. An n-gram
    can only be said twice where the shorter one that it begins with is, so after each size the others are left out.
    Where `joined`, a most frequent n-gram may be said once, and then the first is.
    """
    first = 0
    for row in range(len(ends)):
        count = ends[row] - first
        before[0] = 0
        for index in range(count):
            grams[index], places[index] = words[first + index], index
            before[index + 1] = before[index] + (faces[first + index] >> LENGTH)
        left, size = count, 1
        for place in range(len(sizes)):
            left = lengthened(words[first : ends[row]], count, left, size, sizes[place], grams, places)
            size = sizes[place]
            most = tallied(grams, left, keys, counts, slots)
            left = kept(grams, places, left, counts, slots)
            if not tops[place]:
                out[row, place] = again(places, left, size, before, joined, counts, slots)
            elif joined:
                out[row, place] = joined_top(places, left, size, before, counts, slots, most) if count >= size else 0
            else:
                out[row, place] = covered_top(places, left, size, before, counts, slots, most)
        out[row, len(sizes)] = before[count]
        first = ends[row]
