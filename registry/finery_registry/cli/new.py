"""`finery plugins new`: a complete distribution to begin with."""

from __future__ import annotations

from pathlib import Path

import click


@click.command()
@click.argument("name")
@click.option("--hook", required=True, help="filter, score, dedupe, mix, format, train, evaluate or observe.")
@click.option("--folder", type=click.Path(path_type=Path), help="Where to write it; by default a folder NAME here.")
@click.option("--plugin", metavar="WORD", help="What pipelines call it; by default NAME, without a leading finery-.")
@click.option("--author", metavar="WHO", help="Who answers for it.")
def new(name: str, hook: str, folder: Path | None, plugin: str | None, author: str | None) -> None:
    """Begin a distribution NAME with one plugin that works: its test, README, workflow and licence beside it.

    It passes its own tests, ruff and mypy as it is written.
    """
    from finery_registry.starting import begun, named

    names = named(name, hook, plugin, author)
    place = folder or Path(name)
    for path in begun(names, place):
        click.echo(f"wrote {path}")
    # Without a slash, pip would take the name for one on its index.
    there = place if place.is_absolute() else f"./{place}"
    steps = (f"pip install -e '{there}[test]'", f"python -m pytest {there}", f"finery plugins show {names.plugin}")
    click.echo("\nNext:")
    for step in steps:
        click.echo(f"  {step}")
