"""A run as a graph: its stages, and the sources and models that lead from one to another."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from finery.lineage.runs import TRAINED, Run, RunStage, rows

if TYPE_CHECKING:
    import duckdb

COUNTS = """
select s.stage, t.source, sum(t.count) filter (t.name = 'in')::bigint as came,
    sum(t.count) filter (t.name in ('kept', 'born'))::bigint as went
from stages s join tallies t using (artifact) where s.run = ? and t.kind = 'fate' group by s.stage, t.source
"""
MODELS = "select s.stage, i.mark from stages s join inputs i using (artifact) where s.run = ? and i.source is null"


@dataclass(frozen=True)
class Node:
    """A stage, or a model that the run found ready."""

    id: str
    hook: str
    """`model` for a model that was there before."""
    plugin: str = ""
    artifact: str = ""
    sources: tuple[str, ...] = ()
    came: int = 0
    """Records that came in."""
    went: int = 0
    """Records that stood afterwards."""
    is_finished: bool = True


@dataclass(frozen=True)
class Edge:
    """A source's records, or a model, on the way from one node to another."""

    start: str
    end: str
    source: str | None
    """None for a model."""
    records: int = 0


@dataclass(frozen=True)
class Graph:
    """Nodes in the order of the run, models from elsewhere first."""

    run: str
    nodes: tuple[Node, ...]
    edges: tuple[Edge, ...]


def graph(connection: duckdb.DuckDBPyConnection, run: Run) -> Graph:
    """The graph of a run; of stages that are not finished it is not known what leads to them."""
    counts = {(row["stage"], row["source"]): row for row in rows(connection, COUNTS, [run.id])}
    came, went = ({place: row[name] or 0 for place, row in counts.items()} for name in ("came", "went"))
    marks = {row["stage"]: row["mark"] for row in rows(connection, MODELS, [run.id])}
    own = {stage.artifact: stage.id for stage in run.stages if stage.hook == "train"}
    foreign = dict.fromkeys(mark for mark in marks.values() if mark not in own)
    nodes = [Node(mark, "model") for mark in foreign]
    for stage in run.stages:
        sums = {n: sum(c.get((stage.id, s), 0) for s in stage.sources) for n, c in (("came", came), ("went", went))}
        who = (stage.id, stage.hook, stage.plugin, stage.artifact, stage.sources)
        nodes.append(Node(*who, came=sums["came"], went=sums["went"], is_finished=stage.finished))
    edges = [*data_edges(run.stages, went), *(Edge(own.get(mark, mark), end, None) for end, mark in marks.items())]
    return Graph(run.id, tuple(nodes), tuple(edges))


def data_edges(stages: Sequence[RunStage], went: dict[tuple[str, str], int]) -> Iterator[Edge]:
    """Each source from the last stage that left its records to every stage that sees them."""
    last: dict[str, str] = {}
    for stage in stages:
        for source in stage.sources:
            if source in last:
                yield Edge(last[source], stage.id, source, went.get((last[source], source), 0))
            if stage.hook not in TRAINED:
                last[source] = stage.id
