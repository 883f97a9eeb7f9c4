"""The index of a dedupe: what a later run needs to find duplicates of these records without reading them again.

It holds the first and the last record of every key, in the order in which records would survive, because a later
record is compared with these two and no other: `index-keys`; those records' ids and who stands for them:
`index-records`; and, where the plugin compares records, the records themselves: `index-texts`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import xxhash

from finery.context import Context
from finery.data.artifacts import Artifacts, write_json
from finery.data.identity import one_chunk
from finery.data.shards import Shard, ShardReader
from finery.earlier import INDEX, Earlier, brought, fault, indexes
from finery.kernel import bind
from finery.memo import Memo
from finery.outofcore import quoted
from finery.plan import Step
from finery.plugins import hooks
from finery.stages.answers import blamed, keys_table
from finery.stages.layers import ParquetFile
from finery.types import Tally

ROWS = 1 << 20
"""Rows a row group of the index's tables."""

SAMPLE = 64
"""Records whose keys are kept to be compared with those that later code gives them."""

SAMPLED, ROW = "finery keys", "finery row"
"""What stands beside records has names that no record's column has."""

ENDS = """
create temp table ends as
with located as (select o.key, n.node from own o join nodes n using (shard, row)),
ends as (
    select key, min(node) as first, max(node) as last, count(distinct node) as documents from located group by key)
select key, unnest(list_distinct([first, {last}])) as node, documents from ends
"""

INDEX_KEYS = """
select e.key, n.shard, n.row, e.documents from ends e join nodes n using (node) order by e.key, e.node
"""

INDEX_RECORDS = """
select n.shard, n.row, n.node, n.id, {other} as other
from nodes n semi join ends using (node) {losers} order by n.shard, n.row
"""

EARLIER_KEYS = """
insert into earlier_keys
select key, -1 - {shards} - shard, row, -1, documents from read_parquet({file})
"""

# Before all records of this run, whose numbers begin at 1, and behind those of the indexes named before.
EARLIER_RECORDS = """
insert into earlier_records
select node - {nodes}, -1 - {shards} - shard, row, id, other from read_parquet({file})
"""


def keep_index(
    context: Context, step: Step, entries: Sequence[dict[str, Any]], connection: duckdb.DuckDBPyConnection
) -> None:
    """Leave the index of a finished grouping in the stage's artifact."""
    folder = context.artifacts.partial(step.fingerprint)
    compares = "same" in hooks(type(step.configured.plugin))
    tables = {name for (name,) in connection.sql("select table_name from duckdb_tables()").fetchall()}
    records = 0
    if "nodes" in tables:
        connection.execute(ENDS.format(last="last" if compares else "first"))
        lost = "losers" in tables
        losers = "left join losers l using (shard, row)" if lost else ""
        write_rows(connection, INDEX_KEYS, folder / "index-keys.parquet")
        own = INDEX_RECORDS.format(other="l.other" if lost else "null::uuid", losers=losers)
        write_rows(connection, own, folder / "index-records.parquet")
        records = connection.sql("select max(node) from nodes").fetchall()[0][0]
        keep_sample(context, entries, folder)
        if compares:
            keep_texts(context, step, entries, connection)
    files = sorted(folder.glob("index-*.parquet"))
    parts = {name: step.parts[name] for name in ("plugin", "package", "options", "api", "digest")}
    shards = [{"number": entry["number"], "source": entry["shard"]["source"]} for entry in entries]
    write_json(folder / INDEX, {**parts, "content": digest(files), "records": records, "shards": shards})


def digest(files: Sequence[Path]) -> str:
    """Hex digest over the names and bytes of files."""
    found = xxhash.xxh3_128()
    for file in files:
        found.update(file.name.encode())
        with file.open("rb") as stream:
            while chunk := stream.read(1 << 22):
                found.update(chunk)
    return found.hexdigest()


def write_rows(connection: duckdb.DuckDBPyConnection, query: str, path: Path) -> None:
    """Write what a query finds, so many rows a row group, wherever DuckDB cuts its batches."""
    reader = connection.sql(query).to_arrow_reader(ROWS)
    file = ParquetFile(path, reader.schema)
    waiting = pa.table({f.name: pa.array([], f.type) for f in reader.schema}, schema=reader.schema)
    for batch in reader:
        waiting = pa.concat_tables([waiting, pa.Table.from_batches([batch])])
        while len(waiting) >= ROWS:
            file.write(waiting.slice(0, ROWS))
            waiting = waiting.slice(ROWS)
    file.write(waiting)
    file.close()


def keep_sample(context: Context, entries: Sequence[dict[str, Any]], folder: Path) -> None:
    """Keep some records of the first shard with their keys."""
    entry = next(entry for entry in entries if (folder / f"keys-{entry['number']:05}.parquet").exists())
    keyed = pq.read_table(folder / f"keys-{entry['number']:05}.parquet").drop_null()
    reader = ShardReader(context.artifacts, Shard.from_json(entry["shard"]))
    group = next(group for group in reader.groups() if len(group.rows))
    rows, batch = group.rows[:SAMPLE], group.batch.slice(0, SAMPLE)
    own = np.asarray(keyed["row"])
    spans = [slice(*np.searchsorted(own, [row, row + 1])) for row in rows]
    keys = one_chunk(keyed["key"])
    ends = np.cumsum([0, *(span.stop - span.start for span in spans)])
    parts = [keys.slice(span.start, span.stop - span.start) for span in spans]
    listed = pa.LargeListArray.from_arrays(pa.array(ends), pa.concat_arrays(parts))
    table = batch.append_column(SAMPLED, listed)
    file = ParquetFile(folder / "index-sample.parquet", table.schema)
    file.write(table)
    file.close()


