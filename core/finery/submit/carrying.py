"""Installed distributions as files: what a cluster lacks is rebuilt there from what RECORD lists here."""

from __future__ import annotations

import platform
import sysconfig
from collections.abc import Mapping
from importlib import metadata
from pathlib import Path, PurePosixPath
from typing import Any

from finery.lock.distributions import origin, sources

COMPILED = (".so", ".pyd", ".dll", ".dylib")
"""How files end that work on one platform and one Python only."""


def files_of(dist: metadata.Distribution) -> dict[str, Path]:
    """The files of a distribution as they lie in `site-packages`, its metadata with them.

    Scripts and caches stay; of an editable one, its plugins' top-level packages go.
    """
    listed = {file.as_posix(): Path(str(file.locate())) for file in dist.files or () if goes(file)}
    if origin(dist) == "editable":
        own = {name: path for name, path in listed.items() if ".dist-info/" in name}
        return {**own, **sources(dist)}
    return listed


def goes(file: PurePosixPath) -> bool:
    """Whether a file belongs to the distribution wherever it is."""
    return ".." not in file.parts and not file.is_absolute() and file.suffix not in (".pyc", ".pth")


def is_portable(dist: metadata.Distribution, there: Mapping[str, Any]) -> bool:
    """Whether a distribution works where `there` (as `facts` tells it) describes: nothing compiled, or for the same."""
    if not any(PurePosixPath(name).suffix in COMPILED for name in files_of(dist)):
        return True
    here = (sysconfig.get_platform(), platform.python_version_tuple()[:2])
    return here == (there["platform"], tuple(there["python"].split(".")[:2]))
