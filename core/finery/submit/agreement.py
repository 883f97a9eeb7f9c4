"""Whether a cluster can carry out what was written here: versions compared, what it lacks shipped, the rest told."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from importlib import metadata
from pathlib import Path
from typing import Any

from finery.config import Pipeline
from finery.errors import Fault, UsageError
from finery.lock.distributions import digest, distribution, needed, normalised
from finery.lock.document import NAME, Lock, read_lock
from finery.lock.making import every, extras_of
from finery.submit.carrying import is_portable
from finery.submit.facts import facts

THERE = "on every node of the cluster"


@dataclass
class Agreement:
    """What a cluster and this environment make of each other."""

    ship: list[str] = field(default_factory=list)
    """Distributions that go along, because the cluster lacks them or has other files."""
    faults: list[Fault] = field(default_factory=list)
    """What keeps the pipeline from running there as it would here."""


def plugin_distributions(pipeline: Pipeline) -> list[str]:
    """Who brings the pipeline's plugins, Finery itself left out."""
    return sorted(extras_of(every([pipeline])).keys() - {"finery"})


def agree(pipeline: Pipeline, there: Mapping[str, Any]) -> Agreement:
    """Hold the cluster's facts against what the pipeline needs here."""
    made = Agreement()
    here = facts([])
    made.faults += interpreter(here["python"], there["python"])
    for name in ("finery", "ray"):
        made.faults += same_version(name, here["distributions"], there["distributions"])
    carried(pipeline, there, made)
    made.faults += unlike_lock(pipeline, there, made.ship)
    return made


def interpreter(here: str, there: str) -> Iterator[Fault]:
    """Another Python, by its first two numbers."""
    if here.split(".")[:2] != there.split(".")[:2]:
        minor = ".".join(there.split(".")[:2])
        remedy = f"submit from Python {minor}, or make the cluster of an image with the other"
        yield Fault("Python", f"the cluster has {there}, here is {here}", remedy)


def same_version(name: str, here: Mapping[str, str], there: Mapping[str, str]) -> Iterator[Fault]:
    """A distribution that must be the same on both sides; of Ray, the first two numbers of its version."""
    numbers = 2 if name == "ray" else 99
    mine, other = here.get(name, ""), there.get(name, "")
    if mine.split(".")[:numbers] != other.split(".")[:numbers]:
        fault = f"the cluster has {other}, here is {mine}" if other else "the cluster does not have it"
        remedy = f"pip install '{name}=={mine}' {THERE}" + (f", or '{name}=={other}' here" if other else "")
        yield Fault(name, fault, remedy)


def carried(pipeline: Pipeline, there: Mapping[str, Any], made: Agreement) -> None:
    """Decide what goes along of the distributions that the pipeline's plugins come from and need."""
    extras = extras_of(every([pipeline]))
    own = {"finery", *needed({"finery": extras["finery"]})[0]}
    for name in plugin_distributions(pipeline):
        if there["digests"].get(name) != digest(metadata.distribution(name)):
            take(name, there, made)
    names, missing = needed(extras)
    for name in names:
        if name in there["distributions"]:
            continue
        if name in own:
            made.faults.append(lacking(name))
        else:
            take(name, there, made)
    made.faults += [Fault(name, "is needed and not installed here", f"pip install {name}") for name in missing]


def take(name: str, there: Mapping[str, Any], made: Agreement) -> None:
    """Ship a distribution, or say why it cannot be."""
    dist = metadata.distribution(name)
    if dist.files is None:
        made.faults.append(Fault(name, "does not say which files it has", f"pip install it anew, or {THERE}"))
    elif is_portable(dist, there):
        made.ship.append(name)
    elif there["distributions"].get(name) != dist.version:
        made.faults.append(lacking(name, " and is compiled, for another platform than the cluster's"))


def lacking(name: str, more: str = "") -> Fault:
    """The fault of a distribution that must be installed there."""
    version = metadata.distribution(name).version
    return Fault(name, f"the cluster does not have it{more}", f"pip install '{name}=={version}' {THERE}")


def unlike_lock(pipeline: Pipeline, there: Mapping[str, Any], shipped: list[str]) -> Iterator[Fault]:
    """What the lock pins and the cluster has in another version."""
    lock = lock_of(pipeline.file)
    for kind, tables in (("distribution", lock.distributions), ("dependency", lock.dependencies)) if lock else ():
        for number, one in enumerate(tables):
            version = there["distributions"].get(one["name"])
            if lock and one["name"] not in (*shipped, "finery") and version not in (one["version"], None):
                fault = f"locked is {one['name']} {one['version']}, the cluster has {version}"
                yield Fault(lock.place(kind, number), fault, f"finery install --locked {THERE}")


def lock_of(file: Path) -> Lock | None:
    """The lock that holds for a pipeline; None where there is none."""
    place = file.with_name(NAME)
    if not place.is_file():
        return None
    lock = read_lock(place)
    return lock if file.name in lock.environment["pipelines"] else None


def brought(names: list[str]) -> list[metadata.Distribution]:
    """The distributions of these names. Raises UsageError for one that is gone meanwhile."""
    found = [(name, distribution(normalised(name))) for name in names]
    if lost := [Fault(name, "is no longer installed", "submit again") for name, dist in found if dist is None]:
        raise UsageError(*lost)
    return [dist for _, dist in found if dist is not None]
