"""`finery plugins remove`: take a distribution and its plugins away."""

from __future__ import annotations

import click

from finery_registry.cli.shared import PYTHON, YES, agreed


@click.command()
@click.argument("name")
@PYTHON
@YES
def remove(name: str, python: str | None, yes: bool) -> None:
    """Remove the distribution or plugin NAME; what it depends on stays."""
    from finery_registry.environment import environment
    from finery_registry.install import needs, removable
    from finery_registry.install import remove as take_away
    from finery_registry.pip import Pip

    there = environment(python)
    owner = removable(name, there)
    dist = there.installed[owner]
    plugins = ", ".join(f"{hook} {plugin}" for hook, plugin, _ in dist.points)
    click.echo(f"{dist.name} {dist.version}: {plugins}")
    if left := sorted(needs(dist.requires) & there.installed.keys() - {"finery"}):
        click.echo(f"what it depends on stays: {', '.join(left)}")
    if not agreed(f"Remove {dist.name} {dist.version} from {there.python}?", yes):
        click.echo("nothing is changed")
        return
    take_away(owner, there, Pip(there.python))
    click.echo(f"removed {dist.name} {dist.version}")
