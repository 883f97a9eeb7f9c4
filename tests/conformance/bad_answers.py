"""Plugins whose answer has the wrong type, length or content; each takes it from a table of answers by name."""

import uuid
from collections.abc import Callable, Mapping
from typing import Any

import pyarrow as pa
from bad_case import Case, dropped, none_dropped, texts

from finery import Batch, Draw, Reasons, Source, hookimpl, plugin


def lengths(batch: Batch) -> pa.Array:
    return pa.array([float(len(text)) for text in texts(batch)], pa.float64())


def all_dropped(batch: Batch) -> pa.Array:
    return dropped([True] * len(batch))


def raising(batch: Batch) -> Any:
    raise ZeroDivisionError("nothing to divide by")


FILTERS: Mapping[str, Callable[[Batch], Any]] = {
    "raises": raising,
    "none": lambda batch: None,
    "list": lambda batch: ["bad"] * len(batch),
    "numbers": lambda batch: pa.array([1] * len(batch), pa.int64()),
    "integer-values": lambda batch: Reasons(none_dropped(batch), value=lengths(batch).cast(pa.int64())),
    "text-bound": lambda batch: Reasons(none_dropped(batch), value=lengths(batch), bound="3"),
    "number-details": lambda batch: Reasons(none_dropped(batch), detail=lengths(batch)),
    "short": lambda batch: pa.nulls(len(batch) + 1, pa.string()),
    "short-values": lambda batch: Reasons(none_dropped(batch), value=pa.nulls(len(batch) + 1, pa.float64())),
    "prose": lambda batch: dropped_as(batch, "It is too short!"),
    "endless": lambda batch: dropped_as(batch, "-".join(["short"] * 20)),
    "nan": lambda batch: Reasons(all_dropped(batch), value=pa.array([float("nan")] * len(batch))),
    "infinite-bound": lambda batch: Reasons(all_dropped(batch), value=lengths(batch), bound=float("inf")),
}


def dropped_as(batch: Batch, code: str) -> pa.Array:
    return pa.array([code] * len(batch), pa.string())


SCORES: Mapping[str, Callable[[Batch], Any]] = {
    "array": lengths,
    "list": lambda batch: {"lengths": [1.0] * len(batch)},
    "short": lambda batch: {"lengths": pa.nulls(len(batch) + 1, pa.int64())},
    "id": lambda batch: {"id": batch["id"]},
    "text": lambda batch: {"text": batch["text"]},
}

KEYS: Mapping[str, Callable[[Batch], Any]] = {
    "list": texts,
    "floats": lengths,
    "structs": lambda batch: pa.array([{"key": text} for text in texts(batch)]),
    "short": lambda batch: pa.nulls(len(batch) + 1, pa.int64()),
}

TABLES: Mapping[str, Callable[[Batch], Any]] = {
    "dict": lambda batch: {"text": texts(batch)},
    "fewer": lambda batch: batch.slice(1),
    "no-id": lambda batch: batch.drop_columns(["id"]),
    "reversed": lambda batch: batch.take(list(range(len(batch)))[::-1]),
    "strangers": lambda batch: born(batch, [uuid.UUID(int=7)] * len(batch)).drop_columns(["id"]),
    "orphans": lambda batch: born(batch, [None] * len(batch)).drop_columns(["id"]),
    "id-and-parent": lambda batch: batch.append_column("parent", batch["id"]),
    "small-text": lambda batch: batch.append_column("title", pa.array(texts(batch), pa.string())),
    "small-nested-text": lambda batch: batch.append_column(
        "titles", pa.array([[text] for text in texts(batch)], pa.list_(pa.string()))
    ),
}


def born(batch: Batch, parents: list[uuid.UUID | None]) -> Batch:
    raw = [parent and parent.bytes for parent in parents]
    return batch.append_column("parent", pa.array(raw, pa.uuid()))


EPOCHS: Mapping[str, Callable[[list[Source]], Any]] = {
    "list": lambda sources: [1.0 for _ in sources],
    "unknown": lambda sources: {"elsewhere": 1.0},
    "negative": lambda sources: {source.name: -1.0 for source in sources},
    "nan": lambda sources: {source.name: float("nan") for source in sources},
    "unit": lambda sources: Draw({source.name: 1.0 for source in sources}, "bushels"),
}


@plugin
class Filter:
    """Filter wrongly."""

    how: str
    """Which wrong answer."""

    @hookimpl
    def filter(self, batch: Batch) -> Any:
        return FILTERS[self.how](batch)


@plugin
class Score:
    """Score wrongly."""

    how: str
    """Which wrong answer."""

    @hookimpl
    def score(self, batch: Batch) -> Any:
        return SCORES[self.how](batch)


@plugin
class Dedupe:
    """Give wrong keys."""

    how: str
    """Which wrong answer."""

    @hookimpl
    def dedupe(self, batch: Batch) -> Any:
        return KEYS[self.how](batch)


@plugin
class Format:
    """Give wrong records."""

    how: str
    """Which wrong answer."""

    @hookimpl
    def format(self, batch: Batch) -> Any:
        return TABLES[self.how](batch)


@plugin
class Mix:
    """Give wrong epochs."""

    how: str
    """Which wrong answer."""

    @hookimpl
    def mix(self, sources: list[Source]) -> Any:
        return EPOCHS[self.how](sources)


CASES = (
    *(Case("answers", Filter(how=how)) for how in ("raises", "none")),
    *(Case("answer-type", Filter(how=how)) for how in ("list", "numbers", "integer-values", "text-bound")),
    Case("answer-type", Filter(how="number-details")),
    *(Case("answer-type", Score(how=how)) for how in ("array", "list")),
    *(Case("answer-type", Dedupe(how=how)) for how in ("list", "floats", "structs")),
    Case("answer-type", Format(how="dict")),
    Case("answer-type", Mix(how="list")),
    *(Case("answer-length", Filter(how=how)) for how in ("short", "short-values")),
    Case("answer-length", Score(how="short")),
    Case("answer-length", Dedupe(how="short")),
    *(Case("reason-codes", Filter(how=how)) for how in ("prose", "endless")),
    *(Case("reason-values", Filter(how=how)) for how in ("nan", "infinite-bound")),
    *(Case("score-columns", Score(how=how)) for how in ("id", "text")),
    *(Case("records-again", Format(how=how)) for how in ("fewer", "no-id", "reversed")),
    *(Case("parents", Format(how=how)) for how in ("strangers", "orphans", "id-and-parent")),
    *(Case("text-types", Format(how=how)) for how in ("small-text", "small-nested-text")),
    *(Case("mix-epochs", Mix(how=how)) for how in ("unknown", "negative", "nan", "unit")),
)
