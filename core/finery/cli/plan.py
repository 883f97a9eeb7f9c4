"""`finery plan`: what would run, who does it, what is reused or why not; and what it will need."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from collections.abc import Mapping

    from finery.plan import Plan, Step
    from finery.tables import PlanTable


@click.command()
@click.argument("file", type=click.Path(path_type=Path), default="pipeline.toml")
@click.option("--set", "settings", multiple=True, metavar="STAGE.OPTION=VALUE", help="Override a value of the file.")
@click.option("--unlocked", is_flag=True, help="Go on where what is installed differs from finery.lock.")
@click.option("--trace", is_flag=True, help="Try two steps of the real networks, without weights, for their memory.")
@click.option("--probe", is_flag=True, help="Try three real steps on the longest records, for memory and time.")
@click.option("--gpu", metavar="KIND", help="Plan for this kind of accelerator, such as h100, or for cpu.")
@click.option("--gpus", type=click.IntRange(min=1), help="How many of them.")
@click.option("--price", type=click.FloatRange(min=0), help="What one of them costs an hour, in dollars.")
@click.option("--utilisation", type=click.FloatRange(min=0.01, max=1), help="The share of the peak that is reached.")
@click.option("--silence", multiple=True, metavar="RULE", help="Leave this advice out.")
@click.option("--json", "as_json", is_flag=True, help="As JSON.")
def plan(
    file: Path, settings: tuple[str, ...], unlocked: bool, trace: bool, probe: bool, as_json: bool, **asked: Any
) -> None:
    """Show what a run of FILE would do and need, without doing it: tokens, memory, time, cost, what else would do.

    Says at once what follows from the options and a look at the data; --trace and --probe look closer and take longer.
    """
    from dataclasses import replace

    from finery.cli.plan_page import page, plain
    from finery.cli.render import emit_json
    from finery.cli.work import plugins_beside, work_folder
    from finery.config import read_pipeline
    from finery.forecast.make import forecast
    from finery.lock.holding import explained, hold
    from finery.plan import make_plan

    if trace and probe:
        raise click.UsageError("--trace and --probe are two ways to look: give one of them")
    plugins_beside(file)
    with explained(file, unlocked):
        pipeline = read_pipeline(file, settings)
    hold(pipeline, unlocked)
    pipeline = replace(pipeline, plan=reckoned(pipeline.plan, asked))
    made = make_plan(pipeline, work_folder(file))
    found = forecast(made, "probe" if probe else "trace" if trace else "instant")
    if as_json:
        emit_json({"pipeline": pipeline.name, "stages": [described(step) for step in made.steps], **plain(found)})
        return
    show_plan(made, False)
    page(found)


def reckoned(table: PlanTable, asked: Mapping[str, Any]) -> PlanTable:
    """The `[plan]` table with what the command line says over it."""
    said = {name: value for name, value in asked.items() if value}
    if "silence" in said:
        said["silence"] = (*table.silence, *said["silence"])
    return table.model_copy(update=said)


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
