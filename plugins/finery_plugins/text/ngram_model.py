"""An n-gram language model with interpolated modified Kneser-Ney smoothing: fitted with numpy, scored by a kernel.

The method is Chen and Goodman's (1998, section 3); counts of the lower orders are numbers of different pieces before,
but for n-grams that begin a text, which have none before them and keep their counts, as in KenLM (Heafield et al.
2013). The lowest order is interpolated with equal chances for all pieces, one that stands for unknown ones among them.
"""

from __future__ import annotations

import functools
import importlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa

from finery_plugins.text.measures import frozen, kernels, view
from finery_plugins.text.traits import traits

NAME = b"finery.ngram-model"
"""Where a state's metadata hold what is not a column."""

FALLBACK = (0.5, 1.0, 1.5)
"""Discounts where counts of counts give none, as KenLM's `--discount_fallback` has them."""


@dataclass(frozen=True)
class Pieces:
    """Texts in pieces, START before and END behind each."""

    ids: np.ndarray
    """`uint64` (pieces,)."""
    sizes: np.ndarray
    """`int32` (pieces,): bytes of each; 0 for START and END."""
    ends: np.ndarray
    """`int64` (n + 1,): where each text's pieces start and end."""

    @property
    def places(self) -> np.ndarray:
        """`int64` (pieces,): how many pieces stand before each in its text, START included."""
        lengths = np.diff(self.ends)
        return np.asarray(np.arange(len(self.ids)) - np.repeat(self.ends[:-1], lengths))


def pieces_of(texts: pa.Array, unit: int) -> Pieces:
    """The pieces of `large_string` texts without nulls. Raises MissingExtra without numba."""
    seen = view(texts)
    size = int(seen.offsets[-1] - seen.offsets[0]) + 2 * len(texts)
    ids, sizes, ends = np.empty(size, np.uint64), np.empty(size, np.int32), np.zeros(len(texts) + 1, np.int64)
    walks().pieces(seen.offsets, seen.data, traits(), unit, ids, sizes, ends[1:])
    return Pieces(ids[: ends[-1]], sizes[: ends[-1]], ends)


def fitted(found: Pieces, order: int, least: int, closed: int | None) -> pa.Table:
    """A model of some texts: a hash table of n-grams, `key, chance, backoff`, empty slots with key 0.

    Pieces met fewer than `least` times count as unknown. `closed` is how many pieces there are at all where that is
    known, END included; otherwise all that were met, END and one for unknown pieces.
    """
    ids = known_only(found.ids, least)
    places = found.places
    levels: list[Level] = []
    for length in range(order, 0, -1):
        levels.append(counted(ids, places, length, levels[-1].first if levels else None))
    chances, contexts, backoffs = zip(*map(smoothed, levels), strict=True)
    single = levels[-1].keys
    met = len(single) + int(walks().UNKNOWN not in single)
    said = {"order": order, "pieces": closed or met, "backoff": float(backoffs[-1][0])}
    keys = np.concatenate([*(level.keys for level in levels), [walks().START]])
    likely = np.concatenate([*chances, [0.0]])
    # What the single pieces hand down has no key: it is the same for all.
    inner, handed = np.concatenate([keys[:0], *contexts[:-1]]), np.concatenate([likely[:0], *backoffs[:-1]])
    table = hash_table(keys, likely, inner, handed)
    return table.replace_schema_metadata({NAME: json.dumps(said).encode()})


def known_only(ids: np.ndarray, least: int) -> np.ndarray:
    """The pieces, those met fewer than `least` times as UNKNOWN."""
    kinds, place, often = np.unique(ids, return_inverse=True, return_counts=True)
    kept = (often >= least) | (kinds == walks().START) | (kinds == walks().END)
    return np.where(kept, kinds, walks().UNKNOWN)[place]


@dataclass(frozen=True)
class Level:
    """The n-grams of one length."""

    keys: np.ndarray
    first: np.ndarray
    """`int64` (n,): where the last piece of one of each stands."""
    counts: np.ndarray
    contexts: np.ndarray
    """`uint64` (n,): the key of all its pieces but the last; 0 for single pieces."""


