"""What a sweep finds out: records and text kept of each source at each point, and what changes between neighbours."""

from __future__ import annotations

import heapq
from collections import Counter
from dataclasses import dataclass, field


@dataclass
class Count:
    """What is kept of one source at one point."""

    records: int = 0
    kept: int = 0
    amounts: dict[str, list[float]] = field(default_factory=dict)
    """For `characters` and `tokens`, where they are known: all, and kept."""
    reasons: Counter[str] = field(default_factory=Counter)

    def add(self, other: Count) -> None:
        """Put another count to this one."""
        self.records += other.records
        self.kept += other.kept
        self.reasons.update(other.reasons)
        for name, (whole, kept) in other.amounts.items():
            mine = self.amounts.setdefault(name, [0.0, 0.0])
            mine[0] += whole
            mine[1] += kept


@dataclass(frozen=True, order=True)
class Sample:
    """A record that one of two neighbouring points keeps."""

    chance: float
    """Samples are those with the smallest: a hash of the id."""
    shard: int
    group: int
    place: int
    """Its place in the group as it stands."""
    record: str
    source: str
    kept: bool
    """Whether the second point keeps it."""
    reason: str
    value: float | None
    bound: float | None


@dataclass
class Change:
    """What is different between two neighbouring points."""

    gained: int = 0
    """Records that the second point keeps and the first does not."""
    lost: int = 0
    samples: list[Sample] = field(default_factory=list)

    def add(self, other: Change, most: int) -> None:
        """Put another change to this one; of the samples, the first by chance stay."""
        self.gained += other.gained
        self.lost += other.lost
        self.samples = heapq.nsmallest(most, [*self.samples, *other.samples])


@dataclass(frozen=True)
class Counted:
    """A grid with its counts."""

    counts: tuple[dict[str, Count], ...]
    """A point: by source."""
    changes: dict[tuple[int, int], Change]
    """By the numbers of two neighbouring points."""
