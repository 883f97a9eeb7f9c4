"""Answers kept on disk, one file each, named by a hash of what was asked."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import Any


@dataclass(frozen=True)
class Reply:
    """What a model answered."""

    text: str
    model: str
    """The model, as the options name it."""
    prompt_id: str
    """The name of the file that holds request and answer."""
    cost: float = 0.0
    """In the currency of the prices."""
    finish: str = "stop"
    """Why it ended: `length` where the limit cut it off."""


def prompt_id(request: Mapping[str, Any]) -> str:
    """32 hex digits of blake2b over a request in canonical JSON."""
    canonical = json.dumps(request, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
    return hashlib.blake2b(canonical.encode("utf-8", "surrogatepass"), digest_size=16).hexdigest()


@dataclass(frozen=True)
class Kept:
    """A folder of answers."""

    folder: Path

    def place(self, name: str) -> Path:
        """The file of an answer."""
        return self.folder / name[:2] / f"{name}.json"

    def find(self, name: str) -> dict[str, Any] | None:
        """What is kept under a name; None where nothing is, or a file that a full disk cut off."""
        try:
            found = json.loads(self.place(name).read_bytes())
        except (FileNotFoundError, ValueError):
            return None
        return found if isinstance(found, dict) and isinstance(found.get("text"), str) else None

    def keep(self, name: str, entry: Mapping[str, Any]) -> dict[str, Any]:
        """What counts as the answer: this one, or one that another worker has kept meanwhile."""
        place = self.place(name)
        place.parent.mkdir(parents=True, exist_ok=True)
        text = json.dumps(entry, ensure_ascii=False, indent=1, sort_keys=True)
        with NamedTemporaryFile("wb", dir=place.parent, prefix=".", delete=False) as file:
            file.write(text.encode("utf-8", "surrogatepass"))
        try:
            settled(Path(file.name), place, self.find(name) is None)
        finally:
            with contextlib.suppress(FileNotFoundError):
                Path(file.name).unlink()
        return self.find(name) or dict(entry)


def settled(written: Path, place: Path, replaces: bool) -> None:
    """Give a file its name unless another has it already; a damaged one is replaced."""
    try:
        os.link(written, place)
    except FileExistsError:
        if replaces:
            written.replace(place)
    except OSError:  # a file system without links
        written.replace(place)
