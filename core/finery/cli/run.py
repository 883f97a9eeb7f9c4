"""`finery run`: carry a pipeline out, show how it goes, and close with a report."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import click


@click.command()
@click.argument("file", type=click.Path(path_type=Path), default="pipeline.toml")
@click.option("--set", "settings", multiple=True, metavar="STAGE.OPTION=VALUE", help="Override a value of the file.")
@click.option("--workers", type=click.IntRange(min=1), help="How many at a time; by default all cores.")
@click.option("--until", metavar="STAGE", help="Stop when this stage is done.")
@click.option("--dry-run", is_flag=True, help="Show the plan and stop.")
@click.option(
    "--unlocked", is_flag=True, help="Go on where what is installed differs from finery.lock; the lineage says so."
)
@click.option("--resume", is_flag=True, hidden=True, expose_value=False, help="Always so.")
@click.option(
    "--log",
    type=click.Choice(["auto", "plain", "json", "none"]),
    default="auto",
    show_default=True,
    help="Progress on standard error: bars on a terminal and lines elsewhere; always lines; JSON lines; nothing.",
)
@click.option("--quiet", is_flag=True, help="No progress, no report: only the run's id.")
@click.option("--json", "as_json", is_flag=True, help="The report as JSON.")
def run(
    file: Path,
    settings: tuple[str, ...],
    workers: int | None,
    until: str | None,
    dry_run: bool,
    unlocked: bool,
    log: str,
    quiet: bool,
    as_json: bool,
) -> None:
    """Run the pipeline in FILE; what is finished already is reused."""
    from finery.cli.work import plugins_beside, work_folder
    from finery.config import read_pipeline
    from finery.lock.holding import explained, hold

    plugins_beside(file)
    told = [*settings, *([f"run.workers={workers}"] if workers else [])]
    with explained(file, unlocked):
        pipeline = up_to(read_pipeline(file, told), until)
    root = work_folder(file)
    if dry_run:
        from finery.cli.plan import show_plan
        from finery.plan import make_plan

        hold(pipeline, unlocked)
        show_plan(make_plan(pipeline, root), as_json)
        return
    carry_out(pipeline, root, quiet, as_json, unlocked, log)


def up_to(pipeline: Any, stage: str | None) -> Any:
    """The pipeline without what follows a stage. Raises UsageError where there is none of that id."""
    from dataclasses import replace

    from finery.errors import UsageError, did_you_mean

    ids = [one.id for one in pipeline.stages]
    if stage is None:
        return pipeline
    if stage not in ids:
        fault = f"there is no stage '{stage}'{did_you_mean(stage, ids)}"
        raise UsageError.at(str(pipeline.file), fault, f"stages are {', '.join(ids)}")
    return replace(pipeline, stages=pipeline.stages[: ids.index(stage) + 1])


def carry_out(pipeline: Any, root: Path, quiet: bool, as_json: bool, unlocked: bool = False, log: str = "auto") -> None:
    """Run, with progress on standard error and the report on standard output."""
    from finery.cli.closing import show_closing
    from finery.run import run_pipeline

    with printed_elsewhere():
        done = run_pipeline(pipeline, root, listening(log, quiet or as_json), unlocked)
    if quiet:
        click.echo(done)
    else:
        show_closing(root, done, as_json)


@contextmanager
def printed_elsewhere() -> Iterator[None]:
    """Send what plugins, their libraries and their workers print to standard error: the report stands alone."""
    sys.stdout.flush()
    try:
        kept = os.dup(1)
        os.dup2(2, 1)
    except OSError:  # one of them is closed
        yield
        return
    try:
        yield
    finally:
        sys.stdout.flush()
        os.dup2(kept, 1)
        os.close(kept)


def listening(log: str, quiet: bool) -> tuple[Any, ...]:
    """Who tells of the run on standard error; nobody where it is to be quiet and no log was asked for."""
    from finery.cli.log import JsonLog
    from finery.cli.progress import Progress

    if log == "json":
        return (JsonLog(),)
    if log == "none" or (log == "auto" and quiet):
        return ()
    return (Progress(live=log == "auto"),)
