"""Which n-grams of words texts share with the items of evaluation sets: an index of hashes, and a walk over texts."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa

from finery_plugins.text.measures import kernels, view
from finery_plugins.text.traits import traits

BITS = 8
"""Filter bytes for each n-gram of the index, so that one other n-gram in eight gets past it."""


@dataclass(frozen=True)
class Shared:
    """What each text shares with items, a row an item and text."""

    rows: np.ndarray
    """`int64` (n,): the text."""
    items: list[str]
    """The item."""
    shares: np.ndarray
    """`float64` (n,): how much of the item's different n-grams the text has."""


def index(texts: Sequence[str], names: Sequence[str], ngram: int, least: int, common: int) -> pa.Table:
    """`hash`, `item`, `grams`, `length`: the different n-grams of each item, sorted by hash.

    An item of fewer than `ngram` words is one n-gram of all its words, one of fewer than `least` is left out, and so
    are n-grams of more than `common` items. `grams` counts the item's n-grams that are left, `length` is their words.
    """
    seen = view(pa.array(texts, pa.large_string()))
    room = len(seen.data) // 2 + len(texts) + 1
    hashes, items, lengths = np.empty(room, np.uint64), np.empty(room, np.int64), np.empty(room, np.int64)
    words = np.empty(seen.scratch, np.uint64)
    count = walks().listed(seen.offsets, seen.data, traits(), ngram, least, words, hashes, items, lengths)
    first, item, length = different(hashes[:count], items[:count], lengths[:count])
    _, place, often = np.unique(first, return_inverse=True, return_counts=True)
    kept = often[place] <= common
    first, item, length = first[kept], item[kept], length[kept]
    sizes = np.bincount(item, minlength=1)
    named = pa.array(names, pa.large_string()).take(pa.array(item))
    columns = {"hash": pa.array(first), "item": named, "grams": pa.array(sizes[item]), "length": pa.array(length)}
    return pa.table(columns)


def different(hashes: np.ndarray, others: np.ndarray, *more: np.ndarray) -> list[np.ndarray]:
    """Columns sorted by hash and then the second, each pair of these once."""
    order = np.lexsort((others, hashes))
    columns = [values[order] for values in (hashes, others, *more)]
    new = np.ones(len(order), bool)
    new[1:] = (np.diff(columns[0]) != 0) | (np.diff(columns[1]) != 0)
    return [values[new] for values in columns]


def shared(texts: pa.Array, known: pa.Table) -> Shared:
    """What `large_string` texts without nulls share with the items of an index."""
    hashes = known["hash"].to_numpy()
    rows, found = occurrences(texts, hashes, np.unique(known["length"].to_numpy()))
    met, row = different(found, rows)
    first, stop = np.searchsorted(hashes, met, "left"), np.searchsorted(hashes, met, "right")
    entries = np.concatenate([np.arange(a, b) for a, b in zip(first, stop, strict=True)] or [first])
    hits = known.take(pa.array(entries, pa.int64())).append_column("row", pa.array(np.repeat(row, stop - first)))
    grouped = hits.group_by(["row", "item"], use_threads=False).aggregate([("hash", "count"), ("grams", "min")])
    shares = grouped["hash_count"].to_numpy() / np.maximum(grouped["grams_min"].to_numpy(), 1)
    return Shared(grouped["row"].to_numpy(), grouped["item"].to_pylist(), shares)


def occurrences(texts: pa.Array, hashes: np.ndarray, lengths: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Row and hash of each n-gram of the texts that is among the sorted hashes."""
    seen = view(texts)
    gate = np.zeros(1 << max(int(len(hashes) * BITS).bit_length(), 3), bool)
    gate[hashes & np.uint64(len(gate) - 1)] = True
    words, room = np.empty(seen.scratch, np.uint64), 4096
    while True:
        rows, found = np.empty(room, np.int64), np.empty(room, np.uint64)
        count = walks().met(seen.offsets, seen.data, traits(), lengths, gate, hashes, words, rows, found)
        if count <= room:
            return rows[:count], found[:count]
        room = count


@functools.cache
def walks() -> Any:
    """The kernels below, compiled. Raises MissingExtra without numba.

    They are not kept on disk: they call kernels of another file, whose changes numba's cache would not notice.
    """
    kernels()
    from finery_plugins.text import overlap_walks

    return overlap_walks