def counted(ids: np.ndarray, places: np.ndarray, length: int, above: np.ndarray | None) -> Level:
    """The n-grams of a length, with counts if it is the longest (`above` is None) or else numbers of pieces before.

    `above` says where one of each n-gram longer by one ends: what it ends in has one more piece before it.
    """
    if above is None:
        where = np.flatnonzero(places >= max(length - 1, 1))
    else:
        begin = np.flatnonzero(places == length - 1) if length > 1 else above[:0]
        where = np.concatenate([above, begin])
    inner = chained(ids, length - 1)
    keys = ids if length == 1 else extended(inner, ids)
    kinds, first, counts = np.unique(keys[where], return_index=True, return_counts=True)
    ends = where[first]
    contexts = np.zeros(len(ends), np.uint64) if length == 1 else inner[ends - 1]
    return Level(kinds, ends, counts, contexts)


def chained(ids: np.ndarray, length: int) -> np.ndarray:
    """`uint64` (pieces,): the key of the n-gram of a length that ends at each piece, whatever text it began in."""
    keys = ids
    for _ in range(length - 1):
        keys = extended(keys, ids)
    return keys


def extended(keys: np.ndarray, ids: np.ndarray) -> np.ndarray:
    """The keys of n-grams longer by one: those that end one piece before, and that piece."""
    longer = ids.copy()
    with np.errstate(over="ignore"):
        longer[1:] = scoring().joined_keys(keys[:-1], ids[1:])
    return longer


def smoothed(level: Level) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Discounted chances (n,); the contexts (m,); what each hands down to the next lower order (m,)."""
    discounts = np.array([0.0, *estimated(level.counts)])
    classes = np.minimum(level.counts, 3)
    contexts, place = np.unique(level.contexts, return_inverse=True)
    totals = np.bincount(place, level.counts)
    handed = sum(discounts[n] * np.bincount(place, classes == n) for n in (1, 2, 3))
    return (level.counts - discounts[classes]) / totals[place], contexts, handed / totals


def estimated(counts: np.ndarray) -> tuple[float, float, float]:
    """Discounts of n-grams met once, twice and more often (Chen, Goodman 1998, equation 26)."""
    met = [int((counts == n).sum()) for n in (1, 2, 3, 4)]
    if not all(met):
        return FALLBACK
    rate = met[0] / (met[0] + 2 * met[1])
    found = tuple(n - (n + 1) * rate * met[n] / met[n - 1] for n in (1, 2, 3))
    return found if all(0 <= value <= n for n, value in enumerate(found, 1)) else FALLBACK  # type: ignore[return-value]


def hash_table(keys: np.ndarray, chances: np.ndarray, contexts: np.ndarray, backoffs: np.ndarray) -> pa.Table:
    """Slots with linear probing, a power of two of them and at least half as many again as keys."""
    order = np.argsort(keys)
    keys, chances = keys[order], chances[order]
    handed = np.ones(len(keys))
    handed[np.searchsorted(keys, contexts)] = backoffs
    size = 1 << max(int(1.5 * len(keys)).bit_length(), 4)
    slots, likely, lower = np.zeros(size, np.uint64), np.zeros(size, np.float32), np.ones(size, np.float32)
    scoring().filled(keys, chances, handed, slots, likely, lower)
    return pa.table({"key": pa.array(slots), "chance": pa.array(likely), "backoff": pa.array(lower)})


def described(model: pa.Table) -> Mapping[str, Any]:
    """What a model's metadata say."""
    said: Mapping[str, Any] = json.loads(model.schema.metadata[NAME])
    return said


def nats(found: Pieces, model: pa.Table, spelling: tuple[float, float]) -> np.ndarray:
    """`float64` (n,): the negative log likelihood of each text, its end included.

    An unknown piece costs what UNKNOWN costs, and nats for itself and for each of its bytes: `spelling`.
    """
    said = described(model)
    out = np.zeros(len(found.ends) - 1)
    scoring().scored(
        frozen(found.ends), frozen(found.ids), frozen(found.sizes),
        *(frozen(model[name].combine_chunks().to_numpy()) for name in ("key", "chance", "backoff")),
        said["order"], said["backoff"] / said["pieces"], *spelling, walks().UNKNOWN, out,
    )  # fmt: skip
    return out


@functools.cache
def walks() -> Any:
    """The kernels that cut texts. Raises MissingExtra without numba."""
    kernels()
    return importlib.import_module("finery_plugins.text.piece_walks")


@functools.cache
def scoring() -> Any:
    """The kernels that fill and read a model. Raises MissingExtra without numba."""
    kernels()
    return importlib.import_module("finery_plugins.text.ngram_scoring")
