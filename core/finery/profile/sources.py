"""The words of `finery profile` as sources of a pipeline."""

from __future__ import annotations

import glob
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from finery.config import parse, read_text
from finery.data.source import COMPRESSIONS, SUFFIXES
from finery.errors import UsageError
from finery.settings import free_name

HUB = re.compile(r"[\w.-]+/[\w.-]+")
"""A data set's name on the hub."""


@dataclass(frozen=True)
class Named:
    """Sources as a pipeline file has them, and the folder that their paths start from."""

    tables: tuple[dict[str, Any], ...]
    folder: Path


def named(words: Sequence[str], more: Mapping[str, Any]) -> Named:
    """Paths, globs, URLs, hub names and queries as sources, each with `more` said of it; or those of a pipeline file.

    Raises UsageError for a pipeline file among other words.
    """
    files = [word for word in words if word.endswith(".toml")]
    if files and len(words) > 1:
        raise UsageError.at(files[0], "is a pipeline file among other sources", "profile it alone")
    if files:
        file = Path(files[0])
        return Named(tuple(parse(file, read_text(file)).get("source", [])), file.resolve().parent)
    names: list[str] = []
    for word in words:
        names.append(free_name(name_of(word), names))
    tables = [{"name": name, **place(word), **more} for name, word in zip(names, words, strict=True)]
    return Named(tuple(tables), Path.cwd())


def place(word: str) -> dict[str, str]:
    """Where the records lie that a word means."""
    if word.lstrip().lower().startswith(("select ", "from ", "with ")):
        return {"query": word}
    path = Path(word).expanduser()
    hub = HUB.fullmatch(word) and not path.parent.is_dir() and not set(path.suffixes) & {*SUFFIXES, *COMPRESSIONS}
    return {"dataset": word} if path.is_dir() or hub else {"path": word}


def name_of(word: str) -> str:
    """A name for a source: its file's, its folder's where the file is a pattern, or its data set's."""
    if "query" in place(word):
        return "query"
    parts = [part for part in PurePosixPath(word).parts if part.strip("./*")]
    plain = [part for part in parts if not glob.has_magic(part)] or parts or [word]
    stem = plain[-1].partition(".")[0] or plain[-1]
    return re.sub(r"[^\w.-]+", "-", stem).strip("-") or "data"
