"""`finery install --locked`: the environment of a lock, made again in this or another place."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from finery_registry.cli.shared import HTTP, INDEX, PYTHON, WHEELS, YES, agreed, indexes, workplace

if TYPE_CHECKING:
    from finery_registry.locked import Rebuild


@click.command()
@click.argument("file", type=click.Path(path_type=Path), default="finery.lock")
@click.option("--locked", is_flag=True, help="As the lock FILE has it. There is no other way to install here.")
@WHEELS
@PYTHON
@YES
@INDEX
@HTTP
def install(
    file: Path,
    locked: bool,
    wheels: Path | None,
    python: str | None,
    yes: bool,
    places: tuple[str, ...],
    allow_http: bool,
) -> None:
    """Make an environment as a lock has it: every distribution in its version, from the wheel with its hash.

    What has no hash in the lock is told, and taken by its version. Where it fails, all is put back.
    """
    from finery import UsageError, read_lock
    from finery_registry.environment import environment
    from finery_registry.locked import apply, rebuild, verify
    from finery_registry.pip import Pip

    if not locked:
        raise UsageError.at("finery install", "is for locks: say --locked", "or finery plugins install NAME")
    there = environment(python)
    made = rebuild(read_lock(file), there)
    if not made.changes:
        verify(made.lock, there)
        click.echo(f"{there.python} is as {file.name} has it")
        return
    tell(made, there.python)
    if not agreed(f"Install {len(made.changes)} distributions?", yes):
        click.echo("nothing is changed")
        return
    with workplace() as folder:
        pip = Pip(there.python, wheels.resolve() if wheels else None)
        apply(made, there, pip, indexes(places, allow_http), folder)
    click.echo(f"installed {', '.join(made.changes)}")


def tell(made: Rebuild, python: str) -> None:
    """What would change, and what no hash is known of."""
    from finery_registry.locked import label

    click.echo(f"Would install into {python}:")
    for one in made.hashed:
        click.echo(f"  {label(one)}  sha256 {one['sha256'][:16]}...")
    for one in made.plain:
        click.echo(f"  {label(one)}  no hash is known: taken by its version alone")
