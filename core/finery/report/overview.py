"""What a reader wants to know first: how the run ended, how much came in and out, how long it took."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from finery.lineage.runs import Run, rows
from finery.report.parts import Facts, Section

if TYPE_CHECKING:
    import duckdb

HEAD = """
select name, status, strftime(started, '%Y-%m-%d %H:%M:%S UTC') as started, seconds from runs where run = ?
"""
READ = """
select coalesce(sum(t.count) filter (t.name = 'in'), 0)::bigint as came,
    coalesce(sum(t.count) filter (t.name in ('dropped', 'merged', 'failed')), 0)::bigint as gone
from stages s join tallies t using (artifact) where s.run = ? and s.hook {} and t.kind = 'fate'
"""
TRAINED = """
select count(distinct p.record) as records, sum(p.length)::bigint as tokens
from stages s join steps p using (artifact) where s.run = ?
"""


def overview(connection: duckdb.DuckDBPyConnection, run: Run) -> Section:
    """The section."""
    head = rows(connection, HEAD, [run.id])[0]
    read = rows(connection, READ.format("= 'read'"), [run.id])[0]
    gone = rows(connection, READ.format("not in ('read', 'train', 'evaluate')"), [run.id])[0]
    trained = rows(connection, TRAINED, [run.id])[0]
    pairs: dict[str, Any] = {
        "status": head["status"],
        "began": head["started"],
        "took": duration(head["seconds"]) if head["seconds"] else "not over",
        "stages": f"{len(run.stages)}, {sum(stage.reused for stage in run.stages)} reused",
        "records read": read["came"],
        "records gone": read["gone"] + gone["gone"],
    }
    if trained["tokens"]:
        pairs |= {"records trained on": trained["records"], "tokens trained on": trained["tokens"]}
    return Section("overview", "Overview", [Facts(pairs)])


def duration(seconds: float) -> str:
    """`1 h 4 min`, `3 min 20 s`, `2.5 s`."""
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest} s" if minutes < 60 else f"{minutes // 60} h {minutes % 60} min"
