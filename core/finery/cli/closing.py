"""The closing report of a run: records by source, why they left, loss, metrics, and what to ask next."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click

from finery.lineage.store import reading

FLOW = """
select s.stage, t.source, t.name as fate, t.count
from stages s join tallies t using (artifact)
where s.run = ? and t.kind = 'fate' and s.hook not in ('train', 'evaluate') order by s.position
"""
REASONS = """
select s.stage, t.source, t.name as reason, t.count
from stages s join tallies t using (artifact)
where s.run = ? and t.kind = 'reason' order by s.position, t.count desc, reason
"""
LOSSES = """
select s.stage, m.source, arg_min(m.value, m.step) as first, arg_max(m.value, m.step) as last, max(m.step) as steps
from stages s join metrics m using (artifact)
where s.run = ? and m.name = 'loss' and m.step is not null group by all order by min(s.position), m.source nulls first
"""
EVALUATIONS = """
select s.stage, m.name as measure, m.source, m.value
from stages s join metrics m using (artifact)
where s.run = ? and s.hook = 'evaluate' and m.step is null order by s.position, m.source nulls first
"""
TOKENS = """
select s.stage, sum(p.length)::bigint as tokens, count(distinct p.record) as records
from stages s join steps p using (artifact) where s.run = ? group by s.stage
"""
DROPPED = """
select d.record from stages s join decisions d using (artifact)
where s.run = ? and d.record is not null limit 1
"""


def closing(root: Path, run: str) -> dict[str, Any]:
    """Everything the closing report says."""
    with reading(root) as connection:

        def rows(query: str) -> list[dict[str, Any]]:
            found = connection.execute(query, [run])
            names = [column[0] for column in found.description or ()]
            return [dict(zip(names, row, strict=True)) for row in found.fetchall()]

        head = rows("select run, name, status, seconds from runs where run = ?")[0]
        example = connection.execute(DROPPED, [run]).fetchone()
        return {
            **head,
            "flow": flow(rows(FLOW)),
            "reasons": rows(REASONS),
            "tokens": rows(TOKENS),
            "losses": rows(LOSSES),
            "evaluations": rows(EVALUATIONS),
            "work": str(root),
            "example": str(example[0]) if example else None,
        }


def flow(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Records of each source: as read, and as they came out of the last data stage that saw it."""
    sources: dict[str, dict[str, Any]] = {}
    for row in rows:
        known = sources.setdefault(row["source"], {"source": row["source"], "read": 0, "out": 0, "stages": {}})
        known["stages"].setdefault(row["stage"], {})[row["fate"]] = row["count"]
    for known in sources.values():
        stages = list(known.pop("stages").values())
        known["read"] = stages[0]["in"]
        known["out"] = stages[-1]["kept"] + stages[-1]["born"]
        for fate in ("dropped", "merged", "failed", "born"):
            known[fate] = sum(stage[fate] for stage in stages)
    return list(sources.values())


def show_closing(root: Path, run: str, as_json: bool) -> None:
    """Print the report."""
    found = closing(root, run)
    if as_json:
        click.echo(json.dumps(found, indent=2))
        return
    from finery.cli.render import emit

    click.echo(f"\n{found['name']}: {found['status']} in {found['seconds']:.0f} s\n\nRecords")
    emit(found["flow"], ["source", "read", "dropped", "merged", "failed", "born", "out"], False)
    if found["reasons"]:
        click.echo("\nWhy they left")
        emit(found["reasons"], ["stage", "source", "reason", "count"], False)
    if found["losses"]:
        click.echo("\nTraining")
        emit(
            training(found),
            ["stage", "source", "first loss", "last loss", "steps", "records", "tokens"],
            False,
        )
    if found["evaluations"]:
        click.echo("\nEvaluation")
        emit(*pivoted(found["evaluations"]), False)
    click.echo(f"\nEverything lies in {found['work']}")
    for line in suggestions(found):
        click.echo(f"  {line}")


def training(found: dict[str, Any]) -> list[dict[str, Any]]:
    """First and last loss of each training stage, and by source."""
    tokens = {row["stage"]: row for row in found["tokens"]}
    made = []
    for row in found["losses"]:
        whole = tokens.get(row["stage"], {}) if row["source"] is None else {}
        losses = {
            "first loss": f"{row['first']:.3f}",
            "last loss": f"{row['last']:.3f}",
            "steps": row["steps"],
        }
        counts = {name: whole.get(name, "") for name in ("records", "tokens")}
        made.append({"stage": row["stage"], "source": row["source"] or "all", **losses, **counts})
    return made


def pivoted(rows: list[dict[str, Any]]) -> tuple[list[dict[str, Any]], list[str]]:
    """Evaluations with a column a measure."""
    table: dict[tuple[str, str], dict[str, Any]] = {}
    for row in rows:
        key = (row["stage"], row["source"] or "all")
        table.setdefault(key, {"stage": key[0], "source": key[1]})[row["measure"]] = f"{row['value']:.4g}"
    measures = list(dict.fromkeys(row["measure"] for row in rows))
    return list(table.values()), ["stage", "source", *measures]


def suggestions(found: dict[str, Any]) -> list[str]:
    """What to ask next."""
    lines = [f"finery why {found['example']}    why did this record leave?"] if found["example"] else []
    trained = [row["stage"] for row in found["tokens"]]
    if trained:
        lines.append(f"finery trace {trained[-1]}    what made this model?")
    return [*lines, "finery runs    what ran before?", "finery diff last~1 last    what changed?"]
