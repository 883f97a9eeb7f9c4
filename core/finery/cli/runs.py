"""`finery runs`: what has run in the work folder."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click

RUNS = """
select r.run, r.name, r.status, epoch_ms(r.started) as started, r.seconds,
    count(*) filter (s.done and not s.reused) as ran, count(*) filter (s.reused) as reused, count(s.stage) as stages
from runs r left join stages s using (run) group by all order by started desc, r.run desc
"""
STAGES = """
select s.stage, s.hook, s.plugin, s.package, s.artifact, s.reused, s.why, a.artifact is not null as done, a.seconds,
    sum(t.count) filter (t.name = 'in')::bigint as records_in,
    sum(t.count) filter (t.name in ('kept', 'born'))::bigint as records_out
from stages s left join artifacts a using (artifact)
left join tallies t on t.artifact = s.artifact and t.kind = 'fate'
where s.run = ? group by all order by min(s.position)
"""


@click.command()
@click.argument("run", required=False)
@click.option("--json", "as_json", is_flag=True, help="As JSON.")
def runs(run: str | None, as_json: bool) -> None:
    """List the runs, or the stages of one RUN."""
    from finery.cli.work import work_folder
    from finery.lineage.runs import find_run, rows
    from finery.lineage.store import reading

    root = work_folder()
    with reading(root) as connection:
        if run is None:
            show_runs(settled(root, rows(connection, RUNS)), as_json)
            return
        meant = find_run(connection, run)
        show_stages(meant.id, rows(connection, STAGES, [meant.id]), as_json)


def show_runs(found: list[dict[str, Any]], as_json: bool) -> None:
    """Print the runs, the latest first."""
    from finery.cli.render import emit

    if not as_json:
        found = [{**row, "started": row["started"][:19], "seconds": round(row["seconds"], 1)} for row in found]
    emit(found, ["run", "name", "status", "started", "seconds", "stages", "ran", "reused"], as_json)


def show_stages(run: str, found: list[dict[str, Any]], as_json: bool) -> None:
    """Print the stages of a run in order."""
    from finery.cli.render import emit, emit_json

    if as_json:
        emit_json({"run": run, "stages": found})
        return
    columns = ["stage", "hook", "plugin", "package", "in", "out", "seconds", "did"]
    rows = [{**row, "in": row["records_in"], "out": row["records_out"], "did": did(row)} for row in found]
    emit(rows, columns, False)


def did(row: dict[str, Any]) -> str:
    """What a run did about a stage."""
    if row["reused"]:
        return "reused"
    return f"ran: {row['why']}" if row["done"] else "not finished"


def settled(root: Path, found: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The runs, with times in UTC; one that says it is running, while no process is there to run it, was killed."""
    from finery.data.artifacts import alive

    for place, row in enumerate(found):
        row["started"] = datetime.fromtimestamp(row["started"] // 1000, UTC).isoformat(" ")
        if row["status"] == "running" and (place > 0 or not alive(root)):
            row["status"] = "killed"
    return found
