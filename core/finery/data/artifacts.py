"""The work folder: what each stage left, in a folder named by its fingerprint, written beside and renamed into place.

.finery/artifacts/<fingerprint>/manifest.json     finished
.finery/artifacts/<fingerprint>.partial/          in work, or interrupted: finished shards are taken over

With a store, the folder is a machine's copy of it: what is not here is fetched when it is asked for, what is finished
is put there too, the manifest last. In a store nothing is renamed: an artifact without its manifest is a partial one.
"""

from __future__ import annotations

import errno
import fcntl
import fnmatch
import json
import os
import re
import shutil
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

from finery.data.store import Store
from finery.errors import FineryError, WorkError

FORMAT = 1
"""The version of what lies on disk; part of every fingerprint."""

SHARD_FILE = re.compile(r"[a-z\d-]+-\d{5,}\.(parquet|json)")
"""A file that a task left of a shard: whoever does the task again leaves the same."""


@dataclass(frozen=True)
class Artifacts:
    """The artifacts of one work folder."""

    root: Path
    store: Store | None = None
    """Where machines that share no disk keep them together."""

    def path(self, fingerprint: str) -> Path:
        """Where a finished artifact lies."""
        return self.root / "artifacts" / fingerprint

    def partial(self, fingerprint: str) -> Path:
        """Where an artifact is being made; the folder is there after the call."""
        folder = self.root / "artifacts" / f"{fingerprint}.partial"
        folder.mkdir(parents=True, exist_ok=True)
        return folder

    def folder(self, fingerprint: str) -> Path:
        """Where an artifact's files are on this machine: finished is what has a manifest, which is written last."""
        finished = self.path(fingerprint)
        return finished if (finished / "manifest.json").exists() else finished.with_suffix(".partial")

    def manifest(self, fingerprint: str) -> dict[str, Any] | None:
        """What a finished artifact says of itself; None where it is not finished.

        Raises WorkError for one that is damaged.
        """
        path = self.path(fingerprint) / "manifest.json"
        if self.store and not path.exists():
            self.store.get(f"artifacts/{fingerprint}/manifest.json", path)
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
        if self.store:
            self.complete(self.store, fingerprint)
        write_json(partial / "manifest.json", manifest)
        if self.store:
            self.store.put(partial / "manifest.json", f"artifacts/{fingerprint}/manifest.json")
        # Without a manifest it was not finished: someone took its manifest away.
        shutil.rmtree(self.path(fingerprint), ignore_errors=True)
        partial.replace(self.path(fingerprint))

    def file(self, name: str) -> Path:
        """A file named `<fingerprint>/<file>`, whether its artifact is finished or not; fetched if it is not here."""
        fingerprint, _, rest = name.partition("/")
        path = self.folder(fingerprint) / rest
        if self.store and not path.exists():
            self.store.get(f"artifacts/{name}", path)
        return path

    def size(self, name: str) -> int:
        """The bytes of a file named `<fingerprint>/<file>`; it is not fetched for that."""
        fingerprint, _, rest = name.partition("/")
        here = self.folder(fingerprint) / rest
        return self.store.size(f"artifacts/{name}") if self.store and not here.exists() else here.stat().st_size

    def opened(self, name: str) -> BinaryIO:
        """A file named `<fingerprint>/<file>` to read in: here, or where it lies, a range at a time."""
        fingerprint, _, rest = name.partition("/")
        here = self.folder(fingerprint) / rest
        return self.store.open(f"artifacts/{name}") if self.store and not here.exists() else here.open("rb")

    def has(self, name: str) -> bool:
        """Whether there is a file named `<fingerprint>/<file>`, here or in the store."""
        fingerprint, _, rest = name.partition("/")
        here = (self.folder(fingerprint) / rest).exists()
        return here or bool(self.store and self.store.has(f"artifacts/{name}"))

    def names(self, fingerprint: str, patterns: Sequence[str]) -> list[str]:
        """The files of an artifact whose names match, wherever they are."""
        here = self.folder(fingerprint)
        found = {path.relative_to(here).as_posix() for path in here.rglob("*") if path.is_file()}
        found |= set(self.store.files(f"artifacts/{fingerprint}") if self.store else ())
        return sorted(name for name in found if matches(name, patterns))

    def json(self, fingerprint: str, name: str) -> Any | None:
        """The value in a JSON file of an artifact; None where there is none."""
        return read_json(self.file(f"{fingerprint}/{name}"))

    def keep(self, fingerprint: str, paths: Iterable[Path]) -> None:
        """Put finished files of an artifact where other machines find them; the one that says so comes last."""
        if self.store:
            folder = self.partial(fingerprint)
            for path in paths:
                self.store.put(path, f"artifacts/{fingerprint}/{path.relative_to(folder).as_posix()}")

    def keep_folder(self, fingerprint: str, folder: str) -> None:
        """Put a whole folder of an artifact in work, such as `out`, where other machines find it.

        What `out` held before is replaced file by file; a plugin that must not read half of it writes a file that
        says it is whole, and writes that last.
        """
        if self.store:
            place = self.partial(fingerprint) / folder
            found = (path for path in place.rglob("*") if path.is_file() and not path.name.startswith("."))
            self.keep(fingerprint, sorted(found, key=lambda path: path.stat().st_mtime_ns))

    def fetch_folder(self, fingerprint: str, folder: str) -> Path:
        """A folder of an artifact, such as a model's `out`, with all that other machines put there."""
        self.fetch(fingerprint, [f"{folder}/*"], folder)
        return self.folder(fingerprint) / folder

    def fetch(self, fingerprint: str, patterns: Sequence[str], folder: str = "") -> list[Path]:
        """The files of an artifact whose names match, in order: those of other machines are fetched.

        Where all are in one folder, no other is looked at. A file that is here stays: nobody knows which is newer.
        """
        here = self.folder(fingerprint)
        for file in self.store.files(f"artifacts/{fingerprint}/{folder}".rstrip("/")) if self.store else ():
            name = f"{folder}/{file}".lstrip("/")
            if self.store and matches(name, patterns) and not (here / name).exists():
                self.store.get(f"artifacts/{fingerprint}/{name}", here / name)
        found = (path for path in here.rglob("*") if path.is_file() and path.suffix != ".tmp")
        return sorted(path for path in found if matches(path.relative_to(here).as_posix(), patterns))

    def discard(self, fingerprint: str, patterns: Sequence[str]) -> None:
        """Take files of an artifact in work away, here and in the store."""
        folder = self.partial(fingerprint)
        for path in [path for path in folder.rglob("*") if path.is_file()]:
            if matches(path.relative_to(folder).as_posix(), patterns):
                path.unlink(missing_ok=True)
        if self.store:
            there = [name for name in self.store.files(f"artifacts/{fingerprint}") if matches(name, patterns)]
            self.store.remove(f"artifacts/{fingerprint}/{name}" for name in there)

    def share(self, fingerprint: str) -> None:
        """Put a finished artifact that only this machine has where others find it: it is older than the store.

        Raises WorkError for one whose files are in another store.
        """
        name = f"artifacts/{fingerprint}/manifest.json"
        if self.store and not self.store.has(name):
            shards = json.dumps((self.manifest(fingerprint) or {}).get("shards", ()))
            files = [self.folder(fingerprint) / file for file in re.findall(rf'"{fingerprint}/([^"]+)"', shards)]
            if not all(file.exists() for file in files):
                remedy = "name that store again, or remove the folder and run again"
                raise WorkError.at(self.folder(fingerprint), "its files are in another store than this run's", remedy)
            self.complete(self.store, fingerprint)
            self.store.put(self.folder(fingerprint) / "manifest.json", name)

    def complete(self, store: Store, fingerprint: str) -> None:
        """Put what is here and not yet in the store there, but for the manifest; shards' files are named by what is in
        them."""
        there, folder = store.files(f"artifacts/{fingerprint}"), self.folder(fingerprint)
        for path in sorted(path for path in folder.rglob("*") if path.is_file()):
            name = path.relative_to(folder).as_posix()
            if name != "manifest.json" and not (SHARD_FILE.fullmatch(name) and there.get(name) == path.stat().st_size):
                store.put(path, f"artifacts/{fingerprint}/{name}")


def matches(name: str, patterns: Sequence[str]) -> bool:
    """Whether a name matches one of some patterns, in which `*` stands for anything."""
    return any(fnmatch.fnmatchcase(name, pattern) for pattern in patterns)


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
