"""Admission: a wheel held against every check of its entry, and the entry with what was found."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from finery import Fault, UsageError
from finery_registry.admission import Candidate, examine
from finery_registry.environment import environment
from finery_registry.index import read_file
from finery_registry.indexes import Indexes
from finery_registry.installed import finery_version
from finery_registry.listing import Listing, Release
from finery_registry.record import page_of, with_result
from finery_registry.trial import tried, version_here
from finery_registry.wheel import Wheel, read_wheel


@dataclass(frozen=True)
class Verdict:
    """What was found."""

    passed: tuple[str, ...]
    faults: tuple[Fault, ...]
    network: str
    text: str
    """The entry as it is with the result in it."""


def verify(entry: Path, wheel: Path, others: Indexes, wheels: Path | None = None, trial: bool = True) -> Verdict:
    """Hold a wheel against its entry; `others` are the indexes whose names are taken.

    Raises UsageError for an entry with faults, one that does not name the wheel, or a file that is no wheel.
    """
    listing = read_listing(entry)
    found = read_wheel(wheel)
    number, release = named(listing, found)
    candidate = Candidate(listing, release, found, taken(listing, others), modules(listing))
    passed, faults = examine(candidate)
    network = "not tried"
    pages: tuple[Mapping[str, Any], ...] = ()
    if trial and not faults:
        outcome = tried(candidate, wheels)
        network, faults, pages = outcome.network, list(outcome.faults), outcome.pages
        passed += [] if faults else ["conformance"]
    checked = result(passed, network, [page_of(page) for page in pages])
    text = entry.read_text(encoding="utf-8")
    return Verdict(tuple(passed), tuple(faults), network, text if faults else with_result(text, number, checked))


def read_listing(entry: Path) -> Listing:
    """The entry in a file. Raises UsageError with all its faults."""
    read = read_file(entry)
    if read["entry"] is None:
        raise UsageError(*(Fault(*fault) for fault in read["faults"]))
    return Listing(read["entry"], str(entry.parent))


def named(listing: Listing, wheel: Wheel) -> tuple[int, Release]:
    """Which release, counted as in the file, names a wheel. Raises UsageError where none does."""
    for number, said in enumerate(listing.data["release"]):
        if said["wheel"].rpartition("/")[2] == wheel.path.name:
            return number, next(one for one in listing.releases if one.version == said["version"])
    there = ", ".join(release.file for release in listing.releases)
    raise UsageError.at(wheel.path.name, "is no release of the entry", f"it names {there}")


def taken(listing: Listing, others: Indexes) -> dict[tuple[str, str], str]:
    """Plugins that other distributions of the indexes, or Finery itself, have."""
    rivals = [other for other in others.listings.values() if other.name != listing.name]
    listed = {plugin: other.name for other in rivals for plugin in other.provides}
    finery = environment().installed.get("finery")
    own = {(hook, name): "finery" for hook, name, _ in (finery.points if finery else ())}
    return listed | own


def modules(listing: Listing) -> dict[str, str]:
    """Top-level modules of the distributions that are installed here."""
    others = ((name, dist) for name, dist in environment().installed.items() if name != listing.name)
    return {top: name for name, dist in others for top in dist.tops}


def result(passed: Iterable[str], network: str, plugins: list[dict[str, Any]]) -> dict[str, Any]:
    """`[release.checked]` of today."""
    today = datetime.now(UTC).date().isoformat()
    said = {
        "on": today,
        "finery": finery_version(),
        "python": version_here(),
        "network": network,
        "passed": list(passed),
    }
    return {**said, "plugins": plugins}
