"""Verification of duplicate candidates: a plugin's `same` looks at the two records of every edge."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import duckdb
import numpy as np
import pyarrow as pa

from finery.context import Context
from finery.data.shards import Shard, ShardReader
from finery.errors import PluginError
from finery.kernel import bind
from finery.plan import Step
from finery.stages.answers import blamed

PAIRS = 4096
"""Pairs a call: a few MB of text."""

NODE = '"finery node"'
"""What stands beside the records has names that no record's column has."""

INCOMING = """
select n.node as {node}, t.* exclude ("finery shard", "finery row") from incoming t
join nodes n on n.shard = t."finery shard" and n.row = t."finery row"
"""

WANTED = """
select n.row from nodes n join (select distinct unnest([a, b]) as node from edges) using (node) where n.shard = ?
"""

CHUNK = """
select e.a, e.b from edges e join nodes l on l.node = e.a join nodes r on r.node = e.b
join places p on p.shard = l.shard join places q on q.shard = r.shard
where p.source = ? and q.source = ? order by e.a, e.b
"""


def verify(
    context: Context, step: Step, shards: list[tuple[int, Shard]], connection: duckdb.DuckDBPyConnection
) -> None:
    """Keep the edges whose records are the same by the plugin's word, with how alike they are."""
    ask = bind(step.configured.plugin, "same", context.observers)
    sources = list(dict.fromkeys(shard.source for _, shard in shards))
    places = pa.table({"shard": [n for n, _ in shards], "source": [s.source for _, s in shards]})
    connection.register("places", places)
    for number, source in enumerate(sources):
        take_in(context, [(n, s) for n, s in shards if s.source == source], connection, f"texts_{number}")
    connection.execute("create temp table verified (a bigint, b bigint, similarity double)")
    for left, first in enumerate(sources):
        for right, second in enumerate(sources):
            compare(connection, ask, step, (left, first), (right, second))
    connection.execute("drop table edges")
    connection.execute("alter table verified rename to edges")


def take_in(
    context: Context, shards: list[tuple[int, Shard]], connection: duckdb.DuckDBPyConnection, table: str
) -> None:
    """Put the candidates' records of one source into a table."""
    connection.execute(f"create temp table {table} ({NODE} bigint)")
    made = False
    for number, shard in shards:
        wanted = wanted_rows(connection, number)
        for group in ShardReader(context.artifacts, shard).groups():
            keep = np.isin(group.rows, wanted, assume_unique=True)
            if keep.any():
                batch = group.batch.filter(pa.array(keep))
                rows = pa.array(group.rows[keep])
                numbers = pa.array(np.full(len(rows), number))
                batch = batch.append_column("finery shard", numbers).append_column("finery row", rows)
                connection.register("incoming", batch)
                connection.execute(insertion(table, made))
                made = True


def insertion(table: str, made: bool) -> str:
    """SQL that puts a batch of records into a table, with their nodes."""
    query = INCOMING.format(node=NODE)
    return f"insert into {table} by name {query}" if made else f"create or replace temp table {table} as {query}"


def wanted_rows(connection: duckdb.DuckDBPyConnection, number: int) -> np.ndarray:
    """The rows (n,) of a shard that stand on an edge."""
    rows: np.ndarray = connection.execute(WANTED, [number]).fetchnumpy()["row"]
    return rows


def compare(
    connection: duckdb.DuckDBPyConnection,
    ask: Callable[..., Any],
    step: Step,
    left: tuple[int, str],
    right: tuple[int, str],
) -> None:
    """Ask about all edges between two sources, some thousand at a time."""
    pairs = connection.sql(CHUNK, params=[left[1], right[1]]).to_arrow_table()
    for start in range(0, len(pairs), PAIRS):
        chunk = pairs.slice(start, PAIRS).append_column("place", pa.array(np.arange(len(pairs[start : start + PAIRS]))))
        connection.register("chunk", chunk)
        sides = [side(connection, number, end) for (number, _), end in ((left, "a"), (right, "b"))]
        with blamed(step):
            alike = checked(ask(left=sides[0], right=sides[1], stage=step.stage), len(chunk), step)
        connection.register("answers", chunk.append_column("similarity", alike))
        connection.execute("insert into verified select a, b, similarity from answers where similarity is not null")


def side(connection: duckdb.DuckDBPyConnection, number: int, end: str) -> pa.Table:
    """The records at one end of a chunk of pairs, in its order."""
    query = f"select t.* exclude ({NODE}) from chunk c join texts_{number} t on t.{NODE} = c.{end} order by c.place"  # noqa: S608
    return connection.sql(query).to_arrow_table()


def checked(alike: Any, length: int, step: Step) -> pa.Array:
    """How alike the pairs are, as the contract has it."""
    if len(alike) != length:
        fault = f"'same' gave {len(alike)} values for {length} pairs"
        raise PluginError.at(f"stage '{step.stage.id}'", fault, "return one a pair")
    array = alike.combine_chunks() if isinstance(alike, pa.ChunkedArray) else alike
    return array.cast(pa.float64())
