"""Dedupe's grouping on many machines: keys are shuffled by a hash of the key, and each part is grouped by itself.

Which records a key joins depends on no other key, so a part finds the edges of its keys, or the marks of a dedupe that
cuts, with the queries that one machine would use for all of them. Parts need no common numbers: a record is its shard
and row, and who survives follows from what it is preferred by and its id, which travel with its keys. Where no plugin
looks at pairs, a part hands on one edge a record and group instead of all; so the driver, which puts the parts
together out of core, holds what is duplicate and never the keys: for MinHash with 14 bands over 10^9 documents, of
which a tenth are duplicates, at most 14 x 10^8 edges of 32 bytes, 45 GB on disk, of 14 x 10^9 keys, 450 GB.

A dedupe that keeps or reads an index is grouped by the driver alone: an index is one table in the order of all keys.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from finery.context import Context
from finery.data.artifacts import Artifacts
from finery.data.shards import Shard, ShardReader
from finery.outofcore import out_of_core
from finery.plan import Step
from finery.plugins import hooks
from finery.stages.gather import read_part, write_parts
from finery.stages.layers import ParquetFile
from finery.stages.ranking import NODES, located, order_of, record_schema

PART_BYTES = 64 << 20
"""Keys of one part as they lie on disk: some 2 million, a few hundred MB in memory."""

PLACED = """
select k.row, k.key, {position} as position, r.* exclude (shard, row), (hash(k.key::varchar) % {parts})::int as part
from keys k join records r using (row) where k.key is not null order by part, k.row, position
"""

OWN = "create temp view own as select key, shard, row, position, 1 as documents from placed"

CANDIDATES = """
create temp table candidates as
select * from own semi join (select key from own group by key having count(*) > 1) using (key)
"""

RECORDS = "create temp view records as select distinct * exclude (key, position) from placed"

LINKED = """
select l.shard as a_shard, l.row as a_row, r.shard as b_shard, r.row as b_row
from {edges} e join nodes l on l.node = e.a join nodes r on r.node = e.b order by all
"""

LINKED_NODES = """
from records
semi join (select shard, row from nodes where node in (select unnest([a, b]) from {edges})) using (shard, row)
order by shard, row
"""


def parts_of(context: Context, step: Step, entries: Sequence[dict[str, Any]]) -> int:
    """In how many parts a stage's keys are cut; 1 where the driver groups them."""
    words = step.configured.words
    if words.keep_index or words.earlier or context.executor.parts() == 1:
        return 1
    keyed = [f"{step.fingerprint}/keys-{entry['number']:05}.parquet" for entry in keyed_entries(context, step, entries)]
    return max(context.executor.parts(), -(-sum(map(context.artifacts.size, keyed)) // PART_BYTES))


def keyed_entries(context: Context, step: Step, entries: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """The entries of shards that have keys."""
    there = set(context.artifacts.names(step.fingerprint, ["keys-*"]))
    return [entry for entry in entries if f"keys-{entry['number']:05}.parquet" in there]


def spread(
    context: Context, step: Step, entries: Sequence[dict[str, Any]], parts: int, prefer: pa.DataType | None
) -> bool:
    """Shuffle a stage's keys and group every part: its edges and nodes, or its marks, lie in the artifact then.

    False where there are no keys at all.
    """
    keyed = keyed_entries(context, step, entries)
    column = (step.configured.words.prefer or "").removeprefix("-")
    scatter = [
        ScatterKeys(context.artifacts, step.fingerprint, entry["number"], shard_of(entry), column, prefer, parts)
        for entry in keyed
    ]
    carry(context, scatter)
    numbers = tuple(entry["number"] for entry in keyed)
    memory = context.memory_bytes
    carry(context, [GroupKeys(context.artifacts, step, numbers, part, parts, memory) for part in range(parts)])
    return bool(keyed)


def shard_of(entry: dict[str, Any]) -> Shard:
    """The shard that a pass left."""
    return Shard.from_json(entry["shard"])


def carry(context: Context, tasks: Sequence[Any]) -> None:
    """Have tasks done that leave all they find in files."""
    for _ in context.executor.run(tasks, threads=False):
        pass


@dataclass(frozen=True)
class ScatterKeys:
    """The keys of one shard by part, each with its record's id and what that is preferred by."""

    artifacts: Artifacts
    fingerprint: str
    number: int
    shard: Shard
    column: str
    kind: pa.DataType | None
    """The type that records are preferred in."""
    parts: int

    @property
    def name(self) -> str:
        """The file that they lie in."""
        return scattered(self.number, self.parts)

    def run(self) -> list[dict[str, Any]]:
        """Write them, a row group a part."""
        folder = self.artifacts.partial(self.fingerprint)
        if not self.artifacts.has(f"{self.fingerprint}/{self.name}"):
            table = self.placed(folder)
            write_parts(folder / self.name, table.drop_columns("part"), table["part"].to_numpy())
            listed = (folder / self.name).with_suffix(".json")
            self.artifacts.keep(self.fingerprint, [listed, folder / self.name])
        return []

    def placed(self, folder: Path) -> pa.Table:
        """Keys with their records, in the order of their parts."""
        keys = pq.read_table(self.artifacts.file(f"{self.fingerprint}/keys-{self.number:05}.parquet"))
        reader = ShardReader(self.artifacts, self.shard, [self.column] if self.column else [])
        found = [located(self.number, group, self.column).cast(record_schema(self.kind)) for group in reader.groups()]
        with alone(folder, self.name) as connection:
            connection.register("keys", keys)
            connection.register("records", pa.concat_tables(found))
            position = "k.position" if "position" in keys.column_names else "0"
            query = PLACED.format(position=position, parts=self.parts)
            return connection.sql(query).to_arrow_table()


@dataclass(frozen=True)
class GroupKeys:
    """The grouping of one part."""

    artifacts: Artifacts
    step: Step
    shards: tuple[int, ...]
    part: int
    parts: int
    memory_bytes: int

    def run(self) -> list[dict[str, Any]]:
        """Write its edges and nodes, or its marks; what an interrupted run wrote is taken over."""
        made, fingerprint = found_in(self.step, self.part, self.parts), self.step.fingerprint
        if not self.artifacts.has(f"{fingerprint}/{made[-1]}"):
            folder = self.artifacts.partial(fingerprint)
            with alone(folder, made[0], self.memory_bytes) as connection:
                self.take(connection)
                queries = self.group(connection)
                for name in made:
                    write_query(connection, queries[name.partition("-")[0]], folder / name)
            self.artifacts.keep(fingerprint, [folder / name for name in made])
        return []

    def take(self, connection: duckdb.DuckDBPyConnection) -> None:
        """Make the table of this part's keys."""
        tables = []
        for number in self.shards:
            for table in read_part(
                self.artifacts, f"{self.step.fingerprint}/{scattered(number, self.parts)}", self.part
            ):
                tables.append(table.append_column("shard", pa.array(np.full(len(table), number))))
        placed = pa.concat_tables(tables, promote_options="permissive") if tables else EMPTY
        connection.register("placed", placed)

    def group(self, connection: duckdb.DuckDBPyConnection) -> dict[str, str]:
        """Group them; the queries for what is found."""
        from finery.stages.cut import MARKS
        from finery.stages.dedupe import EDGES, components

        for query in (OWN, CANDIDATES, RECORDS):
            connection.execute(query)
        order = order_of(self.step.configured.words.prefer)
        connection.execute(NODES.format(prefer=order, those="semi join candidates using (shard, row)"))
        own = hooks(type(self.step.configured.plugin))
        if "cut" in own:
            connection.execute(MARKS)
            return {"marks": "from marks"}
        connection.execute(EDGES)
        edges = "edges"
        if "same" not in own:
            components(connection)
            edges = "(select label as a, node as b from labels where label < node)"
        return {"edges": LINKED.format(edges=edges), "nodes": LINKED_NODES.format(edges=edges)}


EMPTY = pa.table(
    {
        "row": pa.array([], pa.int64()),
        "key": pa.array([], pa.int64()),
        "position": pa.array([], pa.int64()),
        "id": pa.array([], pa.uuid()),
        "prefer": pa.array([], pa.float64()),
        "shard": pa.array([], pa.int64()),
    }
)
"""A part in which no key fell."""


def scattered(number: int, parts: int) -> str:
    """The file of a shard's keys by part."""
    return f"scattered-{parts}-{number:05}.parquet"


def found_in(step: Step, part: int, parts: int) -> list[str]:
    """The files that a part's grouping leaves, the one that says that it is done last."""
    kinds = ["marks-in"] if "cut" in hooks(type(step.configured.plugin)) else ["nodes-in", "edges-in"]
    return [f"{kind}-{parts}-{part:05}.parquet" for kind in kinds]


@contextmanager
def alone(folder: Path, name: str, memory_bytes: int = 1 << 30) -> Iterator[duckdb.DuckDBPyConnection]:
    """A connection of a task: one thread, for other tasks have the other cores, and a folder to spill into."""
    with out_of_core(folder / f"spill-{name}", memory_bytes) as connection:
        connection.execute("set threads = 1")
        yield connection


def write_query(connection: duckdb.DuckDBPyConnection, query: str, path: Path) -> None:
    """Write what a query finds as one Parquet file, a batch a row group."""
    reader = connection.sql(query).to_arrow_reader(1 << 18)
    file = ParquetFile(path, reader.schema)
    file.write(reader.schema.empty_table())
    for batch in reader:
        file.write(pa.Table.from_batches([batch]))
    file.close()


def files_of(context: Context, step: Step, kind: str, parts: int) -> list[str]:
    """The files of all parts of a kind, here."""
    names = [f"{step.fingerprint}/{kind}-in-{parts}-{part:05}.parquet" for part in range(parts)]
    return [str(context.artifacts.file(name)) for name in names]
