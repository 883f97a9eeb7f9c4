"""What a stage did, added up from its shards, and the law it must obey: in = kept + dropped + merged + failed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from finery.errors import DataError, FineryError

FATES = ("in", "kept", "dropped", "merged", "failed", "born")


def added_up(entries: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Counts and reasons by source, what was cut of each, tally and seconds, of all shard entries of a stage."""
    sources: dict[str, Any] = {}
    cut: dict[str, Counter[str]] = {}
    tally: Counter[str] = Counter()
    for entry in entries:
        source = entry["shard"]["source"]
        counts = sources.setdefault(source, dict.fromkeys(FATES, 0) | {"reasons": Counter()})
        for fate in FATES:
            counts[fate] += entry["counts"][fate]
        counts["reasons"].update(entry["counts"]["reasons"])
        tally.update(entry["tally"])
        if "cut" in entry:
            cut.setdefault(source, Counter()).update(entry["cut"])
    seconds = sum(entry["seconds"] for entry in entries)
    cuts = {"cut": {source: dict(counts) for source, counts in cut.items()}} if cut else {}
    return {"sources": sources, "tally": dict(tally), **cuts, "seconds": round(seconds, 3)}


def total(summary: Mapping[str, Any], fate: str) -> int:
    """One count over all sources."""
    return sum(counts[fate] for counts in summary["sources"].values())


def conserve(stage: str, summary: Mapping[str, Any], before: Mapping[str, int]) -> None:
    """Raise FineryError where records were lost or made up: a fault of Finery, never of the data."""
    for source, records in before.items():
        counts = summary["sources"].get(source, dict.fromkeys(FATES, 0))
        fates = counts["kept"] + counts["dropped"] + counts["merged"] + counts["failed"]
        if not records == counts["in"] == fates:
            fault = f"{records} records of '{source}' went in, {fates} have a fate"
            raise FineryError.at(f"stage '{stage}'", fault, "this is a fault of Finery: please report it")


def bounded(stage: str, failed: int, records: int, max_bad: float, example: Callable[[], str]) -> None:
    """Raise DataError where more records failed than `max_bad` allows; `example` is asked for the first of them."""
    if failed > max_bad * records:
        share = f"{failed} of {records} records failed, more than max_bad = {max_bad:g} allows"
        raise DataError.at(f"stage '{stage}'", share, f"first: {example()}")
