"""What the plugins ask of the kernels: texts in, numpy arrays out; numba is loaded at the first question."""

from __future__ import annotations

import functools
import importlib
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa

from finery import missing_extra
from finery_plugins.text.traits import traits


@dataclass(frozen=True)
class Counts:
    """Counts of each document, `int64` (n,).

    Words are what `str.split()` gives, but each character of a script written without spaces (Han, kana, Thai
    and others) is a word of its own.
    """

    characters: np.ndarray
    words: np.ndarray
    lines: np.ndarray
    """A newline ends a line; the last one may lack it."""
    marks: np.ndarray
    """Punctuation and symbols: Unicode categories P and S."""
    spaces: np.ndarray


@dataclass(frozen=True)
class View:
    """Texts as numpy sees them, without a copy and read-only."""

    offsets: np.ndarray
    """`int64` (n + 1,): where each document starts in `data`."""
    data: np.ndarray
    """`uint8`: UTF-8."""

    @property
    def scratch(self) -> int:
        """Most words, shingles or lines that a document can have: two bytes each, and one more."""
        return int(np.diff(self.offsets).max(initial=0)) // 2 + 2


@functools.cache
def kernels() -> Any:
    """The kernels' module. Raises MissingExtra without numba."""
    try:
        importlib.import_module("numba")
    except ImportError:
        raise missing_extra("text plugins", "numba", "text") from None
    # An import statement, because that is what the digest of a plugin's code follows.
    import finery_plugins.text.kernels as module

    return module


def view(texts: pa.Array) -> View:
    """A view of a `large_string` array without nulls."""
    if not len(texts):
        return View(frozen(np.zeros(1, np.int64)), frozen(np.zeros(0, np.uint8)))
    _, offsets, data = texts.buffers()
    starts = np.frombuffer(offsets, np.int64)[texts.offset : texts.offset + len(texts) + 1]
    # Numba compiles once for read-only arrays and once more for others, and Arrow hands out both.
    return View(frozen(starts), frozen(np.frombuffer(data if data is not None else b"", np.uint8)))


def frozen(array: np.ndarray) -> np.ndarray:
    """The array, read-only."""
    array.setflags(write=False)
    return array


def counts(texts: pa.Array) -> Counts:
    """Characters, words, lines, marks and spaces of each text."""
    seen = view(texts)
    out = np.zeros((len(texts), 5), np.int64)
    kernels().counted(seen.offsets, seen.data, traits(), out)
    return Counts(*(np.ascontiguousarray(column) for column in out.T))


def byte_lengths(texts: pa.Array) -> np.ndarray:
    """`int64` (n,): the length of each text in UTF-8."""
    return np.diff(view(texts).offsets)


def distinct_words(texts: pa.Array) -> tuple[np.ndarray, np.ndarray]:
    """`int64` (n,) twice: words in lower case without punctuation, and how many different ones."""
    return told_apart(texts, kernels().distinct_words)


def distinct_lines(texts: pa.Array) -> tuple[np.ndarray, np.ndarray]:
    """`int64` (n,) twice: lines that are not blank, and how many differ but for white space around them."""
    return told_apart(texts, kernels().distinct_lines)


def told_apart(texts: pa.Array, kernel: Any) -> tuple[np.ndarray, np.ndarray]:
    """What a kernel of all and different things found."""
    seen = view(texts)
    out = np.zeros((len(texts), 2), np.int64)
    kernel(seen.offsets, seen.data, traits(), np.empty(seen.scratch, np.uint64), out)
    return out[:, 0], out[:, 1]


def minhash_keys(texts: pa.Array, ngram: int, bands: int, rows: int) -> pa.Array:
    """`large_list<uint64>` (n,): the band keys of each text, one for a text of fewer than `ngram` words."""
    seen = view(texts)
    factors, terms = permutations(bands * rows)
    words, shingles = np.empty((2, seen.scratch), np.uint64)
    ends, keys = np.zeros(len(texts) + 1, np.int64), np.empty(len(texts) * bands, np.uint64)
    least = np.empty(bands * rows, np.uint64)
    kernels().band_keys(
        seen.offsets, seen.data, traits(), ngram, rows, factors, terms, words, shingles, least, ends[1:], keys
    )
    return pa.LargeListArray.from_arrays(pa.array(ends), pa.array(keys[: ends[-1]]))


def similarities(left: pa.Array, right: pa.Array, ngram: int) -> np.ndarray:
    """`float64` (n,): the Jaccard index of the shingle sets of row i of both."""
    one, other = view(left), view(right)
    scratch = np.empty((3, max(one.scratch, other.scratch)), np.uint64)
    out = np.zeros(len(left), np.float64)
    kernels().jaccard(one.offsets, one.data, other.offsets, other.data, traits(), ngram, *scratch, out)
    return out


@functools.cache
def permutations(count: int) -> tuple[np.ndarray, np.ndarray]:
    """`uint64` (count,) twice: odd factors and terms of `factor * x + term` mod 2^64, which permutes 64-bit
    numbers.

    They are splitmix64's first 2 x count numbers from seed 1: fixed, so that keys of two runs can be
    compared.
    """
    numbers = kernels().CHAIN * np.arange(1, 2 * count + 1, dtype=np.uint64) + np.uint64(1)
    values = np.array([kernels().mixed(number) for number in numbers], np.uint64)
    return frozen(values[:count] | np.uint64(1)), frozen(values[count:])
