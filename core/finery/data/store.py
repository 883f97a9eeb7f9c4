"""Where machines that share no disk keep artifacts together: a folder or a bucket, by any path that fsspec knows.

Names are those of the work folder: `artifacts/<fingerprint>/<file>`, `runs/<run>.json`. What is named there is whole: a
bucket shows an object when it was written, and on a disk it is written beside and renamed into place.
"""

from __future__ import annotations

import os
import uuid
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path, PurePosixPath
from typing import Any, BinaryIO

from finery.errors import FineryError, WorkError, missing_extra, said_by


@dataclass(frozen=True)
class Store:
    """A place by its URL: `s3://bucket/prefix`, `/mnt/shared/finery`."""

    url: str

    def __reduce__(self) -> tuple[Any, ...]:
        # Another process makes a connection of its own.
        return Store, (self.url,)

    @cached_property
    def opened(self) -> tuple[Any, str]:
        """Its file system, and the path in it. Raises WorkError where fsspec knows no such place."""
        import fsspec

        try:
            system, base = fsspec.core.url_to_fs(self.url)
        except ImportError as error:
            raise missing_extra(f"[run] store '{self.url}'", error.name or str(error), "cloud") from None
        except (ValueError, OSError) as error:
            raise unusable(self.url, error) from None
        return system, base.rstrip("/")

    @property
    def on_disk(self) -> bool:
        """Whether it is a folder."""
        protocol = self.opened[0].protocol
        return "file" in ((protocol,) if isinstance(protocol, str) else protocol)

    def path(self, name: str) -> str:
        """What the file system calls a name."""
        return f"{self.opened[1]}/{name}"

    def get(self, name: str, to: Path) -> bool:
        """Fetch a file; whether there is one. A reader of `to` finds the whole of it or nothing."""
        system, _ = self.opened
        # A folder that is there says that an artifact is finished: none is made for nothing.
        if not to.parent.is_dir() and not self.has(name):
            return False
        to.parent.mkdir(parents=True, exist_ok=True)
        beside = to.with_name(f"{to.name}.{uuid.uuid4().hex}.tmp")
        with told(self.url):
            try:
                system.get_file(self.path(name), str(beside))
            except FileNotFoundError:
                beside.unlink(missing_ok=True)
                return False
        beside.replace(to)
        return True

    def put(self, path: Path, name: str) -> None:
        """Keep a file under a name."""
        system, _ = self.opened
        with told(self.url):
            if not self.on_disk:
                system.put_file(str(path), self.path(name))
                return
            place = Path(self.path(name))
            place.parent.mkdir(parents=True, exist_ok=True)
            beside = place.with_name(f"{place.name}.{uuid.uuid4().hex}.tmp")
            system.put_file(str(path), str(beside))
            beside.replace(place)

    def write(self, name: str, content: bytes) -> None:
        """Keep a few bytes under a name."""
        system, _ = self.opened
        with told(self.url):
            if self.on_disk:
                Path(self.path(name)).parent.mkdir(parents=True, exist_ok=True)
            system.pipe_file(self.path(name), content)

    def read(self, name: str) -> bytes | None:
        """The bytes under a name; None where there are none."""
        system, _ = self.opened
        with told(self.url):
            try:
                found: bytes = system.cat_file(self.path(name))
            except FileNotFoundError:
                return None
        return found

    def files(self, folder: str) -> dict[str, int]:
        """The files below a folder and their sizes, by their names from there."""
        system, _ = self.opened
        base = PurePosixPath(self.path(folder))
        with told(self.url):
            system.invalidate_cache()
            try:
                found = system.find(str(base), detail=True)
            except FileNotFoundError:
                return {}
        sizes = {str(PurePosixPath(path).relative_to(base)): int(info["size"]) for path, info in found.items()}
        return {name: size for name, size in sizes.items() if not name.endswith(".tmp")}

    def has(self, name: str) -> bool:
        """Whether there is a file of that name."""
        system, _ = self.opened
        with told(self.url):
            return bool(system.isfile(self.path(name)))

    def open(self, name: str) -> BinaryIO:
        """A file to read in, a range at a time. Raises FileNotFoundError."""
        system, _ = self.opened
        with told(self.url):
            found: BinaryIO = system.open(self.path(name), "rb")
        return found

    def size(self, name: str) -> int:
        """The bytes of a file."""
        system, _ = self.opened
        with told(self.url):
            return int(system.size(self.path(name)))

    def remove(self, names: Iterable[str]) -> None:
        """Take files away; those that are gone already are no fault."""
        system, _ = self.opened
        for name in names:
            with told(self.url):
                try:
                    system.rm_file(self.path(name))
                except FileNotFoundError:
                    continue


@contextmanager
def told(url: str) -> Iterator[None]:
    """Turn whatever a file system raises into one line; a file that is not there is the caller's to judge."""
    try:
        yield
    except (FineryError, KeyboardInterrupt):
        raise
    except Exception as error:  # each file system has exceptions of its own
        raise unusable(url, error) from error


def unusable(url: str, error: BaseException) -> FineryError:
    """The error of a store that cannot be read or written."""
    remedy = "is the address right, is the bucket there, and are the credentials? finished shards are kept"
    return WorkError.at(f"[run] store '{url}'", f"cannot be used: {said_by(error)}", remedy)


def store_at(place: str | None, folder: Path) -> Store | None:
    """The store that a pipeline names, a path taken from its folder; None where it names none."""
    if place is None:
        return None
    return Store(place if "://" in place else os.path.normpath(folder / Path(place).expanduser()))
