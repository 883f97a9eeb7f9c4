"""A score of how rich a text's vocabulary is."""

from __future__ import annotations

import math
import re

import pyarrow as pa

from finery import Batch, hookimpl, plugin

WORD = re.compile(r"\w+")


@plugin
class Starter:
    """Score how many different words a text has for its length: Guiraud's index, distinct words by the root of all.

    ```toml
    [[stage]]
    score = "starter"
    column = "richness"
    ```
    """

    column: str = "richness"
    """The column to write; null for a text without words."""

    @hookimpl
    def score(self, batch: Batch) -> dict[str, pa.Array]:
        """One number a record."""
        return {self.column: pa.array([richness(text or "") for text in batch["text"].to_pylist()], pa.float64())}


def richness(text: str) -> float | None:
    """Guiraud's index of a text, None without words."""
    words = [word.lower() for word in WORD.findall(text)]
    return len(set(words)) / math.sqrt(len(words)) if words else None
