"""How many items were answered rightly: over all, by source and by tag."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from finery_plugins.evaluate.items import Row

ALL = ""
"""The group of every item."""


@dataclass
class Count:
    """What is known of a group of items."""

    items: int = 0
    checked: int = 0
    right: int = 0
    scored: int = 0
    score: float = 0.0
    unanswered: int = 0
    judged: int = 0
    unjudged: int = 0
    judgement: float = 0.0
    cost: float = 0.0

    def add(self, row: Row) -> None:
        """Count an item."""
        self.items += 1
        self.checked += row.correct is not None
        self.right += bool(row.correct)
        self.scored += row.score is not None
        self.score += row.score or 0.0
        self.unanswered += row.answer is None
        self.cost += float(row.details.get("cost", 0.0))
        if (judge := row.details.get("judge")) is not None:
            self.judged += judge["score"] is not None
            self.unjudged += judge["score"] is None
            self.judgement += judge["score"] or 0.0
            self.cost += float(judge["cost"])

    def measures(self) -> Iterator[tuple[str, float]]:
        """`items`, `accuracy` of those that could be checked, the mean `score`, and how many have no answer.

        With a judge, its mean and how many it could not judge; where answers cost something, how much (currency of the
        prices).
        """
        yield "items", self.items
        if self.checked:
            yield "accuracy", self.right / self.checked
        if self.scored:
            yield "score", self.score / self.scored
        yield "unanswered", self.unanswered
        yield "unchecked", self.items - self.checked
        if self.judged:
            yield "judge", self.judgement / self.judged
        if self.judged or self.unjudged:
            yield "unjudged", self.unjudged
        if self.cost:
            yield "cost", self.cost


@dataclass
class Tallies:
    """Counts of every group."""

    counts: dict[str, Count] = field(default_factory=lambda: defaultdict(Count))

    def add(self, row: Row) -> None:
        """Count an item in all its groups."""
        for group in (ALL, *row.groups):
            self.counts[group].add(row)

    def metrics(self) -> Mapping[str, float]:
        """`measure` over all, `measure/group` for each source and tag, in the order of their names."""
        return {
            f"{measure}/{group}" if group else measure: float(value)
            for group, count in sorted(self.counts.items())
            for measure, value in count.measures()
        }
