"""What is wrong with the plugins that are installed: they do not load, clash, lack something, or were changed."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from finery import Fault, FineryError
from finery_registry.environment import Environment, Installed, modified
from finery_registry.listing import HOOKS, Listing, normalised

Page = Callable[[str, str], Any]
"""What `finery plugins show` does with a hook and a name; raises FineryError for a plugin that does not load."""


def ailments(there: Environment, listings: Mapping[str, Listing], page: Page) -> Iterator[Fault]:
    """Every fault, those that one can mend by a line first."""
    brought = {name: dist for name, dist in there.installed.items() if dist.points}
    yield from clashes(brought)
    for name, dist in sorted(brought.items()):
        yield from unmet(dist, there)
        yield from loading(dist, page)
        if name != "finery" and not dist.local:
            yield from modified(dist)
            yield from withdrawn(dist, listings.get(name))


def clashes(brought: Mapping[str, Installed]) -> Iterator[Fault]:
    """Names that two distributions claim for one hook."""
    owners: dict[tuple[str, str], list[str]] = defaultdict(list)
    for dist in brought.values():
        for hook, name, _ in dist.points:
            owners[hook, name].append(f"{dist.name} {dist.version}")
    for (hook, name), several in sorted(owners.items()):
        if len(several) > 1 and hook in HOOKS:
            yield Fault(f"{hook} '{name}'", f"is claimed by {' and '.join(several)}", "remove one")


def unmet(dist: Installed, there: Environment) -> Iterator[Fault]:
    """Dependencies that are not there, or not in the version that is needed; extras are for `loading`."""
    from packaging.requirements import Requirement

    for line in dist.requires:
        need = Requirement(line)
        if need.marker and not need.marker.evaluate({"extra": ""}):
            continue
        found = there.installed.get(normalised(need.name))
        if found is None or not need.specifier.contains(found.version, prereleases=True):
            state = f"has {found.name} {found.version}" if found else f"lacks {need.name}"
            yield Fault(f"{dist.name} {dist.version}", f"{state}, needs {need}", f"pip install '{need}'")


def loading(dist: Installed, page: Page) -> Iterator[Fault]:
    """Plugins that cannot be imported, need an extra, or are for another API; a group that is no hook's."""
    for hook, name, _ in dist.points:
        if hook == "command" or (dist.name == "finery" and hook not in HOOKS):
            continue  # verbs, and the seams of Finery's own parts, are no plugins
        try:
            page(hook, name)
        except FineryError as error:
            for fault in error.faults:
                where = f"{hook} '{name}' ({dist.name} {dist.version})"
                yield Fault(where, f"{fault.fault}", fault.remedy)


def withdrawn(dist: Installed, listing: Listing | None) -> Iterator[Fault]:
    """A release that its index has withdrawn."""
    for release in listing.releases if listing else ():
        if release.version == dist.version and release.yanked:
            remedy = f"finery plugins update {normalised(dist.name)}"
            yield Fault(f"{dist.name} {dist.version}", f"is withdrawn: {release.yanked}", remedy)
