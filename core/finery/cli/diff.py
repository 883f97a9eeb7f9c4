"""`finery diff`: what two runs differ in."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from finery.lineage.diff import Difference

SECTIONS = {
    "config": ("Configuration", ["option", "a", "b"]),
    "plugins": ("Plugins and libraries", ["stage", "a", "b"]),
    "counts": ("Counts", ["stage", "source", "name", "a", "b", "change"]),
    "metrics": ("Metrics", ["stage", "name", "source", "a", "b", "change"]),
    "fates": ("Records whose fate changed", ["a", "b", "count", "examples"]),
}


@click.command()
@click.argument("first", metavar="A")
@click.argument("second", metavar="B")
@click.option("--json", "as_json", is_flag=True, help="As JSON.")
def diff(first: str, second: str, as_json: bool) -> None:
    """Compare run A with run B: config, versions, counts, metrics, fates.

    A and B are run ids or the beginning of one; `last` is the last run, `last~1` the one before it.
    """
    from finery.cli.render import emit_json
    from finery.cli.work import work_folder
    from finery.lineage.diff import compare
    from finery.lineage.runs import find_run
    from finery.lineage.store import reading

    with reading(work_folder()) as connection:
        found = compare(connection, find_run(connection, first), find_run(connection, second))
    if as_json:
        emit_json(asdict(found))
    else:
        show(found)


def show(found: Difference) -> None:
    """Print the sections in which the runs differ."""
    from finery.cli.render import emit

    click.echo(f"a is run {found.a}, b is run {found.b}")
    told = {name: getattr(found, name) for name in SECTIONS if getattr(found, name)}
    for name, rows in told.items():
        heading, columns = SECTIONS[name]
        click.echo(f"\n{heading}")
        emit([line(row) for row in rows], columns, False)
    if found.fates:
        click.echo(f"\nAsk for one: finery why {found.fates[0]['examples'][0]}")
    if not told:
        click.echo("\nnothing differs")


def line(row: dict[str, Any]) -> dict[str, Any]:
    """A row with how much its number changed."""
    a, b = row["a"], row["b"]
    numbers = all(isinstance(value, int | float) and not isinstance(value, bool) for value in (a, b))
    if "examples" in row:
        return {**row, "examples": [str(example)[:8] for example in row["examples"]]}
    return {**row, "change": b - a} if numbers else row
