"""`finery report`: a run, or two beside each other, as one HTML file to look at."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from finery.report.parts import Report


@click.command()
@click.argument("run", default="last")
@click.argument("other", required=False, metavar="[RUN]")
@click.option(
    "--to", "place", type=click.Path(path_type=Path), help="The file; by default in the work folder's reports."
)
@click.option("--json", "as_json", is_flag=True, help="The numbers as JSON, and no file.")
def report(run: str, other: str | None, place: Path | None, as_json: bool) -> None:
    """Write what happened in RUN as an HTML file; with two, what they differ in.

    The file holds all it needs and fetches nothing. RUN is a run's id or the beginning of one; `last` is the last run,
    `last~1` the one before it.
    """
    from finery.cli.render import emit_json
    from finery.cli.waiting import waiting
    from finery.cli.work import work_folder
    from finery.report.writing import figures, write

    root = work_folder()
    with waiting("report"):
        made, name = of_runs(root, run, other)
    if as_json:
        emit_json(figures(made))
        return
    place = place or root / "reports" / f"{name}.html"
    size = write(made, place)
    click.echo(f"{place} ({size / 1e6:.1f} MB)")


def of_runs(root: Path, run: str, other: str | None) -> tuple[Report, str]:
    """The report of one run or of two, and what to call it."""
    from finery.lineage.runs import find_run
    from finery.lineage.store import reading
    from finery.report.compared import of_two
    from finery.report.writing import of_run

    with reading(root) as connection:
        found = find_run(connection, run)
        if other is None:
            return of_run(connection, root, found), found.id
        second = find_run(connection, other)
        return of_two(connection, found, second), f"{found.id}-{second.id}"
