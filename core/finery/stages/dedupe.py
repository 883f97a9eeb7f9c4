"""The kernel's half of dedupe: records that share a key become groups, each with one survivor, out of core in DuckDB.

Candidates are numbered in the order in which they would survive: records of earlier runs first, then by `prefer`, then
by id. A group is a connected component of the edges that hold, and the smallest number in it is its survivor, so the
result depends on no order. A loser may so be joined to its survivor through others, and then has no similarity to it.
"""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa

from finery.context import Context
from finery.data.artifacts import Artifacts, write_json
from finery.data.shards import Shard
from finery.outofcore import out_of_core, quoted, stream
from finery.plan import Step
from finery.plugins import hooks
from finery.stages.cut import MARKS, cut_all, leave_marks
from finery.stages.index import keep_index, take_earlier
from finery.stages.layers import ShardOutput
from finery.stages.ranking import NODES, located, order_of, preferred_type, record_schema
from finery.stages.spread import files_of, parts_of, spread
from finery.stages.verify import verify

DUPLICATE = "duplicate"

TEMPORARY = ("keys-*", "marks-*", "cut-*", "scattered-*", "nodes-in-*", "edges-in-*", "spill*")
"""Files that only the grouping needs."""

GROUPS = "groups.json"
"""The entries after all was compared."""

KEYS = """
create temp view own as
select key, shard, row, {position} as position, 1 as documents from read_parquet({paths}) k
join files f on f.place = k.file_index where key is not null
"""

# Keys that only earlier records share are of no interest here.
CANDIDATES = """
create temp table candidates as
with keys as (from own union all by name from earlier_keys)
select * from keys semi join (select key from keys group by key having count(*) > 1 and max(shard) >= 0) using (key)
"""

EARLIER_NODES = "insert into nodes by name (from earlier_records semi join candidates using (shard, row))"

# A star around the survivor-to-be, and a chain: two records can still meet where the centre is unlike both. Numbers
# of earlier records are not positive, and what these have in common was settled in their own run.
EDGES = """
create temp table edges as
with members as (select distinct c.key, n.node from candidates c join nodes n using (shard, row)),
linked as (select node, first_value(node) over w as star, lag(node) over w as chain
           from members window w as (partition by key order by node))
select distinct a, b, null::double as similarity from (
    select star as a, node as b from linked where star < node
    union all select chain, node from linked where chain is not null)
where b > 0
"""

# What was found in the parts of a shuffle: see `spread`.
PARTS_RECORDS = "create temp table records as select distinct * from read_parquet(?, union_by_name = true)"

PARTS_EDGES = """
create temp table edges as
select distinct l.node as a, r.node as b, null::double as similarity from read_parquet(?) e
join nodes l on l.shard = e.a_shard and l.row = e.a_row join nodes r on r.shard = e.b_shard and r.row = e.b_row
"""

PARTS_MARKS = "create temp table marks as from read_parquet(?) order by shard, row, position"

LABELS = "create or replace temp table labels as select distinct unnest([a, b]) as node, node as label from edges"

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
select n.shard, n.row, n.id as record, coalesce(s.other, s.id) as other,
    case when s.other is null then e.similarity end as value
from labels l join nodes n using (node) join nodes s on s.node = l.label
left join edges e on e.a = l.label and e.b = l.node
where l.label < l.node and l.node > 0 order by n.shard, n.row
"""


def group(context: Context, step: Step, entries: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """The shard entries with duplicates taken out, each naming the record that stands for it."""
    folder = context.artifacts.partial(step.fingerprint)
    grouped: list[dict[str, Any]] | None = context.artifacts.json(step.fingerprint, GROUPS)
    if grouped is None:
        grouped = grouping(context, step, entries, folder)
        write_json(folder / GROUPS, grouped)
        context.artifacts.keep(step.fingerprint, [*folder.glob("decisions-duplicates*"), folder / GROUPS])
    # Only now: without its keys, an interrupted grouping would find no duplicates.
    context.artifacts.discard(step.fingerprint, TEMPORARY)
    for spilled in folder.glob("spill*"):
        shutil.rmtree(spilled, ignore_errors=True)
    return grouped


def grouping(context: Context, step: Step, entries: Sequence[dict[str, Any]], folder: Path) -> list[dict[str, Any]]:
    """The entries after all is compared; what an earlier attempt spilled is cleared away."""
    context.artifacts.discard(step.fingerprint, ["spill/*"])
    shutil.rmtree(folder / "spill", ignore_errors=True)
    cuts = "cut" in hooks(type(step.configured.plugin))
    grouped = list(entries)
    with out_of_core(folder, context.memory_bytes) as connection:
        connection.execute("set preserve_insertion_order = false")
        if found(context, step, entries, connection):
            if cuts:
                leave_marks(context, step, connection, entries)
            else:
                find_losers(context, step, entries, connection)
                grouped = [settled(context.artifacts, step, entry, connection) for entry in entries]
        if step.configured.words.keep_index:
            keep_index(context, step, entries, connection)
    return cut_all(context, step, entries) if cuts else grouped


def found(
    context: Context, step: Step, entries: Sequence[dict[str, Any]], connection: duckdb.DuckDBPyConnection
) -> bool:
    """Make the tables of `nodes` and `edges`, or of `marks`, here or on many machines; False for no keys at all."""
    parts = parts_of(context, step, entries)
    if parts > 1:
        shards = [(entry["number"], Shard.from_json(entry["shard"])) for entry in entries]
        if any_keys := spread(context, step, entries, parts, preferred_type(context, step, shards)):
            put_together(context, step, parts, connection)
        return any_keys
    if not candidates(context, step, entries, connection):
        return False
    connection.execute(MARKS if "cut" in hooks(type(step.configured.plugin)) else EDGES)
    return True


def put_together(context: Context, step: Step, parts: int, connection: duckdb.DuckDBPyConnection) -> None:
    """Make the tables from what was found in every part."""
    if "cut" in hooks(type(step.configured.plugin)):
        connection.execute(PARTS_MARKS, [files_of(context, step, "marks", parts)])
        return
    connection.execute(PARTS_RECORDS, [files_of(context, step, "nodes", parts)])
    connection.execute(NODES.format(prefer=order_of(step.configured.words.prefer), those=""))
    connection.execute(PARTS_EDGES, [files_of(context, step, "edges", parts)])


def keys_file(folder: Path, entry: dict[str, Any]) -> Path:
    """Where a shard's keys lie."""
    return folder / f"keys-{entry['number']:05}.parquet"


