"""What a pre-flight finds: a number for the journal, and where it is a fault or a warning, what to do about it."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from finery import DataError, Fault
from finery_plugins.train.site import Site
from finery_plugins.train.workers import in_turn

FOLDER = "preflight"
"""In a stage's folder: what was found, so that a resumed training does not look again."""


@dataclass(frozen=True)
class Finding:
    """One number, and what is wrong with it."""

    name: str
    value: float
    source: str | None = None
    fault: str = ""
    """What is wrong, with a record; nothing where all is well."""
    remedy: str = ""
    stops: bool = True
    """Whether a fault keeps the training from its first step; otherwise it is a warning."""

    @property
    def key(self) -> str:
        """`name`, or `name/source`."""
        return self.name if self.source is None else f"{self.name}/{self.source}"


def preflight(site: Site, part: str, look: Callable[[], Iterable[Finding]]) -> None:
    """Look once a training, and tell the journal: metrics are called `preflight/...`, a warning is a note too.

    `preflight/<part>_seconds` is what it took. Raises DataError with all faults.
    """
    kept = site.out / FOLDER / f"{part}.json"
    with in_turn():
        if not kept.exists():
            looked(site, part, look, kept)


def looked(site: Site, part: str, look: Callable[[], Iterable[Finding]], kept: Path) -> None:
    """Look, tell and keep; one worker does it for all. Raises DataError with all faults."""
    began = time.monotonic()
    found = list(look())
    told = [*found, Finding(f"{part}_seconds", round(time.monotonic() - began, 3))]
    tell(told, site)
    stop(found, site.place)
    keep(told, kept)


def tell(found: Sequence[Finding], site: Site) -> None:
    """Write findings into the journal."""
    for finding in found:
        site.journal.metric(f"preflight/{finding.name}", finding.value, source=finding.source)
        if finding.fault and not finding.stops:
            site.journal.note(f"{finding.fault}: {finding.remedy}" if finding.remedy else finding.fault)


def faults(found: Iterable[Finding], place: str) -> list[Fault]:
    """Those of some findings that keep a training from its first step."""
    return [Fault(place, one.fault, one.remedy) for one in found if one.fault and one.stops]


def stop(found: Iterable[Finding], place: str) -> None:
    """Raise DataError where anything found keeps the training from its first step."""
    wrong = faults(found, place)
    if wrong:
        raise DataError(*wrong)


def keep(found: Sequence[Finding], file: Path) -> None:
    """Write findings to a file, whole or not at all."""
    file.parent.mkdir(parents=True, exist_ok=True)
    beside = file.with_suffix(".unfinished")
    beside.write_text(json.dumps({finding.key: finding.value for finding in found}, indent=1))
    beside.replace(file)
