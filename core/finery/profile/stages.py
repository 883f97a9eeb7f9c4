"""The pipelines of a profile: what is measured, and which rule sets are asked, as far as they are installed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from finery.catalog import Entry, entries, find, load
from finery.errors import FineryError
from finery.tomltext import as_toml, key

Kind = tuple[str, str, Mapping[str, Any]]
"""Hook, name and options of a stage."""

SCORES: tuple[Kind, ...] = (("score", "statistics", {}), ("score", "language", {}), ("score", "pii", {}))
DEDUPES: tuple[Kind, ...] = (("dedupe", "exact", {}), ("dedupe", "minhash", {}))
RULES: tuple[Kind, ...] = tuple(
    ("filter", name, {}) for name in ("gopher", "repetition", "c4", "fineweb", "punctuation", "harmful")
)
SAMPLE = "finery.profile.sample:Sample"


@dataclass(frozen=True)
class Stages:
    """The stages that can be had, and a line for what cannot."""

    scores: tuple[Kind, ...]
    dedupes: tuple[Kind, ...]
    rules: tuple[Kind, ...]
    notes: tuple[str, ...]


def stages() -> Stages:
    """The stages of a profile whose plugins are installed with what they import."""
    known, lost = entries(), dict[str, list[str]]()
    scores, dedupes, rules = (
        tuple(kind for kind in kinds if there(kind, known, lost)) for kinds in (SCORES, DEDUPES, RULES)
    )
    notes = tuple(f"left out: {', '.join(names)} ({why})" for why, names in lost.items())
    return Stages(scores, dedupes, rules, notes)


def there(kind: Kind, known: Sequence[Entry], lost: dict[str, list[str]]) -> bool:
    """Whether a stage's plugin can be had; `lost` notes why not."""
    hook, name, _ = kind
    try:
        load(find(hook, name, known))
    except FineryError as error:
        fault = error.faults[0]
        lost.setdefault(fault.remedy or fault.fault, []).append(name)
        return False
    return True


def pipeline_text(sources: Iterable[Mapping[str, Any]], records: int, kinds: Iterable[Kind]) -> str:
    """A pipeline over a sample of the sources. A row that cannot be read does not end it: it is counted."""
    tables = [table("source", {**source, "max_bad": 1.0}) for source in sources]
    tables.append(table("stage", {"id": "sample", "filter": SAMPLE, "records": records}))
    tables += [table("stage", {"id": f"{hook}-{name}", hook: name, **options}) for hook, name, options in kinds]
    return "\n".join(['name = "profile"', *tables])


def table(word: str, values: Mapping[str, Any]) -> str:
    """One table of a list of them."""
    lines = [f"{key(name)} = {as_toml(value)}" for name, value in values.items() if value is not None]
    return "\n".join([f"\n[[{word}]]", *lines])
