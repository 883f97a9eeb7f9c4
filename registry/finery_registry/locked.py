"""An environment made as a lock has it: what is missing or other is installed by hash, and the whole is checked."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from finery import FineryError, Lock, UsageError
from finery_registry.environment import Environment, modified
from finery_registry.indexes import Indexes
from finery_registry.install import obtained
from finery_registry.pip import Pip
from finery_registry.snapshot import restored_on_error
from finery_registry.wheels import release

CHECK = "from finery.cli.main import main; main()"
SECONDS = 300


@dataclass(frozen=True)
class Rebuild:
    """What has to be installed for an environment to be as locked."""

    lock: Lock
    hashed: tuple[Mapping[str, Any], ...]
    """Tables of the lock whose wheel's hash is known."""
    plain: tuple[Mapping[str, Any], ...]
    """Tables whose wheel nobody knew when the lock was written: they are pinned by version alone."""
    again: tuple[Mapping[str, Any], ...]
    """Of both, those that are there in their version with files that were changed."""

    @property
    def changes(self) -> list[str]:
        """`name version` of everything that would be installed."""
        return [label(one) for one in (*self.hashed, *self.plain)]


def label(one: Mapping[str, Any]) -> str:
    """A distribution for a reader."""
    return f"{one['name']} {one['version']}"


def rebuild(lock: Lock, there: Environment) -> Rebuild:
    """What to install. Raises UsageError for another Python, or for what came from a folder and is not there."""
    check_python(lock, there)
    tables = (*lock.distributions, *lock.dependencies)
    seen = there.again(tuple(one["name"] for one in tables))
    again = [one for one in lock.distributions if spoilt(one, seen)]
    wanted = [one for one in tables if version_of(one, seen) != one["version"] or one in again]
    folders = [one for one in wanted if "sha256" not in one and one.get("origin", "wheel") != "wheel"]
    if folders:
        names = ", ".join(map(label, folders))
        fault = f"{names} came from a folder and no wheel of it is known"
        remedy = "build a wheel, install it, and write the lock with --from-wheels; or install it there yourself first"
        raise UsageError.at(lock.file, fault, remedy)
    hashed = tuple(one for one in wanted if "sha256" in one)
    return Rebuild(lock, hashed, tuple(one for one in wanted if "sha256" not in one), tuple(again))


def check_python(lock: Lock, there: Environment) -> None:
    """Raise UsageError where a Python is not of the locked one's first two numbers: wheels are for those."""
    wanted, here = str(lock.environment["python"]), str(there.said["python"])
    if wanted.rpartition(".")[0] != here.rpartition(".")[0]:
        fault = f"is Python {here}, locked is {wanted}"
        raise UsageError.at(there.python, fault, f"give --python a Python {wanted.rpartition('.')[0]}")


def version_of(one: Mapping[str, Any], there: Environment) -> str | None:
    """The version that is there of a table's distribution."""
    found = there.installed.get(one["name"])
    return found.version if found else None


def spoilt(one: Mapping[str, Any], there: Environment) -> bool:
    """Whether a distribution is there in its version, with files that were changed."""
    found = there.installed.get(one["name"])
    return found is not None and not found.local and found.version == one["version"] and any(modified(found))


def apply(made: Rebuild, there: Environment, pip: Pip, indexes: Indexes, folder: Path) -> None:
    """Install what is missing. Raises FineryError where that fails, or the environment is not as locked afterwards.

    Everything is put back then. `folder` holds wheels meanwhile.
    """
    names = [one["name"] for one in (*made.hashed, *made.plain)]
    with restored_on_error(there, names):
        fetched(made, pip, indexes, folder)
        again = [one["name"] for one in made.again]
        for forced in (True, False):
            lines = [pinned(one) for one in made.hashed if (one["name"] in again) is forced]
            if lines:
                pip.install(lines, folder, forced)
        if made.plain:
            lines = [f"{one['name']}=={one['version']}" for one in made.plain]
            pip.run("install", "--quiet", "--no-deps", "--only-binary", ":all:", *pip.source, *forcing(made), *lines)
        verify(made.lock, there)


def forcing(made: Rebuild) -> list[str]:
    """pip's word for an installation over itself, where something without a hash needs one."""
    return ["--force-reinstall"] if any(one in made.again for one in made.plain) else []


def pinned(one: Mapping[str, Any]) -> str:
    """A table as a line of a requirements file."""
    return f"{one['name']}=={one['version']} --hash=sha256:{one['sha256']}"


def fetched(made: Rebuild, pip: Pip, indexes: Indexes, folder: Path) -> None:
    """Fetch the wheels that an index lists: pip's own index need not have them."""
    if pip.wheels is not None:
        return
    for one in made.hashed:
        found = release(indexes, one["name"], one["version"])
        if found and found.sha256 == one["sha256"]:
            obtained(indexes.listings[one["name"]], found, pip, folder)


def verify(lock: Lock, there: Environment) -> None:
    """Hold the environment against the lock, by the Finery in it. Raises FineryError with every difference."""
    command = [there.python, "-P", "-c", CHECK, "lock", "--check", str(lock.file.with_name("pipeline.toml"))]
    done = subprocess.run(  # noqa: S603 - a list of arguments, no shell
        command, capture_output=True, text=True, timeout=SECONDS, check=False, cwd=lock.file.resolve().parent
    )
    if done.returncode:
        lines = list(complaints(done.stderr)) or [f"left with code {done.returncode}"]
        raise FineryError.at(there.python, f"is not as locked: {'; '.join(lines)}", "everything is put back")


def complaints(text: str) -> Iterator[str]:
    """What a `finery` that failed said: its lines, or the last one of a traceback."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    yield from lines[-1:] if any(line.startswith("Traceback") for line in lines) else lines
