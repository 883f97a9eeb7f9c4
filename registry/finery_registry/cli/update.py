"""`finery plugins update`: newer releases of what is installed, with what they change."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import click

from finery_registry.cli.shared import HTTP, INDEX, PYTHON, WHEELS, YES, agreed, indexes, workplace

if TYPE_CHECKING:
    from finery_registry.environment import Installed
    from finery_registry.indexes import Indexes
    from finery_registry.install import Proposal
    from finery_registry.listing import Listing, Release


@click.command()
@click.argument("names", nargs=-1)
@WHEELS
@PYTHON
@YES
@INDEX
@HTTP
def update(
    names: tuple[str, ...],
    wheels: Path | None,
    python: str | None,
    yes: bool,
    places: tuple[str, ...],
    allow_http: bool,
) -> None:
    """Bring listed distributions to their newest release: those NAMES, by default all. Shows what changes first."""
    from finery_registry.environment import environment
    from finery_registry.install import apply, propose
    from finery_registry.pip import Pip

    there = environment(python)
    found = indexes(places, allow_http)
    wanted = {found.find(name).name for name in names}
    newer = [one for one in outdated(found, there.installed) if not names or one[0].name in wanted]
    pip = Pip(there.python, wheels.resolve() if wheels else None)
    with workplace() as folder:
        proposals = []
        for number, (listing, old, release) in enumerate(newer):
            own = folder / str(number)
            own.mkdir()
            proposals.append(propose(found, f"{listing.name}=={release.version}", there, pip, own, allow_http))
            told(proposals[-1], differences(listing, old, release))
        if not newer:
            click.echo("everything is as new as the index has it")
        elif not agreed(f"Update {', '.join(listing.name for listing, _, _ in newer)}?", yes):
            click.echo("nothing is changed")
        else:
            for proposal in proposals:
                apply(proposal, there, pip)
                click.echo(f"updated {proposal.listing.name} to {proposal.release.version}")


def told(proposal: Proposal, differences: Iterable[str]) -> None:
    """Say what an update changes: versions, then what is other in them."""
    for one in proposal.changes:
        click.echo(f"{one.name} {one.before or 'new'} -> {one.version}")
    for line in differences:
        click.echo(f"  {line}")


def outdated(found: Indexes, installed: dict[str, Installed]) -> Iterator[tuple[Listing, Installed, Release]]:
    """Each distribution that is installed and listed in a newer release."""
    from packaging.version import Version

    from finery import API

    for name, listing in sorted(found.listings.items()):
        old, release = installed.get(name), listing.newest(API)
        if old and release and not old.local and Version(release.version) > Version(old.version):
            yield listing, old, release


def differences(listing: Listing, old: Installed, release: Release) -> Iterator[str]:
    """What is other in a newer release: plugins, API, dependencies, options as they were checked."""
    before, after = {(hook, name) for hook, name, _ in old.points}, set(listing.provides)
    yield from (f"new: {hook} {name}" for hook, name in sorted(after - before))
    yield from (f"gone: {hook} {name}" for hook, name in sorted(before - after))
    known = next((one for one in listing.releases if one.version == old.version), None)
    if known is None:
        return
    if known.api != release.api:
        yield f"plugin API {known.api} -> {release.api}"
    yield from (f"no longer depends on {line}" for line in sorted({*known.requires} - {*release.requires}))
    yield from (f"depends on {line}" for line in sorted({*release.requires} - {*known.requires}))
    if known.yanked:
        yield f"{known.version} is withdrawn: {known.yanked}"
    yield from option_differences(known, release)


def option_differences(known: Release, release: Release) -> Iterator[str]:
    """Options that are new, gone or otherwise in a newer release."""
    before, after = recorded(known), recorded(release)
    for name in sorted(before.keys() | after.keys()) if before and after else ():
        if before.get(name) != after.get(name):
            yield f"option {name}: {before.get(name, 'new')} -> {after.get(name, 'gone')}"


def recorded(release: Release) -> dict[str, str]:
    """Each option of a checked release, with its type, bounds and default."""
    return {
        f"{page['hook']} {page['name']} {one['option']}": " ".join(
            filter(None, (one["type"], one["bounds"], f"default {one['default']}" if one["default"] else ""))
        )
        for page in (release.checked or {}).get("plugins", ())
        for one in page["options"]
    }
