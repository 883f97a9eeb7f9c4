"""A first pipeline from the figures of a profile, each choice with the figure that it was made by."""

from __future__ import annotations

import os
import textwrap
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from finery.catalog import entries
from finery.config import read_pipeline
from finery.data.files import is_url
from finery.errors import FineryError, UsageError
from finery.profile.figures import Profile, Profiles
from finery.profile.sources import Named
from finery.profile.stages import table

COMMON = 0.05
"""The share of a source from which on a language is kept."""

MOST = 0.3
"""The share of records up to which a rule set is taken over; one that drops more was hardly made for such data."""

ENGLISH = frozenset({"gopher", "c4", "fineweb"})
"""Rule sets that were made for English."""

PROSE = ("text", "classification")
"""The shapes whose records are documents, which the rule sets are for."""


def write_first(profiles: Profiles, named: Named, file: Path) -> None:
    """Write a first pipeline; it reads and plans without a fault.

    Raises UsageError where the file is there already, or no plugin is.
    """
    if file.exists():
        raise UsageError.at(file, "is there already", "name another file")
    stages = list(all_stages(profiles.sources))
    if not any("[[stage]]" in line.splitlines() for line in stages):
        raise UsageError.at(file, "there is no plugin to write a pipeline with", "pip install 'finery[text]'")
    sources = [table("source", moved(source, named.folder, file)) for source in named.tables]
    name = file.stem if file.stem != "pipeline" else str(named.tables[0]["name"])
    head = ["# From `finery profile`: every figure is of the sample that it looked at.", f'name = "{name}"', "seed = 1"]
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text("\n".join([*head, *sources, *stages]) + "\n", encoding="utf-8")
    try:
        read_pipeline(file)
    except FineryError:
        file.unlink()
        raise


def moved(source: Mapping[str, Any], folder: Path, file: Path) -> dict[str, Any]:
    """A source with its paths as they are from the new file."""
    made = dict(source)
    for word in ("path", "dataset"):
        if word in made:
            value = made[word]
            if isinstance(value, str):
                made[word] = relative(value, folder, file, word)
            else:
                made[word] = [relative(part, folder, file, word) for part in value]
    return made


def relative(path: str, folder: Path, file: Path, word: str) -> str:
    """A path as it is from a file's folder; URLs, absolute paths and hub names stay."""
    local = (folder / path).is_dir() if word == "dataset" else True
    if is_url(path) or not local or Path(path).expanduser().is_absolute():
        return path
    return Path(os.path.relpath(folder / path, file.resolve().parent)).as_posix()


def all_stages(sources: Sequence[Profile]) -> Iterator[str]:
    """The stages, each behind its comment; what is not taken over stands as a comment."""
    known = {(entry.hook, entry.name) for entry in entries()}
    yield from languages(sources, known)
    yield from lengths(sources, known)
    yield from rule_sets(sources)
    yield from personal(sources, known)
    yield from duplicates(sources)


def said(comment: str, *lines: str) -> str:
    """A comment, folded, and what stands below it."""
    return "\n".join(["", *textwrap.wrap(comment, 110, initial_indent="# ", subsequent_indent="# "), *lines])


def stage(values: Mapping[str, Any]) -> str:
    """A stage without the blank line before it."""
    return table("stage", values).strip()


def percent(part: float, whole: float) -> str:
    """`3.1 %`."""
    return f"{100 * part / whole:.3g} %" if whole else "0 %"


def languages(sources: Sequence[Profile], known: set[tuple[str, str]]) -> Iterator[str]:
    """A language filter, where there is more than what is common."""
    counts = Counter[str]()
    for source in sources:
        counts.update(source.languages)
    if not counts or ("filter", "language") not in known:
        return
    keep = [name for name in counts if name not in ("und", "others") and common(name, sources)]
    shares = ", ".join(f"{name} {percent(count, counts.total())}" for name, count in counts.most_common(6))
    if keep and sum(counts[name] for name in keep) < counts.total():
        yield said(f"Languages: {shares}.", stage({"filter": "language", "keep": keep}))
    else:
        yield said(f"Languages: {shares}. None is so rare that it should go.")


def common(language: str, sources: Sequence[Profile]) -> bool:
    """Whether a language is common in any source."""
    return any(source.languages.get(language, 0) >= COMMON * max(source.sampled, 1) for source in sources)


def lengths(sources: Sequence[Profile], known: set[tuple[str, str]]) -> Iterator[str]:
    """Bounds outside of which hardly anything lies, for each source."""
    if ("filter", "length") not in known:
        return
    for source in sources:
        if source.words is None:
            continue
        low, middle, high = (source.words.percentiles[name] for name in ("p1", "p50", "p99"))
        bounds: dict[str, Any] = {"id": f"length-{source.name}", "only": [source.name], "filter": "length"}
        bounds |= {"min_words": max(1, low), "max_words": max(1, 2 * high)}
        figures = f"1 % of the records have up to {low:,}, half up to {middle:,}, 99 % up to {high:,}"
        yield said(f"Words of {source.name}: {figures}. One in a hundred or so goes.", stage(bounds))


def rule_sets(sources: Sequence[Profile]) -> Iterator[str]:
    """The rule sets that fit the data; the others as comments."""
    prose = [source for source in sources if source.shape in PROSE]
    for name in dict.fromkeys(name for source in prose for name in source.rules):
        taken = [source for source in prose if fits(name, source)]
        values = {"filter": name, **({"only": [s.name for s in taken]} if len(taken) < len(sources) else {})}
        drops = "; ".join(dropped(name, source) for source in prose)
        if taken:
            yield said(f"{name} would drop {drops}.", stage(values))
        elif any(source.rules[name].dropped for source in prose):
            yield said(f'Not taken over: filter = "{name}" would drop {drops}.')
        else:
            yield said(f'Not taken over: filter = "{name}" would drop nothing.')


def fits(name: str, source: Profile) -> bool:
    """Whether a rule set drops something of a source, and not too much, and is for its language."""
    english = source.languages.get("en", 0) >= 0.5 * max(source.sampled, 1) or not source.languages
    return 0 < source.rules[name].share <= MOST and (english or name not in ENGLISH)


def dropped(name: str, source: Profile) -> str:
    """How much of a source a rule set drops, and mostly why."""
    rule = source.rules[name]
    why = ", ".join(f"{code} {count:,}" for code, count in list(rule.reasons.items())[:3])
    return f"{percent(rule.dropped, rule.records)} of {source.name}{f' ({why})' if why else ''}"


def personal(sources: Sequence[Profile], known: set[tuple[str, str]]) -> Iterator[str]:
    """Redaction of personal data, where there is any."""
    found = [source for source in sources if source.personal.get("pii")]
    if not found or ("format", "pii") not in known:
        return
    shares = "; ".join(f"{percent(s.personal['pii'], s.sampled)} of {s.name}" for s in found)
    only = {"only": [source.name for source in found]} if len(found) < len(sources) else {}
    yield said(f"Personal data or secrets stand in {shares}.", stage({"format": "pii", **only}))


def duplicates(sources: Sequence[Profile]) -> Iterator[str]:
    """The dedupes. A sample holds fewer duplicates than the whole: both of a pair have to be in it."""
    for name in dict.fromkeys(name for source in sources for name in source.duplicates):
        found = "; ".join(f"{percent(s.duplicates.get(name, 0), s.sampled)} of {s.name}" for s in sources)
        whole = all(source.sampled == source.records for source in sources)
        more = "" if whole else "; the whole holds more than a sample"
        yield said(f"Duplicates by {name}: {found}{more}.", stage({"dedupe": name}))
