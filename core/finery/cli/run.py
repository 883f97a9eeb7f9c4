"""`finery run`: carry a pipeline out, show how it goes, and close with a report."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click


@click.command()
@click.argument("file", type=click.Path(path_type=Path), default="pipeline.toml")
@click.option("--set", "settings", multiple=True, metavar="STAGE.OPTION=VALUE", help="Override a value of the file.")
@click.option("--workers", type=click.IntRange(min=1), help="How many at a time; by default all cores.")
@click.option("--dry-run", is_flag=True, help="Show the plan and stop.")
@click.option("--resume", is_flag=True, hidden=True, expose_value=False, help="Always so.")
@click.option("--quiet", is_flag=True, help="No progress, no report: only the run's id.")
@click.option("--json", "as_json", is_flag=True, help="The report as JSON.")
def run(
    file: Path,
    settings: tuple[str, ...],
    workers: int | None,
    dry_run: bool,
    quiet: bool,
    as_json: bool,
) -> None:
    """Run the pipeline in FILE; what is finished already is reused."""
    from finery.cli.work import plugins_beside, work_folder
    from finery.config import read_pipeline

    plugins_beside(file)
    told = [*settings, *([f"run.workers={workers}"] if workers else [])]
    pipeline = read_pipeline(file, told)
    root = work_folder(file)
    if dry_run:
        from finery.cli.plan import show_plan
        from finery.plan import make_plan

        show_plan(make_plan(pipeline, root), as_json)
        return
    carry_out(pipeline, root, quiet, as_json)


def carry_out(pipeline: Any, root: Path, quiet: bool, as_json: bool) -> None:
    """Run, with progress on standard error and the report on standard output."""
    from finery.cli.progress import Progress
    from finery.cli.report import show_report
    from finery.run import run_pipeline

    observers = () if quiet or as_json else (Progress(),)
    done = run_pipeline(pipeline, root, observers)
    if quiet:
        click.echo(done)
    else:
        show_report(root, done, as_json)
