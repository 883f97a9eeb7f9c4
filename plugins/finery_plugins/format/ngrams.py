"""Texts as hashed counts of character n-grams, and how alike they are."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

SIZE = 1024
"""Numbers in a vector."""

LENGTH = 3
"""Characters of an n-gram: three tell words apart in spaced scripts and in Chinese alike."""

READ = 4096
"""Characters of a text that are read."""

MOST = 31
"""A count goes no higher. With at most 4,096 n-grams, sums of products stay below 2^24: 32-bit floats hold them
exactly, so that they do not depend on the order in which a library adds them."""

BLOCK = 256
"""Texts compared at a time."""


@dataclass(frozen=True)
class Vectors:
    """Texts as counts."""

    counts: np.ndarray
    """`float32` (n, 1024): whole numbers."""
    norms: np.ndarray
    """`float64` (n,): Euclidean lengths, 1 for a text without n-grams."""

    def among(self, rows: Sequence[int]) -> np.ndarray:
        """`float64` (m, m): the cosines among some of the texts."""
        some = self.counts[list(rows)]
        norms = self.norms[list(rows)]
        found: np.ndarray = (some @ some.T).astype(np.float64) / np.outer(norms, norms)
        return found


def features(texts: Sequence[str]) -> Vectors:
    """The vectors of some texts."""
    counts = np.zeros((len(texts), SIZE), np.float32)
    for row, text in enumerate(texts):
        counts[row] = np.minimum(np.bincount(hashed(text), minlength=SIZE), MOST)
    squares = np.square(counts, dtype=np.float64).sum(axis=1)
    return Vectors(counts, np.sqrt(np.where(squares > 0, squares, 1)))


def hashed(text: str) -> np.ndarray:
    """`int64` (m,) below 1024: the n-grams of a text in lower case, hashed; a short text is one n-gram."""
    points = np.frombuffer(text[:READ].lower().encode("utf-32-le", "surrogatepass"), np.uint32).astype(np.uint64)
    points = points[:READ]
    if not len(points):
        return np.zeros(0, np.int64)
    padded = np.concatenate([points, np.zeros(max(0, LENGTH - len(points)), np.uint64)])
    mixed = np.zeros(len(padded) - LENGTH + 1, np.uint64)
    with np.errstate(over="ignore"):
        for at in range(LENGTH):
            mixed = (mixed ^ padded[at : at + len(mixed)]) * np.uint64(0x9E3779B97F4A7C15)
    return (mixed >> np.uint64(54)).astype(np.int64)


def cosines(texts: Sequence[str], pool: Vectors) -> Iterator[np.ndarray]:
    """`float64` (n,), writable: the cosine of each text with each of the pool's."""
    for start in range(0, len(texts), BLOCK):
        some = features(texts[start : start + BLOCK])
        products = (some.counts @ pool.counts.T).astype(np.float64)
        yield from products / np.outer(some.norms, pool.norms)
