"""The figures of a profile: what is known of each source after it was looked at."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

PERCENTILES = (1, 5, 25, 50, 75, 95, 99)


@dataclass(frozen=True)
class Spread:
    """How a number is spread over the records."""

    total: int
    mean: float
    least: int
    percentiles: dict[str, int]
    """`p50` and others, by the nearest rank."""
    most: int
    histogram: list[tuple[int, int]]
    """Records from each bound up to the next; bounds are powers of two, the first is 0."""


def spread(values: np.ndarray) -> Spread | None:
    """The spread of whole numbers (n,), none of them negative; None where there are none."""
    if not len(values):
        return None
    ordered = np.sort(values)
    ranks = [min(len(ordered) - 1, max(0, int(np.ceil(p / 100 * len(ordered))) - 1)) for p in PERCENTILES]
    found = {f"p{p}": int(ordered[rank]) for p, rank in zip(PERCENTILES, ranks, strict=True)}
    total = int(ordered.sum())
    return Spread(total, total / len(ordered), int(ordered[0]), found, int(ordered[-1]), histogram(ordered))


def histogram(ordered: np.ndarray) -> list[tuple[int, int]]:
    """How many numbers there are from each power of two up to the next, from the least to the most."""
    powers = np.zeros(len(ordered), np.int64)
    above = ordered > 0
    powers[above] = np.floor(np.log2(ordered[above])).astype(np.int64) + 1
    counts = np.bincount(powers)
    bounds = [0, *(1 << power for power in range(len(counts) - 1))]
    first = int(powers[0])
    return [(bound, int(count)) for bound, count in zip(bounds, counts.tolist(), strict=True)][first:]


@dataclass
class Column:
    """One column as it was read."""

    name: str
    type: str
    records: int = 0
    nulls: int = 0
    empty: int = 0
    """Empty texts and lists."""


@dataclass(frozen=True)
class Example:
    """A record that a rule set drops, or keeps."""

    chance: float
    """Examples are those with the smallest: a hash of the id."""
    record: str
    reason: str | None
    value: float | None
    bound: float | None
    text: str


@dataclass
class Rule:
    """What a rule set would drop of one source."""

    records: int = 0
    dropped: int = 0
    reasons: dict[str, int] = field(default_factory=dict)
    drops: list[Example] = field(default_factory=list)
    keeps: list[Example] = field(default_factory=list)

    def add(self, reasons: Mapping[str, int], records: int, kept: int) -> None:
        """Count one batch; the most frequent reasons stand first."""
        self.records += records
        self.dropped += records - kept
        whole = {name: self.reasons.get(name, 0) + reasons.get(name, 0) for name in {**self.reasons, **reasons}}
        self.reasons = dict(sorted(whole.items(), key=lambda item: (-item[1], item[0])))

    @property
    def share(self) -> float:
        """The share that it drops, 0 to 1."""
        return self.dropped / self.records if self.records else 0.0


@dataclass
class Profile:
    """What is known of one source."""

    name: str
    shape: str
    read: int
    """Rows that were looked at."""
    failed: int
    left_out: int
    """What holds no document, such as a redirect in a web archive."""
    faults: dict[str, int]
    """Rows that could not be read, or hold no document, by reason."""
    example: str | None
    """One of them, with its place."""
    records: int
    """Records that could be read."""
    sampled: int
    """Those that everything below was measured on."""
    columns: list[Column] = field(default_factory=list)
    characters: Spread | None = None
    words: Spread | None = None
    languages: dict[str, int] = field(default_factory=dict)
    sure: dict[str, float] = field(default_factory=dict)
    """The mean confidence of each language."""
    personal: dict[str, int] = field(default_factory=dict)
    """Records that hold personal data, in all (`pii`) and by kind."""
    duplicates: dict[str, int] = field(default_factory=dict)
    """By dedupe, in the order in which they ran: records beyond the first of each group."""
    rules: dict[str, Rule] = field(default_factory=dict)


@dataclass(frozen=True)
class Profiles:
    """A whole profile."""

    sources: list[Profile]
    notes: Sequence[str]
    """What could not be measured, and what to do about it."""
    seconds: float
    tables: list[dict[str, Any]] = field(default_factory=list)
    """The sources as a pipeline file has them."""
