"""Where a run's results come from: stages with their artifacts, versions, options, and whether it kept to its lock."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from finery.lineage.diff import configuration
from finery.lineage.runs import Run, rows
from finery.report.parts import Facts, Part, Section, Table

if TYPE_CHECKING:
    import duckdb

SECRET = re.compile(r"(^|[._-])(api[_-]?key|access[_-]?key|token|secret|password|authorization|headers?)$", re.I)
"""Options whose values are nobody's business."""
HIDDEN = "(hidden)"

STAGES = """
select s.stage, s.hook, s.plugin, s.package, s.artifact, s.reused, s.why, s.done, a.seconds
from stages s left join artifacts a using (artifact) where s.run = ? order by s.position
"""
LOCK = "select held, faults from locks where run = ?"


def pedigree(connection: duckdb.DuckDBPyConnection, run: Run) -> Section:
    """The section."""
    head = rows(connection, "select versions from runs where run = ?", [run.id])[0]
    parts: list[Part] = [stages(connection, run), Facts({"run": run.id, **json.loads(head["versions"])})]
    if lock := rows(connection, LOCK, [run.id]):
        faults = "; ".join(map(str, json.loads(lock[0]["faults"])))
        parts.append(Facts({"finery.lock": "held" if lock[0]["held"] else f"not held: {faults}"}))
    options = configuration(connection, run, {stage.id for stage in run.stages})
    body = [[name, worded(name, value)] for name, value in options.items()]
    return Section(
        "lineage", "Lineage", [*parts, Table("Options, with defaults", ["option", "value"], body, folded=True)]
    )


def stages(connection: duckdb.DuckDBPyConnection, run: Run) -> Table:
    """Every stage with what it left."""
    columns = ["stage", "hook", "plugin", "package", "artifact", "seconds", "did"]
    found = rows(connection, STAGES, [run.id])
    body = [
        [row["stage"], row["hook"], row["plugin"], row["package"], row["artifact"], row["seconds"], did(row)]
        for row in found
    ]
    return Table("Stages and what they left", columns, body, "Equal artifacts hold equal bytes, whoever made them.")


def did(row: Mapping[str, Any]) -> str:
    """What the run did about a stage."""
    if row["reused"]:
        return "reused"
    return f"ran: {row['why']}" if row["done"] else "not finished"


def worded(name: str, value: Any) -> str:
    """An option's value as text; secrets are hidden, inside of it too."""
    return HIDDEN if SECRET.search(name) else json.dumps(without(value), ensure_ascii=False, default=str)


def without(value: Any) -> Any:
    """A value without secrets."""
    if isinstance(value, Mapping):
        return {key: HIDDEN if SECRET.search(str(key)) else without(part) for key, part in value.items()}
    return [without(part) for part in value] if isinstance(value, list) else value
