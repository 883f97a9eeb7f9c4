"""One shape for what every evaluation keeps of an item, so that any two models or runs can be compared afterwards."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import xxhash

from finery import Model
from finery_plugins.generate.kept import prompt_id
from finery_plugins.train.architecture import fingerprint

ITEMS = pa.schema(
    [
        ("item", pa.string()),
        ("model", pa.string()),
        ("data", pa.string()),
        ("source", pa.string()),
        ("tags", pa.list_(pa.string())),
        ("prompt", pa.large_string()),
        ("answer", pa.large_string()),
        ("target", pa.large_string()),
        ("correct", pa.bool_()),
        ("score", pa.float64()),
        ("details", pa.large_string()),
    ]
)
"""`item` names the item's content, `model` the model's, `data` the data set. `correct` is null where nobody can tell;
`details` is JSON."""

ROWS = 1024
"""Rows in a batch that is written."""


@dataclass(frozen=True)
class Row:
    """What came of one item."""

    item: str
    model: str
    data: str
    source: str
    tags: tuple[str, ...] = ()
    prompt: str = ""
    answer: str | None = None
    """None where the model gave none."""
    target: str | None = None
    correct: bool | None = None
    score: float | None = None
    """From 0 to 1 for checks; else the measure's own."""
    details: Mapping[str, Any] = field(default_factory=dict)

    @property
    def groups(self) -> tuple[str, ...]:
        """What it is counted under, beside all: its source and its tags."""
        return tuple(dict.fromkeys((self.source, *self.tags)))


def item_id(content: Mapping[str, Any]) -> str:
    """32 hex digits over what an item asks and how it is checked."""
    return prompt_id(content)


class Occurrences:
    """Tells items of equal content apart: the second of a kind has another name than the first.

    It takes some 70 bytes an item, which is all that grows with their number in an evaluation.
    """

    def __init__(self) -> None:
        self.seen: set[int] = set()
        self.again: Counter[str] = Counter()

    def name(self, item: str) -> str:
        """The item's name, or one with its number for one that was there before."""
        key = xxhash.xxh3_64_intdigest(item.encode())
        if key not in self.seen:
            self.seen.add(key)
            return item
        self.again[item] += 1
        return f"{item}-{self.again[item] + 1}"


def fingerprint_of(model: Model) -> str:
    """What a model is called in items: a digest of its configuration and weights, else its hub name."""
    return fingerprint(model.path) if model.path.is_dir() else model.fingerprint


def table_of(rows: Sequence[Row]) -> pa.Table:
    """Rows as a table of `ITEMS`."""
    columns = {name: [getattr(row, name) for row in rows] for name in ITEMS.names}
    columns["tags"] = [list(row.tags) for row in rows]
    columns["details"] = [json.dumps(row.details, ensure_ascii=False, sort_keys=True) for row in rows]
    return pa.table(columns, schema=ITEMS)


class Rows:
    """Rows on their way to the lineage: on disk, so that memory does not grow with them, and under a name by which a
    store leaves them out."""

    def __init__(self, folder: Path) -> None:
        self.place = folder / "rows.unfinished"
        self.waiting: list[Row] = []
        self.writer = pq.ParquetWriter(self.place, ITEMS, compression="zstd")

    def add(self, rows: Sequence[Row]) -> None:
        """Put rows behind those before them."""
        self.waiting += rows
        while len(self.waiting) >= ROWS:
            self.flush(ROWS)

    def flush(self, count: int) -> None:
        """Write some of the rows that wait."""
        if self.waiting:
            self.writer.write_table(table_of(self.waiting[:count]))
            self.waiting = self.waiting[count:]

    def read(self) -> pa.RecordBatchReader:
        """All rows, once; nothing of them stays on disk behind the reader's end."""
        self.flush(ROWS)
        self.writer.close()
        return pa.RecordBatchReader.from_batches(ITEMS, self.batches())

    def batches(self) -> Iterator[pa.RecordBatch]:
        """The rows that were written; the file goes behind the last."""
        with pq.ParquetFile(self.place) as file:
            yield from file.iter_batches(ROWS)
        self.place.unlink(missing_ok=True)


def rows_of(place: Path) -> Iterator[Row]:
    """The rows that an evaluation kept, in their order."""
    with pq.ParquetFile(place) as file:
        for batch in file.iter_batches(ROWS):
            for row in batch.to_pylist():
                yield Row(**{**row, "tags": tuple(row["tags"] or ()), "details": json.loads(row["details"] or "{}")})
