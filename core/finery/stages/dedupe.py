"""The kernel's half of dedupe: records that share a key become groups, each with one survivor, out of core in DuckDB.

Candidates are numbered in the order in which they would survive: by `prefer`, then by id. A group is a connected
component of the edges that hold, and the smallest number in it is its survivor, so the result depends on no order.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from finery.context import Context
from finery.data.artifacts import read_json, write_json
from finery.data.shards import Group, Shard, ShardReader
from finery.errors import PipelineError, did_you_mean
from finery.outofcore import out_of_core, stream
from finery.plan import Step
from finery.plugins import hooks
from finery.stages.layers import ShardOutput
from finery.stages.verify import verify

DUPLICATE = "duplicate"

CANDIDATES = """
create temp table candidates as
select k.key, f.shard, k.row
from read_parquet(?, filename = true) k join files f on k.filename = f.file
where k.key in (select key from read_parquet(?) group by key having count(*) > 1)
"""

NODES = """
create temp table nodes as
select row_number() over (order by {prefer} id) as node, shard, row, id
from records semi join candidates using (shard, row)
"""

# A star around the survivor-to-be, and a chain: two records can still meet where the centre is unlike both.
EDGES = """
create temp table edges as
with members as (select distinct c.key, n.node from candidates c join nodes n using (shard, row)),
linked as (select node, first_value(node) over w as star, lag(node) over w as chain
           from members window w as (partition by key order by node))
select distinct a, b, null::double as similarity from (
    select star as a, node as b from linked where star < node
    union all select chain, node from linked where chain is not null)
"""

LABELS = "create temp table labels as select distinct unnest([a, b]) as node, node as label from edges"

STEP = """
create or replace temp table spread as
select node, min(label) as label from (
    select node, label from labels
    union all select e.b, l.label from edges e join labels l on l.node = e.a
    union all select e.a, l.label from edges e join labels l on l.node = e.b)
group by node
"""

JUMP = "create or replace temp table labels as select s.node, j.label from spread s join spread j on j.node = s.label"

LOSERS = """
create temp table losers as
select n.shard, n.row, n.id as record, s.id as other, e.similarity as value
from labels l join nodes n using (node) join nodes s on s.node = l.label
left join edges e on e.a = l.label and e.b = l.node
where l.label < l.node
"""


def group(context: Context, step: Step, entries: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """The shard entries with duplicates taken out, each naming the record that stands for it."""
    folder = context.artifacts.partial(step.fingerprint)
    done = folder / "groups.json"
    grouped: list[dict[str, Any]] | None = read_json(done)
    files = [file for entry in entries if (file := keys_file(folder, entry)).exists()]
    if grouped is None:
        with out_of_core(folder, context.memory_bytes) as connection:
            if files:
                find_losers(context, step, entries, connection, files)
            grouped = [settled(folder, step, entry, connection) if files else entry for entry in entries]
        write_json(done, grouped)
    # Only now: without its keys, an interrupted grouping would find no duplicates.
    for file in files:
        file.unlink()
    return grouped


def keys_file(folder: Path, entry: dict[str, Any]) -> Path:
    """Where a shard's keys lie."""
    return folder / f"keys-{entry['number']:05}.parquet"


def find_losers(
    context: Context,
    step: Step,
    entries: Sequence[dict[str, Any]],
    connection: duckdb.DuckDBPyConnection,
    files: Sequence[Path],
) -> None:
    """Make the table of every record that leaves: `shard, row, record, other, value`."""
    names = pa.table({"file": [str(f) for f in files], "shard": [int(f.stem.rpartition("-")[2]) for f in files]})
    connection.register("files", names)
    paths = [str(file) for file in files]
    connection.execute(CANDIDATES, [paths, paths])
    shards = [(entry["number"], Shard.from_json(entry["shard"])) for entry in entries]
    rank(context, step, shards, connection)
    connection.execute(EDGES)
    if "same" in hooks(type(step.configured.plugin)):
        verify(context, step, shards, connection)
    components(connection)
    connection.execute(LOSERS)


