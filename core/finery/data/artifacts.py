"""The work folder: what each stage left, in a folder named by its fingerprint, written beside and renamed into place.

.finery/artifacts/<fingerprint>/manifest.json     finished
.finery/artifacts/<fingerprint>.partial/          in work, or interrupted: finished shards are taken over
"""

from __future__ import annotations

import errno
import fcntl
import json
import os
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from finery.errors import FineryError, WorkError

FORMAT = 1
"""The version of what lies on disk; part of every fingerprint."""


@dataclass(frozen=True)
class Artifacts:
    """The artifacts of one work folder."""

    root: Path

    def path(self, fingerprint: str) -> Path:
        """Where a finished artifact lies."""
        return self.root / "artifacts" / fingerprint

    def partial(self, fingerprint: str) -> Path:
        """Where an artifact is being made; the folder is there after the call."""
        folder = self.root / "artifacts" / f"{fingerprint}.partial"
        folder.mkdir(parents=True, exist_ok=True)
        return folder

    def manifest(self, fingerprint: str) -> dict[str, Any] | None:
        """What a finished artifact says of itself; None where it is not finished.

        Raises WorkError for one that is damaged.
        """
        path = self.path(fingerprint) / "manifest.json"
        try:
            found: dict[str, Any] = json.loads(path.read_bytes())
        except (FileNotFoundError, NotADirectoryError):
            return None
        except ValueError as error:
            raise damaged(path, str(error)) from None
        if not isinstance(found, dict) or found.get("fingerprint") != fingerprint:
            raise damaged(path, "it does not say what it should")
        return found

    def commit(self, fingerprint: str, manifest: Mapping[str, Any]) -> None:
        """Finish an artifact: its manifest is written last, then the folder gets its name."""
        partial = self.partial(fingerprint)
        for left in partial.glob("*.tmp"):  # of workers that were killed
            left.unlink()
        write_json(partial / "manifest.json", manifest)
        # Without a manifest it was not finished: someone took its manifest away.
        shutil.rmtree(self.path(fingerprint), ignore_errors=True)
        partial.replace(self.path(fingerprint))

    def file(self, name: str) -> Path:
        """A file named `<fingerprint>/<file>`, whether its artifact is finished yet or not."""
        fingerprint, _, rest = name.partition("/")
        finished = self.path(fingerprint)
        return (finished if finished.is_dir() else finished.with_suffix(".partial")) / rest


def damaged(path: Path, fault: str) -> FineryError:
    """The error of a file in an artifact that is not what was written."""
    return WorkError.at(path, f"is damaged ({fault})", f"remove the folder {path.parent} and run again")


def write_json(path: Path, value: object) -> None:
    """Write JSON so that a reader finds the whole of it or nothing, a killed writer included."""
    beside = path.with_name(f"{path.name}.{os.getpid()}.tmp")
    with beside.open("w", encoding="utf-8") as file:
        file.writelines(json_lines(value))
        file.flush()
        os.fsync(file.fileno())
    beside.replace(path)


def json_lines(value: object) -> Iterator[str]:
    """JSON with a line an entry of its outermost table; Python indents ten times slower than it writes."""
    if isinstance(value, Mapping) and value:
        parts = [f"{json.dumps(str(name), ensure_ascii=False)}: {plain(part)}" for name, part in value.items()]
        yield from ("{\n ", ",\n ".join(parts), "\n}")
    else:
        yield plain(value)


def plain(value: object) -> str:
    """JSON on one line."""
    return json.dumps(value, ensure_ascii=False)


def read_json(path: Path) -> Any | None:
    """The value in a JSON file; None where there is none, or only half of one."""
    try:
        return json.loads(path.read_bytes())
    except (FileNotFoundError, ValueError):
        return None


@contextmanager
def locked(root: Path) -> Iterator[None]:
    """Hold a work folder for one run. Raises WorkError where another run holds it, or where it cannot be written."""
    try:
        root.mkdir(parents=True, exist_ok=True)
        file = (root / "lock").open("a+")
    except OSError as error:
        remedy = "choose another with FINERY_HOME=<folder>"
        raise WorkError.at(root, f"the work folder cannot be written ({error.strerror})", remedy) from None
    with file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            if error.errno not in (errno.EAGAIN, errno.EACCES):
                raise
            file.seek(0)
            holder = file.read().strip() or "unknown"
            fault = f"another run (process {holder}) works in this folder"
            raise WorkError.at(root, fault, "wait for it, or choose another folder with FINERY_HOME=<folder>") from None
        file.truncate(0)
        file.write(str(os.getpid()))
        file.flush()
        yield


def alive(root: Path) -> bool:
    """Whether the process that last held the work folder is there."""
    try:
        os.kill(int((root / "lock").read_text()), 0)
    except (OSError, ValueError):
        return False
    return True
