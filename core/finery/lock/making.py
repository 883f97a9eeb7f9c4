"""A lock made: the plugins of pipelines, the distributions that bring them, and everything that those need."""

from __future__ import annotations

import platform
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from importlib import metadata
from pathlib import Path
from typing import Any, TypeAlias

from finery import __version__
from finery.catalog import Entry
from finery.config import Pipeline
from finery.digest import plugin_digest
from finery.errors import UsageError
from finery.lock.distributions import digest, distribution, needed, normalised, origin, wheel_of
from finery.lock.document import written
from finery.plugins import manifest

GROUP = "finery.wheels"
"""Entry points that know more wheels, such as an index's: each is called with places, name and version."""

Known: TypeAlias = Callable[[str, str], Mapping[str, str]]
"""`wheel`, `sha256` and `from` of a distribution's name and version; empty where it does not know."""


def make_lock(
    pipelines: Sequence[Pipeline], wheels: Path | None = None, known: Sequence[Known] = ()
) -> tuple[str, list[str]]:
    """The text of the lock of some pipelines, and the distributions that are needed and not installed.

    `wheels` is a folder to look for wheels in, `known` who else to ask for their hashes. Raises UsageError where a
    plugin belongs to a distribution that is not there as such.
    """
    used = sorted({used_by(one): one[0] for one in every(pipelines)}.items())
    extras = extras_of(every(pipelines))
    own = [brought(name, sorted(found), wheels, known) for name, found in sorted(extras.items())]
    names, missing = needed(extras)
    needs = [required(name, wheels, known) for name in names]
    environment = {
        "python": platform.python_version(),
        "finery": __version__,
        "pipelines": sorted(pipeline.file.name for pipeline in pipelines),
    }
    return written(environment, [table(entry) for _, entry in used], own, needs), missing


def every(pipelines: Iterable[Pipeline]) -> Iterator[tuple[Entry, Any]]:
    """The entry and the plugin of each stage and observer."""
    for pipeline in pipelines:
        yield from ((stage.entry, stage.plugin) for stage in pipeline.stages)
        yield from pipeline.observers


def used_by(one: tuple[Entry, Any]) -> tuple[str, str]:
    """What a plugin is told apart by: hook and name."""
    return one[0].hook, one[0].name


def table(entry: Entry) -> dict[str, Any]:
    """A plugin's table: who brings it, or what its files beside the pipeline hold."""
    told = {"hook": entry.hook, "name": entry.name, "target": entry.target}
    if entry.package:
        return {**told, "distribution": normalised(entry.package)}
    return {**told, "digest": plugin_digest(entry)}


def extras_of(used: Iterable[tuple[Entry, Any]]) -> dict[str, set[str]]:
    """The extras by distribution that plugins need; Finery's own is always there."""
    found: dict[str, set[str]] = {"finery": set()}
    for entry, plugin in used:
        if entry.package:
            extra = manifest(type(plugin)).needs.extra
            found.setdefault(normalised(entry.package), set()).update({extra} if extra else ())
    return found


def brought(name: str, extras: list[str], wheels: Path | None, known: Sequence[Known]) -> dict[str, Any]:
    """The table of a distribution that brings plugins."""
    dist = there(name)
    own = {"name": name, "version": dist.version, "extras": extras or None, "origin": origin(dist)}
    return {**own, "digest": digest(dist), **hashes(dist, wheels, known)}


def required(name: str, wheels: Path | None, known: Sequence[Known]) -> dict[str, Any]:
    """The table of a distribution that others need."""
    dist = there(name)
    return {"name": name, "version": dist.version, **hashes(dist, wheels, known)}


def there(name: str) -> metadata.Distribution:
    """An installed distribution. Raises UsageError."""
    found = distribution(name)
    if found is None:
        raise UsageError.at(name, "is not installed as a distribution", f"pip install {name}")
    return found


def hashes(dist: metadata.Distribution, wheels: Path | None, known: Sequence[Known]) -> Mapping[str, str]:
    """Where its wheel is known, the wheel's name and hash; nobody is asked about one that came from a folder."""
    if found := wheel_of(dist, wheels):
        return found
    if origin(dist) != "wheel":
        return {}
    return next((answer for ask in known if (answer := ask(normalised(dist.name), dist.version))), {})
