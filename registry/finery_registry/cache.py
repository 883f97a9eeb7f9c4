"""What was read of indexes before, in the user's cache folder, so that a look at 300 entries takes milliseconds."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import tempfile
from pathlib import Path
from typing import Any

from finery_registry.installed import finery_version


def folder() -> Path:
    """Where it lies: below `XDG_CACHE_HOME`, by default `~/.cache`."""
    base = os.environ.get("XDG_CACHE_HOME") or "~/.cache"
    return Path(base).expanduser() / "finery" / "index"


def stamp(file: Path) -> list[int]:
    """What changes when a file does: size, time of change in nanoseconds, inode."""
    found = file.stat()
    return [found.st_size, found.st_mtime_ns, found.st_ctime_ns, found.st_ino]


def content(body: bytes) -> str:
    """The key of a file that is known by what it holds."""
    return hashlib.sha256(body).hexdigest()


def path(key: str) -> Path:
    """The file of a key; another version of Finery may check otherwise, so it has files of its own."""
    return folder() / f"{hashlib.sha256(f'{finery_version()} 1 {key}'.encode()).hexdigest()[:32]}.json"


def load(key: str) -> dict[str, Any]:
    """What was stored under a key; nothing where there is none or it is damaged."""
    try:
        found = json.loads(path(key).read_bytes())
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def store(key: str, values: dict[str, Any]) -> None:
    """Keep values for the next time; a cache that cannot be written costs time and nothing else."""
    file = path(key)
    with contextlib.suppress(OSError):
        file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        with tempfile.NamedTemporaryFile("w", dir=file.parent, delete=False, encoding="utf-8") as written:
            json.dump(values, written)
        Path(written.name).replace(file)