def rank(context: Context, step: Step, shards: list[tuple[int, Shard]], connection: duckdb.DuckDBPyConnection) -> None:
    """Number the candidates in the order in which they would survive."""
    prefer = step.configured.words.prefer
    column = (prefer or "").removeprefix("-")
    schema = pa.schema([("shard", pa.int64()), ("row", pa.int64()), ("id", pa.uuid())])
    if column:
        schema = schema.append(pa.field("prefer", preferred_type(step, shards, column, context)))
    records = stream(context.artifacts, shards, [column] if column else [], lambda n, g: located(n, g, column), schema)
    connection.register("records", records)
    order = f"prefer {'asc' if (prefer or '').startswith('-') else 'desc'} nulls last," if column else ""
    connection.execute(NODES.format(prefer=order))
    connection.unregister("records")


def located(number: int, group: Group, column: str) -> pa.Table:
    """Where each record of a group stands, with its id and the column that is preferred by."""
    table = {
        "shard": pa.array(np.full(len(group.rows), number)),
        "row": pa.array(group.rows),
        "id": group.batch["id"],
    }
    if column:
        present = column in group.batch.column_names
        table["prefer"] = comparable(group.batch[column]) if present else pa.nulls(len(group.rows))
    return pa.table(table)


def comparable(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """A column with nulls for NaN, which DuckDB takes for the largest number."""
    if not pa.types.is_floating(column.type):
        return column
    return pc.if_else(pc.is_nan(column), pa.scalar(None, column.type), column)


def preferred_type(step: Step, shards: list[tuple[int, Shard]], column: str, context: Context) -> pa.DataType:
    """The type to compare a preferred column in. Raises PipelineError where no source has it."""
    known: set[str] = set()
    for _, shard in shards:
        known |= set(shard.columns)
        if column in shard.columns:
            group = next(ShardReader(context.artifacts, shard, [column]).groups(), None)
            kind = group.batch.schema.field(column).type if group else pa.null()
            numeric = pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_boolean(kind)
            if not pa.types.is_null(kind):
                return pa.float64() if numeric else pa.large_string()
    fault = f"stage '{step.stage.id}': no column '{column}' to prefer by{did_you_mean(column, known)}"
    raise PipelineError.at(step.configured.place, fault, f"columns are {', '.join(sorted(known))}")


def components(connection: duckdb.DuckDBPyConnection) -> None:
    """Give every node the smallest number that it is connected to: labels spread and jump ahead until none moves."""
    connection.execute(LABELS)
    before: Any = None
    while (now := connection.execute("select sum(label) from labels").fetchall()) != before:
        before = now
        connection.execute(STEP)
        connection.execute(JUMP)


def settled(folder: Path, step: Step, entry: dict[str, Any], connection: duckdb.DuckDBPyConnection) -> dict[str, Any]:
    """A shard's entry with its duplicates taken out."""
    query = "select row, record, other, value from losers where shard = ? order by row"
    own = connection.sql(query, params=[entry["number"]]).to_arrow_table()
    if not len(own):
        return entry
    output = ShardOutput(folder, step.fingerprint, entry["number"])
    output.drop(own.append_column("reason", pa.array([DUPLICATE] * len(own))))
    output.file("decisions-duplicates", output.decisions[0].schema).write(output.decisions[0])
    output.files["decisions-duplicates"].close()
    return with_merged(entry, output)


def with_merged(entry: dict[str, Any], output: ShardOutput) -> dict[str, Any]:
    """An entry with merged records counted and taken out of its shard."""
    merged = output.counts.merged
    counts, shard = entry["counts"], entry["shard"]
    return {
        **entry,
        "counts": {
            **counts,
            "kept": counts["kept"] - merged,
            "merged": counts["merged"] + merged,
            "reasons": {**counts["reasons"], **output.counts.reasons},
        },
        "shard": {
            **shard,
            "records": shard["records"] - merged,
            "drops": [*shard["drops"], output.name("decisions-duplicates")],
        },
    }
