"""The plugin classes that a name, `module:Class`, a Python file or a distribution's folder means."""

from __future__ import annotations

import importlib
import importlib.util
import inspect
import sys
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Any

from finery import FineryError, Manifest, PluginError, UsageError, did_you_mean
from finery_registry.listing import HOOKS


@dataclass(frozen=True)
class Found:
    """A plugin that is to be checked."""

    label: str
    """`filter letters`, or the class's name where it has no entry point."""
    cls: type[Any]


def subjects(wanted: str, hook: str | None = None) -> list[Found]:
    """Every plugin meant. Raises UsageError where there is none, PluginError where one cannot be imported."""
    path = Path(wanted)
    if path.suffix == ".py" and path.is_file():
        found = in_file(path)
    elif path.is_dir() and (path / "pyproject.toml").is_file():
        found = [loaded(*point) for point in declared(path) if hook in (None, point[0])]
    elif ":" in wanted:
        beside(Path.cwd())
        found = [loaded("", wanted, wanted)]
    else:
        found = [loaded(*point) for point in installed() if point[1] == wanted and hook in (None, point[0])]
    if not found:
        hint = did_you_mean(wanted, [name for _, name, _ in installed()])
        raise UsageError.at(wanted, f"is no plugin{hint}", "name one, a Python file or a folder with pyproject.toml")
    return found


def installed() -> list[tuple[str, str, str]]:
    """Hook, name and target of every installed plugin."""
    points = metadata.entry_points()
    return [(hook, point.name, point.value) for hook in HOOKS for point in points.select(group=f"finery.{hook}")]


def declared(folder: Path) -> Iterator[tuple[str, str, str]]:
    """Hook, name and target of the plugins that a distribution's `pyproject.toml` declares, installed or not."""
    try:
        said = tomllib.loads((folder / "pyproject.toml").read_text(encoding="utf-8"))
    except ValueError as error:
        raise UsageError.at(folder / "pyproject.toml", f"is not TOML: {error}") from None
    for base in (folder / "src", folder):
        beside(base)
    for group, points in said.get("project", {}).get("entry-points", {}).items():
        if (hook := group.removeprefix("finery.")) in HOOKS:
            yield from ((hook, name, target) for name, target in points.items())


def beside(folder: Path) -> None:
    """Let modules of a folder be imported."""
    if folder.is_dir() and str(folder.resolve()) not in sys.path:
        sys.path.insert(0, str(folder.resolve()))


def in_file(path: Path) -> list[Found]:
    """The plugins that a Python file defines."""
    beside(path.parent)
    try:
        module = importlib.import_module(path.stem)
    except (Exception, SystemExit) as error:
        raise PluginError.at(path, f"cannot be imported: {type(error).__name__}: {error}") from error
    classes = [cls for _, cls in inspect.getmembers(module, inspect.isclass) if cls.__module__ == module.__name__]
    return [Found(cls.__name__, cls) for cls in classes if isinstance(vars(cls).get("__finery__"), Manifest)]


def loaded(hook: str, name: str, target: str) -> Found:
    """A plugin by its target, imported now."""
    module, _, attribute = target.partition(":")
    try:
        cls = getattr(importlib.import_module(module), attribute)
    except FineryError:
        raise
    except (Exception, SystemExit) as error:
        raise PluginError.at(target, f"cannot be imported: {type(error).__name__}: {error}") from error
    return Found(f"{hook} {name}".strip(), cls)
