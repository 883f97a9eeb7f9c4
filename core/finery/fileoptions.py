"""Options that name files: found beside the pipeline, and counted by what they hold."""

from __future__ import annotations

import functools
import typing
from collections.abc import Callable, Iterator, Mapping, MutableMapping
from glob import glob
from pathlib import Path
from types import MappingProxyType
from typing import Any, TypeVar

import xxhash

from finery.errors import PipelineError
from finery.types import FileMark

CHUNK = 1 << 22

Mark = TypeVar("Mark")


def file_options(cls: type) -> Mapping[str, FileMark]:
    """The options of a plugin class that are typed `File` or `HubFile`, alone or in a list, a table or a choice."""
    return marked(cls, FileMark)


@functools.lru_cache(maxsize=4096)
def marked(cls: type, kind: type) -> Mapping[str, Any]:
    """The options of a plugin class with a mark of that kind anywhere in their type; kept, for types are deep."""
    found = {name: next(marks(hint, kind), None) for name, hint in field_types(cls).items()}
    return MappingProxyType({name: mark for name, mark in found.items() if mark is not None})


@functools.lru_cache(maxsize=1024)
def field_types(cls: type) -> Mapping[str, Any]:
    """The types of a class's fields with what marks them; kept, because Python compiles each anew to tell."""
    return MappingProxyType(typing.get_type_hints(cls, include_extras=True))


def marks(hint: Any, kind: type[Mark]) -> Iterator[Mark]:
    """The marks of a kind anywhere in a type."""
    yield from (mark for mark in getattr(hint, "__metadata__", ()) if isinstance(mark, kind))
    inner = [hint.__origin__] if hasattr(hint, "__metadata__") else typing.get_args(hint)
    for part in inner:
        yield from marks(part, kind)


def resolved(cls: type, options: Mapping[str, Any], folder: Path) -> dict[str, Any]:
    """The options with relative paths made absolute, from the pipeline's folder; globs may stand in them.

    URLs stay as they are, and so do hub names for which there is no file.
    """
    known = file_options(cls)
    return {name: each(value, known[name], folder) if name in known else value for name, value in options.items()}


def each(value: Any, mark: FileMark, folder: Path) -> Any:
    """One path, or all in a list or table, made absolute."""

    def absolute(name: str) -> str:
        path = (folder / Path(name).expanduser()).resolve()
        return name if "://" in name or (mark.hub and not path.exists()) else str(path)

    return mapped(value, absolute)


def mapped(value: Any, change: Callable[[str], Any]) -> Any:
    """A value with every text in it changed, alone or in lists and tables."""
    if isinstance(value, list | tuple):
        return [mapped(part, change) for part in value]
    if isinstance(value, Mapping):
        return {name: mapped(part, change) for name, part in value.items()}
    return change(value) if isinstance(value, str) else value


def contents(
    cls: type, options: Mapping[str, Any], place: str, known: MutableMapping[str, Any] | None = None
) -> dict[str, Any]:
    """The options with what the files hold in place of where they lie; `known` as in `path_digest`.

    Raises PipelineError for a file that is not there.
    """
    marks_of = file_options(cls)
    return {
        name: held(value, marks_of[name], f"{place}: option '{name}'", known) if name in marks_of else value
        for name, value in options.items()
    }


def held(value: Any, mark: FileMark, place: str, known: MutableMapping[str, Any] | None) -> Any:
    """Digests in place of each path."""

    def digests(name: str) -> Any:
        if "://" in name:
            return name
        paths = [Path(name)] if Path(name).exists() else [Path(path) for path in sorted(glob(name, recursive=True))]  # noqa: PTH207
        if paths or mark.hub:
            return [path_digest(path, known) for path in paths] or name
        raise PipelineError.at(place, f"there is no file '{name}'", "paths start from the pipeline's folder")

    return mapped(value, digests)


def path_digest(path: Path, known: MutableMapping[str, Any] | None = None) -> str:
    """Hex digest over a file's bytes, or over the names and bytes of all files in a folder.

    `known` keeps digests from call to call: a file is read again only when its size, times or inode have changed.
    """
    known = {} if known is None else known
    if not path.is_dir():
        return file_digest(path, known)
    files = sorted(p for p in path.rglob("*") if p.is_file())
    parts = [f"{file.relative_to(path)}\x1f{file_digest(file, known)}" for file in files]
    return xxhash.xxh3_128_hexdigest("\x1e".join(parts).encode())


def file_digest(path: Path, known: MutableMapping[str, Any]) -> str:
    """Hex digest over a file's bytes."""
    state = path.stat()
    stamp = (path.resolve(), state.st_size, state.st_mtime_ns, state.st_ctime_ns, state.st_ino)
    key = "|".join(map(str, stamp))
    if key not in known:
        digest = xxhash.xxh3_128()
        with path.open("rb") as stream:
            while chunk := stream.read(CHUNK):
                digest.update(chunk)
        known[key] = {"digest": digest.hexdigest()}
    return str(known[key]["digest"])
