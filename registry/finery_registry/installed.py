"""What is installed in this environment, from the names of metadata folders: none is read but the one asked about."""

from __future__ import annotations

import functools
import json
import sys
from importlib import metadata
from pathlib import Path

from finery_registry.listing import normalised

INFO = ".dist-info"


def folders() -> dict[str, Path]:
    """The metadata folder of each distribution by normalised name; the first on Python's path is the one it takes.

    `importlib.metadata` looks through every folder for each name that it is asked about.
    """
    found: dict[str, Path] = {}
    for place in filter(Path.is_dir, map(Path, sys.path)):
        for folder in place.glob(f"*{INFO}"):
            found.setdefault(normalised(folder.name.partition("-")[0]), folder)
    return found


def version(folder: Path) -> str:
    """The version in a metadata folder's name."""
    return folder.name.removesuffix(INFO).partition("-")[2]


def is_local(folder: Path) -> bool:
    """Whether a distribution was installed from a folder, such as with `pip install -e`."""
    try:
        return "dir_info" in json.loads((folder / "direct_url.json").read_bytes())
    except FileNotFoundError:
        return False


@functools.cache
def finery_version() -> str:
    """The version of Finery."""
    return metadata.version("finery")
