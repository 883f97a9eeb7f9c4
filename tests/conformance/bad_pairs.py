"""Dedupe plugins that verify pairs wrongly."""

from collections.abc import Callable, Mapping
from typing import Any

import pyarrow as pa
from bad_case import Case, texts

from finery import Batch, hookimpl, plugin

Pairs = list[tuple[str, str]]

ANSWERS: Mapping[str, Callable[[Pairs], Any]] = {
    "list": lambda pairs: [1.0 for _ in pairs],
    "booleans": lambda pairs: pa.array([a == b for a, b in pairs], pa.bool_()),
    "matching-only": lambda pairs: pa.array([1.0 for a, b in pairs if a == b], pa.float64()),
    "never-none": lambda pairs: pa.array([1.0] * len(pairs), pa.float64()) if pairs else pairs[0],
    "one-sided": lambda pairs: pa.array([float(len(a)) for a, _ in pairs], pa.float64()),
    "neighbourly": lambda pairs: pa.array([float(len(pairs))] * len(pairs), pa.float64()),
}


@plugin
class Pairing:
    """Take records of equal first letters as candidates, and verify them wrongly."""

    how: str
    """Which wrong answer."""

    @hookimpl
    def dedupe(self, batch: Batch) -> pa.Array:
        return pa.array([text[:1] for text in texts(batch)], pa.large_string())

    @hookimpl
    def same(self, left: Batch, right: Batch) -> Any:
        return ANSWERS[self.how](list(zip(texts(left), texts(right), strict=True)))


CASES = (
    *(Case("same-answer", Pairing(how=how)) for how in ("list", "booleans", "matching-only", "never-none")),
    Case("same-symmetric", Pairing(how="one-sided")),
    Case("same-alone", Pairing(how="neighbourly")),
)
