"""What a run tells, as trackers want it: parameters by dotted name, and numbers by stage, measure and source."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

SECRET = re.compile(r"(^|[_-])(api[_-]?key|access[_-]?key|token|secret|password|headers?)$", re.I)
"""Names whose values stay here."""


@dataclass(frozen=True)
class Figure:
    """One number."""

    stage: str
    name: str
    value: float
    source: str | None = None
    step: int | None = None


def parameters(pipeline: Mapping[str, Any]) -> dict[str, str]:
    """A pipeline as names and values: `seed`, `source.general.path`, `stage.length.min_words`.

    A list's tables are named by their id, name or place, a stage without an id by its plugin and place; what is called
    an API key, token, secret, password or header is left out.
    """
    return {name: str(value) for name, value in flat("", pipeline)}


def flat(path: str, value: Any) -> Iterator[tuple[str, Any]]:
    """Every plain value below a name."""
    if isinstance(value, Mapping):
        for key, part in value.items():
            if not SECRET.search(str(key)):
                yield from flat(f"{path}.{key}" if path else str(key), part)
    elif isinstance(value, list | tuple) and any(isinstance(part, Mapping) for part in value):
        for place, part in enumerate(value, 1):
            yield from flat(f"{path}.{called(part, place)}", part)
    else:
        yield path, value


def called(part: Any, place: int) -> str:
    """What a table of a list is called: `general`, `length-2`."""
    if not isinstance(part, Mapping):
        return str(place)
    named = part.get("id") or part.get("name")
    return str(named or f"{next(iter(part.values()), '')}-{place}")


def figures(stage: str, summary: Mapping[str, Any]) -> Iterator[Figure]:
    """The numbers in a stage's summary: records by fate and reason, seconds, and an evaluation's metrics."""
    if isinstance(summary.get("seconds"), int | float):
        yield Figure(stage, "seconds", float(summary["seconds"]))
    for source, counts in summary.get("sources", {}).items():
        for fate, count in counts.items():
            if fate != "reasons":
                yield Figure(stage, f"records/{fate}", float(count), source)
        for reason, count in counts.get("reasons", {}).items():
            yield Figure(stage, f"reasons/{reason}", float(count), source)
    for name, value in summary.get("metrics", {}).items():
        measure, _, part = name.partition("/")
        yield Figure(stage, measure, float(value), part or None)
