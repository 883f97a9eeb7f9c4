"""Options that name files: found beside the pipeline, and counted by what they hold."""

from __future__ import annotations

import typing
from collections.abc import Iterator, Mapping
from glob import glob
from pathlib import Path
from typing import Any

import xxhash

from finery.errors import PipelineError
from finery.types import FileMark

CHUNK = 1 << 22


def file_options(cls: type) -> dict[str, FileMark]:
    """The options of a plugin class that are typed `File` or `HubFile`, alone or in a list, a table or a choice."""
    hints = typing.get_type_hints(cls, include_extras=True)
    found = {name: next(marks(hint), None) for name, hint in hints.items()}
    return {name: mark for name, mark in found.items() if mark is not None}


def marks(hint: Any) -> Iterator[FileMark]:
    """The marks anywhere in a type."""
    yield from (mark for mark in getattr(hint, "__metadata__", ()) if isinstance(mark, FileMark))
    inner = [hint.__origin__] if hasattr(hint, "__metadata__") else typing.get_args(hint)
    for part in inner:
        yield from marks(part)


def resolved(cls: type, options: Mapping[str, Any], folder: Path) -> dict[str, Any]:
    """The options with relative paths made absolute, from the pipeline's folder; globs may stand in them.

    URLs stay as they are, and so do hub names for which there is no file.
    """
    known = file_options(cls)
    return {name: each(value, known[name], folder) if name in known else value for name, value in options.items()}


def each(value: Any, mark: FileMark, folder: Path) -> Any:
    """One path, or all in a list or table, made absolute."""
    if isinstance(value, list | tuple):
        return [each(part, mark, folder) for part in value]
    if isinstance(value, Mapping):
        return {name: each(part, mark, folder) for name, part in value.items()}
    if not isinstance(value, str) or "://" in value:
        return value
    path = (folder / Path(value).expanduser()).resolve()
    return str(path) if path.exists() or not mark.hub else value


def contents(cls: type, options: Mapping[str, Any], place: str) -> dict[str, Any]:
    """The options with what the files hold in place of where they lie.

    Raises PipelineError for a file that is not there.
    """
    known = file_options(cls)
    return {
        name: held(value, known[name], f"{place}: option '{name}'") if name in known else value
        for name, value in options.items()
    }


def held(value: Any, mark: FileMark, place: str) -> Any:
    """A digest in place of each path."""
    if isinstance(value, list | tuple):
        return [held(part, mark, place) for part in value]
    if isinstance(value, Mapping):
        return {name: held(part, mark, place) for name, part in value.items()}
    if not isinstance(value, str) or "://" in value:
        return value
    paths = [Path(value)] if Path(value).exists() else [Path(path) for path in sorted(glob(value, recursive=True))]  # noqa: PTH207
    if paths:
        return [path_digest(path) for path in paths]
    if mark.hub:
        return value
    raise PipelineError.at(place, f"there is no file '{value}'", "paths start from the pipeline's folder")


def path_digest(path: Path) -> str:
    """Hex digest over a file's bytes, or over the names and bytes of all files in a folder."""
    digest = xxhash.xxh3_128()
    files = sorted(p for p in path.rglob("*") if p.is_file()) if path.is_dir() else [path]
    for file in files:
        digest.update(str(file.relative_to(path)).encode())
        with file.open("rb") as stream:
            while chunk := stream.read(CHUNK):
                digest.update(chunk)
    return digest.hexdigest()