def keep_texts(
    context: Context, step: Step, entries: Sequence[dict[str, Any]], connection: duckdb.DuckDBPyConnection
) -> None:
    """Keep the records that a later run may have to look at."""
    spill = context.artifacts.partial(step.fingerprint) / "spill"
    spill.mkdir(exist_ok=True)
    tasks = []
    for entry in entries:
        query = "select distinct n.row from nodes n semi join ends using (node) where n.shard = ? order by n.row"
        rows = connection.sql(query, params=[entry["number"]]).to_arrow_table()
        pq.write_table(rows, spill / f"indexed-{entry['number']:05}.parquet")
        context.artifacts.keep(step.fingerprint, [spill / f"indexed-{entry['number']:05}.parquet"])
        tasks.append(TextsTask(context.artifacts, step.fingerprint, entry["number"], Shard.from_json(entry["shard"])))
    for _ in context.executor.run(tasks, threads=True):
        pass


@dataclass(frozen=True)
class TextsTask:
    """The records of one shard that the index keeps."""

    artifacts: Artifacts
    fingerprint: str
    number: int
    shard: Shard

    def run(self) -> list[dict[str, Any]]:
        """Write them, a row group a group."""
        folder = self.artifacts.partial(self.fingerprint)
        indexed = self.artifacts.file(f"{self.fingerprint}/spill/indexed-{self.number:05}.parquet")
        wanted = np.asarray(pq.read_table(indexed)["row"])
        file: ParquetFile | None = None
        for group in ShardReader(self.artifacts, self.shard).groups():
            own = np.isin(group.rows, wanted)
            if own.any():
                table = group.batch.drop_columns("source").filter(pa.array(own))
                table = table.add_column(0, ROW, pa.array(group.rows[own]))
                file = file or ParquetFile(folder / f"index-texts-{self.number:05}.parquet", table.schema)
                file.write(table)
        if file is not None:
            file.close()
            self.artifacts.keep(self.fingerprint, [file.path])
        return []


def take_earlier(context: Context, step: Step, connection: duckdb.DuckDBPyConnection) -> bool:
    """Make the tables of earlier keys and records; whether there are any.

    Raises PipelineError for an index whose code gave other keys.
    """
    connection.execute("create temp table earlier_keys as from own limit 0")
    kinds = "node bigint, shard bigint, row bigint, id uuid, other uuid"
    connection.execute(f"create temp table earlier_records ({kinds})")
    found = indexes(step.configured, context.artifacts)
    for earlier, offset in zip(found, offsets(found), strict=True):
        if earlier.told["records"]:
            folder = brought(context.artifacts, earlier)
            check_code(step, earlier)
            keys, records = (quoted(str(folder / f"index-{name}.parquet")) for name in ("keys", "records"))
            connection.execute(EARLIER_KEYS.format(shards=offset.shards, file=keys))
            connection.execute(EARLIER_RECORDS.format(nodes=offset.nodes, shards=offset.shards, file=records))
    return bool(found)


@dataclass(frozen=True)
class Offset:
    """What is taken from numbers in an index, so that no two indexes share one."""

    nodes: int
    shards: int


def offsets(found: Sequence[Earlier]) -> list[Offset]:
    """The offsets of each index: records of the first named come first, and all of them before number 1."""
    nodes = np.cumsum([earlier.told["records"] for earlier in found][::-1], dtype=np.int64)[::-1]
    shards = np.cumsum([0, *(len(earlier.told["shards"]) for earlier in found)], dtype=np.int64)
    return [Offset(int(n), int(s)) for n, s in zip(nodes, shards, strict=False)]


def check_code(step: Step, earlier: Earlier) -> None:
    """Raise PipelineError where the records that an index keeps have other keys under the code of today."""
    if earlier.told["digest"] == step.parts["digest"]:
        return
    sample = pq.read_table(earlier.folder / "index-sample.parquet")
    batch = sample.drop_columns(SAMPLED)
    source = pa.array([earlier.told["shards"][0]["source"]] * len(batch)).dictionary_encode()
    batch = batch.set_column(batch.column_names.index("source"), "source", source)
    ask = bind(step.configured.plugin, "dedupe")
    with blamed(step):
        answer = ask(batch=batch, state=None, stage=step.stage, tally=Tally(), memo=Memo(len(batch)), out=None)
        keys = keys_table(answer, batch)["keys"].to_pylist()
    now = [[key for key in own or () if key is not None] for own in keys]
    if now != sample[SAMPLED].to_pylist():
        what = f"the index '{earlier.name}' was made by {earlier.told['package']}, whose keys are not those of"
        raise fault(step.configured, f"{what} {step.entry.label}", "make the index again with this version")


def earlier_texts(context: Context, step: Step) -> Iterator[tuple[int, str, Iterator[tuple[np.ndarray, pa.Table]]]]:
    """Number, source and groups of each shard whose records an earlier run kept."""
    found = indexes(step.configured, context.artifacts)
    for earlier, offset in zip(found, offsets(found), strict=True):
        for shard in earlier.told["shards"]:
            path = earlier.folder / f"index-texts-{shard['number']:05}.parquet"
            if path.exists():
                yield -1 - offset.shards - shard["number"], shard["source"], kept_texts(path)


def kept_texts(path: Path) -> Iterator[tuple[np.ndarray, pa.Table]]:
    """The records in a file of an index, a row group at a time, with their rows (n,)."""
    with pq.ParquetFile(path) as file:
        for number in range(file.num_row_groups):
            table = file.read_row_group(number)
            yield np.asarray(table[ROW]), table.drop_columns(ROW)