def candidates(
    context: Context, step: Step, entries: Sequence[dict[str, Any]], connection: duckdb.DuckDBPyConnection
) -> bool:
    """Make the tables of `candidates` (`key, shard, row, position, documents`) and of their `nodes`; False for none."""
    shards = [(entry["number"], Shard.from_json(entry["shard"])) for entry in entries]
    context.artifacts.fetch(step.fingerprint, ["keys-*"])
    folder = context.artifacts.partial(step.fingerprint)
    files = [(number, file) for number, entry in enumerate(entries) if (file := keys_file(folder, entry)).exists()]
    if not files:
        return False
    numbers = [entries[number]["number"] for number, _ in files]
    connection.register("files", pa.table({"place": range(len(files)), "shard": pa.array(numbers, pa.int64())}))
    position = "position" if "cut" in hooks(type(step.configured.plugin)) else "0"
    paths = "[" + ", ".join(quoted(str(file)) for _, file in files) + "]"
    connection.execute(KEYS.format(position=position, paths=paths))
    earlier = take_earlier(context, step, connection)
    connection.execute(CANDIDATES)
    rank(context, step, shards, connection)
    if earlier:
        connection.execute(EARLIER_NODES)
    return True


def find_losers(
    context: Context, step: Step, entries: Sequence[dict[str, Any]], connection: duckdb.DuckDBPyConnection
) -> None:
    """Make the table of every record that leaves: `shard, row, record, other, value`."""
    if "same" in hooks(type(step.configured.plugin)):
        components(connection)
        verify(context, step, [(entry["number"], Shard.from_json(entry["shard"])) for entry in entries], connection)
    components(connection)
    connection.execute(LOSERS)


def rank(context: Context, step: Step, shards: list[tuple[int, Shard]], connection: duckdb.DuckDBPyConnection) -> None:
    """Number the candidates in the order in which they would survive; all records where an index is to be kept."""
    prefer = step.configured.words.prefer
    column = (prefer or "").removeprefix("-")
    schema = record_schema(preferred_type(context, step, shards))
    records = stream(context.artifacts, shards, [column] if column else [], lambda n, g: located(n, g, column), schema)
    connection.register("records", records)
    those = "" if step.configured.words.keep_index else "semi join candidates using (shard, row)"
    connection.execute(NODES.format(prefer=order_of(prefer), those=those))
    connection.unregister("records")


def components(connection: duckdb.DuckDBPyConnection) -> None:
    """Give every node the smallest number that it is connected to: labels spread and jump ahead until none moves."""
    connection.execute(LABELS)
    before: Any = None
    while (now := connection.execute("select sum(label) from labels").fetchall()) != before:
        before = now
        connection.execute(STEP)
        connection.execute(JUMP)


def settled(
    artifacts: Artifacts, step: Step, entry: dict[str, Any], connection: duckdb.DuckDBPyConnection
) -> dict[str, Any]:
    """A shard's entry with its duplicates taken out."""
    query = "select row, record, other, value from losers where shard = ? order by row"
    own = connection.sql(query, params=[entry["number"]]).to_arrow_table()
    if not len(own):
        return entry
    output = ShardOutput(artifacts, step.fingerprint, entry["number"])
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
