"""An environment's files as they were, to be put back when an installation fails half-way."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from finery import FineryError
from finery_registry.environment import Environment


@dataclass(frozen=True)
class Snapshot:
    """Which files there were, and copies of those that may change."""

    environment: Environment
    files: frozenset[str]
    copies: Mapping[str, Path]
    versions: Mapping[str, str]

    def restore(self) -> None:
        """Take away what is new, put back what was there. Raises FineryError where the versions are not as before."""
        for path in sorted(files_of(self.environment) - self.files):
            Path(path).unlink(missing_ok=True)
            self.without_empty(Path(path).parent)
        for path, copy in self.copies.items():
            Path(path).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(copy, path)
        after = versions(self.environment.again())
        if after != self.versions:
            changed = sorted(
                name for name in after.keys() | self.versions if after.get(name) != self.versions.get(name)
            )
            raise FineryError.at(
                self.environment.python, f"could not be put back: {', '.join(changed)}", "mend it with pip"
            )

    def without_empty(self, folder: Path) -> None:
        """Take away a folder that held nothing but what was new, and those around it."""
        roots = self.environment.folders
        while folder not in roots and any(root in folder.parents for root in roots):
            try:
                folder.rmdir()
            except OSError:
                return
            folder = folder.parent


@contextmanager
def restored_on_error(environment: Environment, changing: Iterable[str]) -> Iterator[None]:
    """Put everything back where the body raises; `changing` are the distributions that it replaces or removes."""
    before = environment.again(tuple(changing))
    with TemporaryDirectory(prefix="finery-snapshot-") as folder:
        snapshot = taken(before, before.also, Path(folder))
        try:
            yield
        except BaseException:
            snapshot.restore()
            raise


def taken(environment: Environment, names: Iterable[str], folder: Path) -> Snapshot:
    """A snapshot, with copies of the files of some distributions."""
    found = [environment.installed[name] for name in names if name in environment.installed]
    paths = {path for dist in found for path in dist.files if Path(path).is_file()}
    copies = {path: folder / str(number) for number, path in enumerate(sorted(paths))}
    for path, copy in copies.items():
        shutil.copy2(path, copy)
    return Snapshot(environment, frozenset(files_of(environment)), copies, versions(environment))


def versions(environment: Environment) -> dict[str, str]:
    """The version of every distribution."""
    return {name: dist.version for name, dist in environment.installed.items()}


def files_of(environment: Environment) -> set[str]:
    """Every file below the folders that pip writes to; what Python caches beside them does not count."""
    return {
        os.path.join(folder, name)  # noqa: PTH118 - 50,000 paths, ten times as dear as Path objects
        for root in environment.folders
        for folder, _, names in os.walk(root)
        if not folder.endswith("__pycache__")
        for name in names
    }
