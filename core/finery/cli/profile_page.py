"""A profile for a reader: figures of each source, what rule sets would drop, and examples side by side."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict
from typing import Any

import click

from finery.cli.render import emit, one_line, width
from finery.profile.figures import Column, Example, Profile, Profiles, Rule, Spread

BAR = 30
"""Characters of the longest bar."""

SHOWN = 200
"""Characters of an example's text."""

LANGUAGES = 8
"""Languages that are named; the others are added up."""

COLUMNS = 30
"""Columns of the data that are listed."""


def plain(profiles: Profiles) -> dict[str, Any]:
    """All of it as plain values."""
    return asdict(profiles)


def page(profiles: Profiles) -> None:
    """Print a profile."""
    for number, source in enumerate(profiles.sources):
        click.echo("\n" * (2 if number else 0), nl=False)
        for line in head(source):
            click.echo(line)
        show_columns(source.columns)
        show_lengths(source)
        for line in shares(source):
            click.echo(line)
        show_rules(source)
    for note in profiles.notes:
        click.echo(f"\n{note}")


def head(source: Profile) -> Iterator[str]:
    """What the source is, and what could not be read of it."""
    name = f"{source.name}: {source.records:,} records of the shape {source.shape}"
    yield name if source.sampled == source.records else f"{name}; below, {source.sampled:,} of them"
    yield "─" * min(len(name), width())
    reasons = ", ".join(f"{code} {count:,}" for code, count in source.faults.items())
    if source.failed:
        yield f"{source.failed:,} of {source.read:,} rows cannot be read"
    if source.left_out:
        yield f"{source.left_out:,} of {source.read:,} hold no document"
    if reasons:
        yield f"  {reasons}"
        yield f"  {one_line(source.example or '')[: width() - 2]}"


def show_columns(columns: Sequence[Column]) -> None:
    """Print the columns and how much of each is missing."""
    rows = [
        {
            "column": column.name,
            "type": column.type,
            "null %": percent(column.nulls, column.records),
            "empty %": percent(column.empty, column.records),
        }
        for column in columns[:COLUMNS]
    ]
    click.echo()
    emit(rows, ["column", "type", "null %", "empty %"], False)
    if len(columns) > COLUMNS:
        click.echo(f"{len(columns) - COLUMNS:,} more columns")


def percent(part: float, whole: float) -> float:
    """Percent, to a digit behind the point; never nothing where there is something."""
    return max(round(100 * part / whole, 1), 0.1 if part else 0.0) if whole else 0.0


def show_lengths(source: Profile) -> None:
    """Print how long the records are, as percentiles and as bars."""
    known = {"characters": source.characters, "words": source.words}
    rows = [spread_row(name, found) for name, found in known.items() if found]
    click.echo()
    emit(rows, ["", "total", "mean", "least", "p5", "p25", "p50", "p75", "p95", "most"], False)
    if source.words:
        click.echo("\nwords a record")
        for line in bars(source.words.histogram):
            click.echo(line)


def spread_row(name: str, found: Spread) -> dict[str, Any]:
    """One line on a length."""
    ends = {"least": found.least, "most": found.most}
    return {"": name, "total": found.total, "mean": found.mean, **ends, **found.percentiles}


def bars(histogram: Sequence[tuple[int, int]]) -> Iterator[str]:
    """A bar a bound, as long as there are records from it up to the next."""
    most = max((count for _, count in histogram), default=1) or 1
    wide = max(len(f"{bound:,}") for bound, _ in histogram)
    for bound, count in histogram:
        length = round(BAR * count / most) or (1 if count else 0)
        yield f"{bound:>{wide},}  {'█' * length:<{BAR}}  {count:,}"


def shares(source: Profile) -> Iterator[str]:
    """Lines on languages, duplicates and personal data."""
    if source.languages:
        yield from folded("languages", list(languages(source)))
    if source.duplicates:
        yield from folded("duplicates", list(duplicates(source)))
    if source.personal:
        names = {name: "any" if name == "pii" else name.removeprefix("pii_") for name in source.personal}
        parts = [f"{names[name]} {percent(count, source.sampled):g} %" for name, count in source.personal.items()]
        yield from folded("personal data", parts)


def languages(source: Profile) -> Iterator[str]:
    """The most frequent languages, and all others."""
    found = sorted(source.languages.items(), key=lambda item: (item[0] == "others", -item[1]))
    for name, count in found[:LANGUAGES]:
        yield f"{name} {percent(count, source.sampled):g} %"
    if rest := sum(count for _, count in found[LANGUAGES:]):
        yield f"others {percent(rest, source.sampled):g} %"


def duplicates(source: Profile) -> Iterator[str]:
    """What each dedupe takes out, one after the other, and all of it."""
    for name, count in source.duplicates.items():
        yield f"{name} {percent(count, source.sampled):g} %"
    yield f"together {percent(sum(source.duplicates.values()), source.sampled):g} %"
    if source.sampled < source.records:
        yield "(a sample holds fewer than the whole)"


def folded(name: str, parts: Sequence[str]) -> Iterator[str]:
    """A name and what belongs to it, folded at the width."""
    import textwrap

    yield ""
    yield from textwrap.wrap(", ".join(parts), width(), initial_indent=f"{name:<14}", subsequent_indent=" " * 14)


def show_rules(source: Profile) -> None:
    """Print what each rule set would drop, then examples of both sides."""
    if not source.rules:
        return
    rows = [
        {"rule set": name, "drops %": percent(rule.dropped, rule.records), "why": why(rule)}
        for name, rule in source.rules.items()
    ]
    click.echo("\nwhat each rule set would drop, alone")
    emit(rows, ["rule set", "drops %", "why"], False)
    for name, rule in source.rules.items():
        if rule.drops:
            click.echo(f"\n{name}")
            emit(list(side_by_side(rule)), ["dropped", "kept"], False)


def why(rule: Rule, most: int = 3) -> str:
    """The most frequent reasons."""
    more = f", {len(rule.reasons) - most} more" if len(rule.reasons) > most else ""
    return ", ".join(f"{code} {count:,}" for code, count in list(rule.reasons.items())[:most]) + more


def side_by_side(rule: Rule) -> Iterator[dict[str, str]]:
    """Examples of what goes and of what stays."""
    for place in range(max(len(rule.drops), len(rule.keeps))):
        if place:
            yield {}
        sides = {"dropped": rule.drops, "kept": rule.keeps}
        yield {side: shown(found[place]) if place < len(found) else "" for side, found in sides.items()}


def shown(example: Example) -> str:
    """An example's text behind the reason."""
    text = example.text[:SHOWN] + (" ..." if len(example.text) > SHOWN else "")
    if example.reason is None:
        return text
    value = "" if example.value is None else f" {example.value:.4g}"
    bound = "" if example.bound is None or not value else f" against {example.bound:.4g}"
    return f"[{example.reason}{value}{bound}] {text}"
