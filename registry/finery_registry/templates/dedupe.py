"""A dedupe that joins documents that open alike and share most of their words."""

from __future__ import annotations

import re
from typing import Annotated

import pyarrow as pa
from pydantic import Field

from finery import Batch, hookimpl, plugin

WORD = re.compile(r"\w+")


@plugin
class Starter:
    """Join documents whose first words are equal and which share enough of all their words.

    ```toml
    [[stage]]
    dedupe = "starter"
    opening = 5
    similarity = 0.9
    ```
    """

    opening: Annotated[int, Field(ge=1, le=100)] = 5
    """How many of the first words two documents must share to be compared."""

    similarity: Annotated[float, Field(ge=0, le=1)] = 0.8
    """Smallest share of shared words among all words of the two (Jaccard)."""

    @hookimpl
    def dedupe(self, batch: Batch) -> pa.Array:
        """The opening as a key; null for a text without words."""
        texts = [words(text or "") for text in batch["text"].to_pylist()]
        return pa.array([" ".join(found[: self.opening]) or None for found in texts], pa.string())

    @hookimpl
    def same(self, left: Batch, right: Batch) -> pa.Array:
        """How alike each pair is, null under `similarity`."""
        pairs = zip(left["text"].to_pylist(), right["text"].to_pylist(), strict=True)
        found = [alike(set(words(one or "")), set(words(other or ""))) for one, other in pairs]
        return pa.array([value if value >= self.similarity else None for value in found], pa.float64())


def words(text: str) -> list[str]:
    """The words of a text in lower case."""
    return [word.lower() for word in WORD.findall(text)]


def alike(left: set[str], right: set[str]) -> float:
    """The share of shared words among all."""
    return len(left & right) / max(len(left | right), 1)
