"""The folded words of texts as lists of hashes, shared by the plugins of a pass; and hashes of whole texts."""

from __future__ import annotations

import functools
import importlib
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa

from finery import Batch, Memo
from finery_plugins.text.content import contents, text_columns
from finery_plugins.text.measures import frozen, kernels, view
from finery_plugins.text.traits import traits

NAME = "folded-word-hashes"
"""What the lists are called in a pass's memo."""


@dataclass(frozen=True)
class Words:
    """The words of texts as the kernels read them, read-only."""

    offsets: np.ndarray
    """`int64` (n + 1,): where each text's words start in `hashes`."""
    hashes: np.ndarray
    """`uint64`: a hash of each word in lower case and without marks; of unspaced scripts each character is a word."""


def words_of(batch: Batch, column: str | None, memo: Memo) -> Words:
    """The words of each record, worked out once for all plugins of a pass that ask for the same column."""
    names = [column] if column else text_columns(batch)
    if len(names) > 1:  # a memo is kept for one column, and forgotten when that one changes
        return as_words(word_lists(contents(batch, column)))
    return as_words(memo(names[0], NAME, lambda: word_lists(contents(batch, column))))


def word_lists(texts: pa.Array) -> pa.Array:
    """`large_list<uint64>` (n,): hashes of the folded words of each text. Raises MissingExtra without numba."""
    seen = view(texts)
    size = int(seen.offsets[-1] - seen.offsets[0]) // 2 + 2 * len(texts) + 2
    hashes, ends = np.empty(size, np.uint64), np.zeros(len(texts) + 1, np.int64)
    walks().listed_words(seen.offsets, seen.data, traits(), hashes, ends[1:])
    return pa.LargeListArray.from_arrays(pa.array(ends), pa.array(hashes[: ends[-1]].copy()))


def as_words(lists: pa.Array) -> Words:
    """The lists as numpy arrays, without a copy."""
    lists = lists.combine_chunks() if isinstance(lists, pa.ChunkedArray) else lists
    offsets = np.asarray(lists.offsets.to_numpy()) if len(lists) else np.zeros(1, np.int64)
    return Words(frozen(offsets), frozen(np.asarray(lists.values.to_numpy())))


def text_hashes(texts: pa.Array) -> np.ndarray:
    """`uint64` (n,): a hash of the bytes of each text."""
    seen = view(texts)
    out = np.empty(len(texts), np.uint64)
    walks().text_hashes(seen.offsets, seen.data, out)
    return out


@functools.cache
def walks() -> Any:
    """The kernels of `word_walks.py`. Raises MissingExtra without numba."""
    kernels()
    return importlib.import_module("finery_plugins.text.word_walks")
