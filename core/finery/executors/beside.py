"""What a run takes along to other machines: the Python files beside its pipeline, and which packages must be there."""

from __future__ import annotations

import shutil
from collections.abc import Iterable, Iterator
from importlib import metadata
from pathlib import Path

from finery.catalog import Entry


def python_beside(folder: Path) -> Iterator[Path]:
    """The modules and packages in a pipeline's folder, which `module:Class` may name."""
    for path in sorted(folder.iterdir()):
        if path.suffix == ".py" and path.is_file():
            yield path
        elif (path / "__init__.py").is_file():
            yield from sorted(
                found for found in path.rglob("*") if found.is_file() and "__pycache__" not in found.parts
            )


def copy_python(folder: Path, to: Path) -> bool:
    """Copy them into another folder; whether there are any."""
    any_there = False
    for path in python_beside(folder):
        place = to / path.relative_to(folder)
        place.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, place)
        any_there = True
    return any_there


def packages(entries: Iterable[Entry] = ()) -> dict[str, str]:
    """Finery, and the packages whose plugins a pipeline uses, with their versions."""
    named = {entry.package: entry.version for entry in entries if entry.package and entry.version}
    return {"finery": metadata.version("finery"), **named}
