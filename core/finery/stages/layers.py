"""Writes what one stage did to one shard: decisions, columns, keys, born records; and counts it."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from finery.data.artifacts import Artifacts, write_json
from finery.data.identity import one_chunk
from finery.data.shards import Shard, type_name
from finery.errors import PluginError
from finery.types import Tally

DECISIONS = pa.schema(
    [
        ("row", pa.int64()),
        ("record", pa.uuid()),
        ("reason", pa.string()),
        ("value", pa.float64()),
        ("bound", pa.float64()),
        ("other", pa.uuid()),
        ("detail", pa.string()),
    ]
)
"""One record's fate at one stage; `row` is its row in the shard's base file, `other` the record that stands for it."""

ERROR = "error"
"""The reason of a record that made a plugin raise."""


TYPED = "give arrays their type, as in pa.array(values, pa.float64())"


def told(schema: pa.Schema) -> str:
    """A schema in words."""
    return ", ".join(f"'{field.name}' {field.type}" for field in schema)


class ParquetFile:
    """A Parquet file that appears under its name only when it is whole."""

    def __init__(self, path: Path, schema: pa.Schema) -> None:
        self.path = path
        self.schema = schema
        self.beside = path.with_suffix(f".{os.getpid()}.tmp")
        self.writer = pq.ParquetWriter(
            self.beside, schema, compression="zstd", use_dictionary=["reason"], write_statistics=False
        )

    def write(self, table: pa.Table) -> None:
        """Add one row group, an empty one included."""
        # Chunk borders would show in the bytes, and they depend on the batch size.
        table = table.combine_chunks()
        if table.schema != self.schema:
            raise PluginError.at("", f"an answer is {told(table.schema)}, an earlier one {told(self.schema)}", TYPED)
        self.writer.write_table(table, row_group_size=max(len(table), 1))

    def close(self) -> None:
        """Finish the file."""
        self.writer.close()
        self.beside.replace(self.path)


@dataclass
class Counts:
    """in = kept + dropped + merged + failed; born records come on top."""

    records: int = 0
    dropped: int = 0
    merged: int = 0
    failed: int = 0
    born: int = 0
    reasons: Counter[str] = field(default_factory=Counter)

    def as_json(self) -> dict[str, Any]:
        """As plain values, with what is kept."""
        kept = self.records - self.dropped - self.merged - self.failed
        counted = {"in": self.records, "kept": kept, "dropped": self.dropped, "merged": self.merged}
        return {**counted, "failed": self.failed, "born": self.born, "reasons": dict(self.reasons)}


class ShardOutput:
    """What one stage leaves of one shard, in its artifact's folder."""

    def __init__(self, artifacts: Artifacts, fingerprint: str, number: int) -> None:
        self.artifacts = artifacts
        self.fingerprint = fingerprint
        self.number = number
        self.counts = Counts()
        self.tally = Tally()
        self.seconds = 0.0
        self.decisions: list[pa.Table] = []
        self.files: dict[str, ParquetFile] = {}
        self.layers: dict[tuple[str, ...], list[int]] = {}
        self.columns: tuple[str, ...] | None = None

    @property
    def folder(self) -> Path:
        """Where the files go; made when it is asked for, because some who count write nothing."""
        return self.artifacts.partial(self.fingerprint)

    def drop(self, table: pa.Table, failed: bool = False) -> None:
        """Keep decisions (columns of DECISIONS; missing ones are null) and count them."""
        missing = [f for f in DECISIONS if f.name not in table.column_names]
        for part in missing:
            table = table.append_column(part, pa.nulls(len(table), part.type))
        table = table.select(DECISIONS.names).cast(DECISIONS)
        self.decisions.append(table)
        self.count(table, failed)

    def count(self, table: pa.Table, all_failed: bool) -> None:
        """Add decisions to the counts: failed by reason, merged where another record stands for it."""
        for entry in pc.value_counts(one_chunk(table.column("reason"))).to_pylist():
            self.counts.reasons[entry["values"]] += entry["counts"]
        errors = pc.sum(pc.equal(table.column("reason"), ERROR)).as_py() or 0
        failed = len(table) if all_failed else errors
        merged = len(table) - table.column("other").null_count
        self.counts.failed += failed
        self.counts.merged += merged
        self.counts.dropped += len(table) - failed - merged

    def file(self, kind: str, schema: pa.Schema) -> ParquetFile:
        """The file of that kind, opened at its first use."""
        if kind not in self.files:
            self.files[kind] = ParquetFile(self.folder / f"{kind}-{self.number:05}.parquet", schema)
        return self.files[kind]

    def put(self, group: int, length: int, rows: np.ndarray, columns: Mapping[str, Any]) -> None:
        """Write columns over a row group: `rows` (n,) within the group hold the values (n,), the others null."""
        if not columns:
            return
        table = pa.table({name: one_chunk(column) for name, column in columns.items()})
        if len(rows) != length:
            index = np.full(length, -1, np.int64)
            index[rows] = np.arange(len(rows))
            table = table.take(pa.array(index, mask=index < 0))
        names = tuple(columns)
        order = list(self.layers).index(names) if names in self.layers else len(self.layers)
        self.layers.setdefault(names, []).append(group)
        self.file(f"columns{order or ''}", table.schema).write(table)

    def name(self, kind: str) -> str:
        """The name of a file of this shard as `<fingerprint>/<file>`."""
        return f"{self.fingerprint}/{kind}-{self.number:05}.parquet"

    def written(self, groups: int) -> dict[str, tuple[tuple[str, tuple[int, ...] | None], ...]]:
        """Which file holds each column that was written, and which row groups of it."""
        found: dict[str, tuple[tuple[str, tuple[int, ...] | None], ...]] = {}
        for order, (names, held) in enumerate(self.layers.items()):
            layer = (self.name(f"columns{order or ''}"), None if len(held) == groups else tuple(held))
            found |= {name: (*found.get(name, ()), layer) for name in names}
        return found

    def types(self) -> dict[str, str]:
        """The type of each column that was written."""
        schemas = [file.schema for kind, file in self.files.items() if kind.startswith(("columns", "data"))]
        return {field.name: type_name(field.type) for schema in schemas for field in schema if field.name != "id"}

    def finish(self, shard: Shard) -> dict[str, Any]:
        """Close the files, then write and return the shard's entry: what makes it count as done."""
        if self.decisions:
            self.file("decisions", DECISIONS).write(pa.concat_tables(self.decisions))
        self.close()
        entry = {
            "number": self.number,
            "shard": shard.as_json(),
            "types": self.types(),
            "counts": self.counts.as_json(),
            "tally": dict(self.tally),
            "seconds": round(self.seconds, 4),
        }
        write_json(self.folder / f"shard-{self.number:05}.json", entry)
        self.artifacts.keep(self.fingerprint, [self.folder / f"shard-{self.number:05}.json"])
        return entry

    def close(self) -> None:
        """Close the files and put them where other machines find them."""
        for file in self.files.values():
            file.close()
        self.artifacts.keep(self.fingerprint, [file.path for file in self.files.values()])
