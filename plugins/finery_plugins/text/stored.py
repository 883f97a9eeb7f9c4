"""Arrays that take long to work out, kept in the user's cache folder as numba keeps its machine code.

They live under `$XDG_CACHE_HOME/finery`, or `~/.cache/finery`. The folder may be deleted at any time, and where it
cannot be written each process works them out for itself.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import shutil
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np

Arrays = Mapping[str, np.ndarray]


def stored(name: str, origin: bytes, make: Callable[[], Arrays]) -> Arrays:
    """What `make` answers, read-only: from disk where an earlier process made it from an equal `origin`.

    `origin` is all that the arrays depend on, such as the source of what makes them.
    """
    place = cache_folder() / f"{name}-{hashlib.blake2b(origin, digest_size=12).hexdigest()}"
    arrays = loaded(place)
    if arrays is None:
        arrays = make()
        with contextlib.suppress(OSError):
            save(place, arrays)
    for array in arrays.values():
        array.setflags(write=False)
    return arrays


def stored_table(name: str, origin: bytes, make: Callable[[], np.ndarray]) -> np.ndarray:
    """`stored` for a single array."""
    return stored(name, origin, lambda: {"table": make()})["table"]


def source(*files: str) -> bytes:
    """The bytes of source files, for an origin."""
    return b"\0".join(Path(file).read_bytes() for file in files)


def cache_folder() -> Path:
    """Where the user's caches stand."""
    base = os.environ.get("XDG_CACHE_HOME") or Path(os.environ.get("HOME", os.sep), ".cache")
    return Path(base) / "finery"


def loaded(place: Path) -> Arrays | None:
    """The arrays in a folder, None where there is none, or one that cannot be read."""
    try:
        files = sorted(place.iterdir())
        return {file.stem: mapped(file) for file in files} or None
    except (OSError, ValueError, EOFError):
        return None


def mapped(file: Path) -> np.ndarray:
    """The array of a file as it lies in the system's cache: nothing is copied, and processes share it.

    Raises OSError or ValueError for what is no such file. Files here are never written twice.
    """
    return np.asarray(np.load(file, allow_pickle=False, mmap_mode="r"))


def save(place: Path, arrays: Arrays) -> None:
    """Write arrays to a folder that appears whole or not at all. Raises OSError where it cannot."""
    place.parent.mkdir(parents=True, exist_ok=True)
    beside = Path(tempfile.mkdtemp(dir=place.parent, prefix=f"{place.name}.", suffix=".tmp"))
    try:
        for name, array in arrays.items():
            np.save(beside / f"{name}.npy", array, allow_pickle=False)
        shutil.rmtree(place, ignore_errors=True)  # one that could not be read
        beside.rename(place)
    finally:
        shutil.rmtree(beside, ignore_errors=True)
