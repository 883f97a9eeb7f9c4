"""`finery plan`: what would run, who does it, and what is reused or why not."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from finery.plan import Plan, Step


@click.command()
@click.argument("file", type=click.Path(path_type=Path), default="pipeline.toml")
@click.option("--set", "settings", multiple=True, metavar="STAGE.OPTION=VALUE", help="Override a value of the file.")
@click.option("--unlocked", is_flag=True, help="Go on where what is installed differs from finery.lock.")
@click.option("--json", "as_json", is_flag=True, help="As JSON.")
def plan(file: Path, settings: tuple[str, ...], unlocked: bool, as_json: bool) -> None:
    """Show what a run of FILE would do, without doing it."""
    from finery.cli.work import plugins_beside, work_folder
    from finery.config import read_pipeline
    from finery.lock.holding import explained, hold
    from finery.plan import make_plan

    plugins_beside(file)
    with explained(file, unlocked):
        pipeline = read_pipeline(file, settings)
    hold(pipeline, unlocked)
    show_plan(make_plan(pipeline, work_folder(file)), as_json)


def show_plan(made: Plan, as_json: bool) -> None:
    """Print a plan."""
    rows = [described(step) for step in made.steps]
    if as_json:
        click.echo(json.dumps({"pipeline": made.pipeline.name, "stages": rows}, indent=2))
        return
    from finery.cli.render import emit

    columns = ["stage", "hook", "plugin", "package", "sources", "does"]
    emit([{**row, "sources": ", ".join(row["sources"]), "does": doing(row)} for row in rows], columns, False)


def described(step: Step) -> dict[str, Any]:
    """A stage of a plan as plain values."""
    return {
        "stage": step.stage.id,
        "hook": step.stage.hook,
        "plugin": step.stage.plugin,
        "package": step.entry.label,
        "sources": list(step.touched),
        "fingerprint": step.fingerprint,
        "reused": step.reused,
        "why": step.why,
    }


def doing(row: dict[str, Any]) -> str:
    """`reused`, or `runs: ` and why."""
    return "reused" if row["reused"] else f"runs: {row['why']}"
