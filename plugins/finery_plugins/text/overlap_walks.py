"""Numba kernels that hash every n-gram of words of texts as a window moves along."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar, cast

import numba
import numpy as np

from finery_plugins.text.kernels import CHAIN, SHORT, Array, mixed, word_hashes

Function = TypeVar("Function", bound=Callable[..., Any])


def walk(function: Function) -> Function:
    """Compile to run without the GIL, not kept on disk: numba would not see a change in the file of `word_hashes`."""
    return cast(Function, numba.njit(nogil=True)(function))


@walk
def grams(words: Array, count: int, ngram: int, out: Array) -> int:
    """Write a hash of each run of `ngram` of the first `count` words to `out`; how many there are.

    A polynomial of the words' hashes mod 2^64: what leaves the window is taken off, what enters is added.
    """
    leaving, start, value = np.uint64(1), np.uint64(ngram) * SHORT, np.uint64(0)
    for _ in range(ngram):
        leaving *= CHAIN
    for index in range(count):
        value = value * CHAIN + words[index]
        if index >= ngram:
            value -= words[index - ngram] * leaving
        if index >= ngram - 1:
            out[index - ngram + 1] = mixed(value + start)
    return max(count - ngram + 1, 0)


@walk
def listed(
    offsets: Array, data: Array, table: Array, ngram: int, least: int,
    words: Array, hashes: Array, items: Array, lengths: Array,
) -> int:  # fmt: skip
    """Write hash, item and length in words of each n-gram of each text; how many there are."""
    written = 0
    for row in range(len(offsets) - 1):
        count = word_hashes(data, offsets[row], offsets[row + 1], table, words)
        length = min(count, ngram)
        if count == 0 or count < least:
            continue
        more = grams(words, count, length, hashes[written:])
        items[written : written + more] = row
        lengths[written : written + more] = length
        written += more
    return written


@walk
def met(
    offsets: Array, data: Array, table: Array, lengths: Array, gate: Array, hashes: Array,
    words: Array, rows: Array, found: Array,
) -> int:  # fmt: skip
    """Write row and hash of each n-gram of these lengths that is among `hashes`, as far as there is room; how many.

    `gate` has a true byte at the low bits of each hash, which turns away most others without a search.
    """
    written, mask = 0, np.uint64(len(gate) - 1)
    values = np.empty(len(words), np.uint64)
    for row in range(len(offsets) - 1):
        count = word_hashes(data, offsets[row], offsets[row + 1], table, words)
        for length in lengths:
            for index in range(grams(words, count, length, values)):
                value = values[index]
                if gate[value & mask]:
                    place = np.searchsorted(hashes, value)
                    if place < len(hashes) and hashes[place] == value:
                        if written < len(rows):
                            rows[written], found[written] = row, value
                        written += 1
    return written
