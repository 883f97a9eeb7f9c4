"""What is installed, from entry-point metadata: nothing is imported until a plugin is used."""

from __future__ import annotations

import functools
import importlib
import re
from collections.abc import Iterable
from dataclasses import dataclass
from importlib import metadata
from typing import Any

from finery.errors import PipelineError, PluginError, did_you_mean, missing_extra
from finery.verbs import VERBS

GROUPS = (*VERBS, "observe")


@dataclass(frozen=True)
class Entry:
    """One plugin: its name, its hook, where its class is, and which package and version brought it."""

    name: str
    hook: str
    target: str
    package: str | None = None
    version: str | None = None

    @property
    def label(self) -> str:
        """`package version`, or `local` for a class that no package holds."""
        return f"{self.package} {self.version}" if self.package else "local"


def entries(hooks: Iterable[str] = GROUPS, points: Any = None) -> list[Entry]:
    """Every installed plugin of these hooks, by hook and name; `points` are Python's entry points, if known."""
    points = metadata.entry_points() if points is None else points
    found = {entry(hook, point) for hook in hooks for point in points.select(group=f"finery.{hook}")}
    order = {hook: place for place, hook in enumerate(GROUPS)}
    return sorted(found, key=lambda e: (order.get(e.hook, 99), e.name, e.package or ""))


def entry(hook: str, point: metadata.EntryPoint) -> Entry:
    """An entry point as an Entry."""
    return Entry(point.name, hook, point.value, *(owner(point.dist) if point.dist else (None, None)))


@functools.lru_cache(maxsize=256)
def owner(dist: metadata.Distribution) -> tuple[str, str]:
    """Name and version of a distribution, which Python parses anew each time; all of its entry points share it."""
    said = dist.metadata
    return said["Name"], said["Version"]


def find(hook: str, name: str, known: Iterable[Entry] | None = None) -> Entry:
    """The plugin of that name. Raises PipelineError where there is none, or more than one."""
    if ":" in name:
        return Entry(name, hook, name)
    installed = [e for e in (entries() if known is None else known) if e.hook == hook]
    found = [e for e in installed if e.name == name]
    if not found:
        hint = did_you_mean(name, [e.name for e in installed])
        there = ", ".join(e.name for e in installed) or "none"
        raise PipelineError.at("", f"unknown {hook} '{name}'{hint}", f"installed are {there}")
    if len(found) > 1:
        owners = " and ".join(e.label for e in found)
        raise PipelineError.at("", f"{hook} '{name}' is claimed by {owners}", "remove one, or name 'module:Class'")
    return found[0]


def load(entry: Entry) -> type[Any]:
    """The plugin's class, imported now. Raises PluginError, or MissingExtra where a library is not installed."""
    module, _, name = entry.target.partition(":")
    try:
        found: type[Any] = getattr(importlib.import_module(module), name)
    except ModuleNotFoundError as error:
        raise not_importable(entry, module, error) from error
    except AttributeError as error:
        raise PluginError.at(entry.target, f"has no '{name}'", "write 'module:Class'") from error
    except (Exception, SystemExit) as error:
        fault = f"cannot be imported: {type(error).__name__}: {error}"
        raise PluginError.at(f"{entry.hook} '{entry.name}' ({entry.label})", fault) from error
    return found


def not_importable(entry: Entry, module: str, error: ModuleNotFoundError) -> Exception:
    """What to say when an import found no module: the plugin itself, or a library that an extra brings."""
    place = f"{entry.hook} '{entry.name}'"
    missing = error.name or ""
    if module == missing or module.startswith(f"{missing}."):
        return PipelineError.at(
            place, f"there is no module '{missing}'", "is it beside the pipeline file, or installed?"
        )
    extra = extra_of(entry.package, missing.partition(".")[0])
    if extra and entry.package == "finery":
        return missing_extra(place, missing, extra)
    package = f"{entry.package}[{extra}]" if extra else missing
    return PluginError.at(place, f"needs the library '{missing}'", f"pip install '{package}'")


def extra_of(package: str | None, library: str) -> str | None:
    """The extra of a package that brings a library."""
    if package is None:
        return None
    for line in metadata.requires(package) or ():
        name = re.match(r"[\w.-]+", line)
        extra = re.search(r"extra == ['\"]([\w-]+)['\"]", line)
        if name and extra and name[0].replace("-", "_").lower() == library.lower():
            return extra[1]
    return None
