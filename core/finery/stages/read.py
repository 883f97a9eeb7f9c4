"""The first stage of every source: raw files to base shards, with each record's origin and each broken row's cause."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa

from finery.data.artifacts import Artifacts, write_json
from finery.data.identity import hashed, record_ids
from finery.data.read import Broken, Rows, read
from finery.data.shards import Shard
from finery.data.source import SourceConfig
from finery.data.units import Unit
from finery.stages.layers import ShardOutput
from finery.stages.schemas import conformed, widened

ORIGINS = pa.schema([("row", pa.int64()), ("record", pa.uuid()), ("file", pa.string()), ("line", pa.int64())])
"""Where a record stood: its file, and its line or row there, from 1."""


SHARD_BYTES = 128 * 2**20
"""A shard is closed when its records, uncompressed, pass this size."""

SHARDS_A_UNIT = 100_000
"""Numbers set aside for the shards of one unit: 100,000 x 128 MB."""


@dataclass(frozen=True)
class ReadTask:
    """Reading one unit of a source into shards."""

    artifacts: Artifacts
    fingerprint: str
    unit: Unit
    source: SourceConfig
    folder: Path
    shape: str

    @property
    def here(self) -> bool:
        """Whether only the driver's machine sees the files: with a store, those that have no address."""
        return bool(self.artifacts.store) and not all("://" in piece.file for piece in self.unit.pieces)

    def run(self) -> list[dict[str, Any]]:
        """The entries of the unit's shards; what an interrupted run finished is taken over."""
        name = f"unit-{self.unit.number:05}.json"
        entries = self.artifacts.json(self.fingerprint, name)
        if entries is None:
            entries = UnitReader(self).read()
            done = self.artifacts.partial(self.fingerprint) / name
            write_json(done, entries)
            self.artifacts.keep(self.fingerprint, [done])
        return list(entries)


class UnitReader:
    """Reads a unit batch by batch; memory holds one batch."""

    def __init__(self, task: ReadTask) -> None:
        self.task = task
        self.entries: list[dict[str, Any]] = []
        self.schema = pa.schema([])
        self.open()

    def open(self) -> None:
        """Begin a shard."""
        task = self.task
        number = task.unit.number * SHARDS_A_UNIT + len(self.entries)
        self.output = ShardOutput(task.artifacts, task.fingerprint, number)
        self.rows = 0
        self.bytes = 0
        self.started = time.perf_counter()

    def read(self) -> list[dict[str, Any]]:
        """Every shard's entry."""
        task = self.task
        for rows in read(task.unit, task.source, task.folder, task.shape):
            schema = widened([self.schema, rows.table.schema])
            if self.rows and (schema != self.schema or self.bytes > SHARD_BYTES):
                self.finish()
                self.open()
            self.schema = schema
            self.keep(rows)
        self.finish()
        return self.entries

    def keep(self, rows: Rows) -> None:
        """One batch of records with their ids and origins; broken rows become decisions."""
        self.output.counts.records += len(rows.table) + len(rows.broken)
        self.output.tally.update(rows.tally)
        for failed in (True, False):
            if some := [broken for broken in rows.broken if broken.failed is failed]:
                self.output.drop(lost(some, self.task.source.name), failed)
        if not len(rows.table):
            return
        ids = record_ids(rows.table, self.task.source.name)
        numbers = pa.array(range(self.rows, self.rows + len(ids)), pa.int64())
        self.output.file("origins", ORIGINS).write(pa.table([numbers, ids, rows.files, rows.rows], schema=ORIGINS))
        table = conformed(rows.table, self.schema).add_column(0, "id", ids)
        self.output.file("data", table.schema).write(table)
        self.rows += len(table)
        self.bytes += table.nbytes

    def finish(self) -> None:
        """Close the shard."""
        base = self.output.name("data")
        columns = dict.fromkeys(self.schema.names, ((base, None),))
        self.output.seconds = time.perf_counter() - self.started
        self.entries.append(self.output.finish(Shard(self.task.source.name, base, self.rows, self.rows, columns)))


def lost(broken: Sequence[Broken], source: str) -> pa.Table:
    """Broken rows as decisions; their ids are hashes of where and what they are."""
    marks = [f"{source}\x1f{b.file}\x1f{b.row}\x1f{b.code}".encode() + b.raw for b in broken]
    return pa.table(
        {
            "record": hashed(pa.array(marks, pa.large_binary())),
            "reason": pa.array([b.code for b in broken]),
            "detail": pa.array([f"{b.file}:{b.row}: {b.detail}" for b in broken]),
        }
    )
