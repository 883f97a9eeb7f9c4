"""`finery plugins install`: the card, the changes, the question, and then the environment is changed or put back."""

from __future__ import annotations

from pathlib import Path

import click

from finery_registry.cli.shared import HTTP, INDEX, PYTHON, WHEELS, YES, agreed, indexes, workplace


@click.command()
@click.argument("name")
@WHEELS
@PYTHON
@click.option("--again", is_flag=True, help="Install it over itself, such as where a file was changed.")
@YES
@INDEX
@HTTP
def install(
    name: str,
    wheels: Path | None,
    python: str | None,
    again: bool,
    yes: bool,
    places: tuple[str, ...],
    allow_http: bool,
) -> None:
    """Install the distribution or plugin NAME, or NAME==VERSION, from an index.

    Its wheel must be the one that the index names. What changes is shown first; where it fails, all is put back.
    """
    from finery_registry.card import card
    from finery_registry.environment import environment
    from finery_registry.install import apply, propose
    from finery_registry.pip import Pip

    there = environment(python)
    pip = Pip(there.python, wheels.resolve() if wheels else None)
    with workplace() as folder:
        proposal = propose(indexes(places, allow_http), name, there, pip, folder, allow_http, again)
        wanted = f"{proposal.listing.name} {proposal.release.version}"
        if not proposal.changes:
            click.echo(f"{wanted} is installed already; --again puts its files back")
            return
        click.echo(card(proposal.listing, proposal.release))
        click.echo(f"\nWould change {there.python}:")
        for one in proposal.changes:
            came = f"{one.before} -> " if one.before else ""
            click.echo(f"  {one.name} {came}{one.version}")
        if not agreed(f"Install {wanted}?", yes):
            click.echo("nothing is changed")
            return
        apply(proposal, there, pip)
    click.echo(f"installed {wanted}: {proposal.listing.labels}")
