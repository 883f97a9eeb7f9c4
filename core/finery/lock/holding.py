"""A lock held against what is installed: every difference a fault that says how to mend it."""

from __future__ import annotations

import platform
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from finery.catalog import Entry
from finery.config import Pipeline
from finery.digest import plugin_digest
from finery.errors import Fault, FineryError, UsageError
from finery.lock.distributions import digest, distribution, edited
from finery.lock.document import NAME, Lock, Table, read_lock
from finery.lock.making import every, table

MEND = "finery install --locked"


@dataclass(frozen=True)
class Held:
    """A lock and what differs from it."""

    text: str
    """The lock as it is written."""
    faults: tuple[Fault, ...] = ()
    """Why it does not hold; a run that has some was told to go on."""

    def told(self) -> dict[str, Any]:
        """What the lineage keeps."""
        return {"held": not self.faults, "faults": [str(fault) for fault in self.faults], "lock": self.text}


def hold(pipeline: Pipeline, unlocked: bool = False) -> Held | None:
    """The lock of a pipeline, held against what is here; None where it has none.

    Raises UsageError with a fault for each difference, unless `unlocked`.
    """
    return held(pipeline.file, pipeline, unlocked)


@contextmanager
def explained(file: Path, unlocked: bool) -> Iterator[None]:
    """Let a lock that does not hold speak first where a pipeline cannot be read: a plugin may be missing."""
    try:
        yield
    except FineryError:
        held(file, None, unlocked)
        raise


def held(file: Path, pipeline: Pipeline | None, unlocked: bool) -> Held | None:
    """`hold`, also of a pipeline that cannot be read."""
    place = file.with_name(NAME)
    if not place.is_file():
        return None
    try:
        lock = read_lock(place)
    except UsageError as error:
        found: tuple[Fault, ...] = error.faults
        text = place.read_text(encoding="utf-8", errors="replace")
    else:
        if file.name not in lock.environment["pipelines"]:
            return None
        found = (*differences(lock), *(uncovered(lock, pipeline) if pipeline else ()))
        text = lock.text
    if found and not unlocked:
        raise UsageError(*found)
    return Held(text, found)


def differences(lock: Lock) -> Iterator[Fault]:
    """How the environment is not as it was locked."""
    yield from python(lock)
    for number, one in enumerate(lock.distributions):
        place = lock.place("distribution", number)
        yield from version(one, place, again(lock)) or changed(one, place, again(lock))
    for number, one in enumerate(lock.dependencies):
        yield from version(one, lock.place("dependency", number), again(lock))
    for number, one in enumerate(lock.plugins):
        if "digest" in one:
            yield from moved(one, lock.place("plugin", number), again(lock))


def again(lock: Lock) -> str:
    """How to write the lock anew."""
    return f"finery lock {' '.join(lock.environment['pipelines'])}"


def python(lock: Lock) -> Iterator[Fault]:
    """Another Python, by its first two numbers: wheels are for those."""
    wanted, here = str(lock.environment["python"]), platform.python_version()
    minor = wanted.rpartition(".")[0]
    if here.rpartition(".")[0] != minor:
        remedy = f"use Python {minor}, or take what is here: {again(lock)}"
        yield Fault(lock.file.name, f"locked is Python {wanted}, this is {here}", remedy)


def version(one: Table, place: str, write: str) -> list[Fault]:
    """A distribution that is not there, or in another version."""
    dist = distribution(one["name"])
    if dist is None:
        return [Fault(place, f"{one['name']} {one['version']} is not installed", MEND)]
    if dist.version != one["version"]:
        fault = f"locked is {one['name']} {one['version']}, installed is {dist.version}"
        return [Fault(place, fault, f"{MEND}, or take what is here: {write}")]
    return []


def changed(one: Table, place: str, write: str) -> Iterator[Fault]:
    """Files that are not those that were locked."""
    dist = distribution(one["name"])
    if dist is None or digest(dist) == one["digest"]:
        return
    files = edited(dist)
    wrong = f"{', '.join(files[:3])} changed after it was installed" if files else "holds other files than those locked"
    yield Fault(place, f"{one['name']} {one['version']}: {wrong}", f"{MEND}, or take what is here: {write}")


def moved(one: Table, place: str, write: str) -> Iterator[Fault]:
    """A plugin beside the pipeline whose files are not those that were locked."""
    what = f"{one['hook']} '{one['name']}'"
    try:
        here = plugin_digest(Entry(one["name"], one["hook"], one["target"]))
    except FineryError as error:
        yield Fault(place, f"{what}: {error.faults[0].fault}", "put its file beside the pipeline")
        return
    if here != one["digest"]:
        remedy = f"put back the file that was locked, or take what is here: {write}"
        yield Fault(place, f"{what}: its file changed since it was locked", remedy)


def uncovered(lock: Lock, pipeline: Pipeline) -> Iterator[Fault]:
    """Plugins that the pipeline uses and the lock does not have, or has from elsewhere."""
    known = {(one["hook"], one["name"]): one for one in lock.plugins}
    for entry, _ in every([pipeline]):
        one = known.get((entry.hook, entry.name))
        own = "distribution" if entry.package else "digest"
        if one is None or one["target"] != entry.target or own not in one:
            yield Fault(pipeline.file.name, f"{entry.hook} '{entry.name}' is not in {lock.file.name}", again(lock))
        elif entry.package and table(entry)["distribution"] != one["distribution"]:
            fault = f"{entry.hook} '{entry.name}' comes from {entry.label}, locked is {one['distribution']}"
            yield Fault(pipeline.file.name, fault, f"{MEND}, or take what is here: {again(lock)}")
