"""Two models on the same items: who was right where, and whether the difference is more than chance."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

import numpy as np
import xxhash

from finery_plugins.evaluate.items import Row
from finery_plugins.evaluate.tallies import ALL

OUTCOMES = ("right-to-right", "right-to-wrong", "wrong-to-right", "wrong-to-wrong")
DRAWS = 10_000
"""Bootstrap samples."""


def outcome(before: Row, after: Row) -> str | None:
    """What became of an item; None where one of the two could not be checked."""
    if before.correct is None or after.correct is None:
        return None
    names = {True: "right", False: "wrong"}
    return f"{names[before.correct]}-to-{names[after.correct]}"


def mcnemar(lost: int, won: int) -> float:
    """The exact two-sided p of McNemar's test (1947): how likely so uneven a split of the changed items is by chance.

    Twice the binomial tail at one half, 1 at most.
    """
    changed, fewer = lost + won, min(lost, won)
    logs = [math.lgamma(changed + 1) - math.lgamma(k + 1) - math.lgamma(changed - k + 1) for k in range(fewer + 1)]
    return min(1.0, 2 * math.fsum(math.exp(one - changed * math.log(2)) for one in logs))


def interval(lost: int, won: int, items: int, seed: str, level: float = 0.95) -> tuple[float, float]:
    """The bootstrap percentile interval of the difference in accuracy (Efron 1979).

    Drawing items with replacement is a multinomial draw of how many were lost, won and stayed, so counts are enough.
    The draws follow from the counts and `seed`: equal tables have equal intervals.
    """
    if not items:
        return math.nan, math.nan
    key = xxhash.xxh3_64_intdigest(f"{seed}:{lost}:{won}:{items}".encode())
    shares = np.array([lost, won, items - lost - won]) / items
    drawn = np.random.default_rng(key).multinomial(items, shares, size=DRAWS)
    low, high = np.quantile((drawn[:, 1] - drawn[:, 0]) / items, [(1 - level) / 2, (1 + level) / 2])
    return float(low), float(high)


@dataclass
class Table:
    """What became of the items of one group."""

    counts: dict[str, int] = field(default_factory=lambda: dict.fromkeys(OUTCOMES, 0))
    unpaired: int = 0
    """Items that only one of the two could be checked on."""
    wins: int = 0
    losses: int = 0
    ties: int = 0
    unjudged: int = 0

    @property
    def items(self) -> int:
        """Items that both could be checked on."""
        return sum(self.counts.values())

    @property
    def difference(self) -> float:
        """By how much the accuracy changed; NaN without items."""
        won, lost = self.counts["wrong-to-right"], self.counts["right-to-wrong"]
        return (won - lost) / self.items if self.items else math.nan

    def measures(self, group: str) -> Iterator[tuple[str, float]]:
        """Counts, accuracies, difference with its interval, and p."""
        yield "items", self.items
        yield "unpaired", self.unpaired
        yield from ((name.replace("-", "_"), count) for name, count in self.counts.items())
        if self.items:
            right, lost, won = (self.counts[name] for name in OUTCOMES[:3])
            low, high = interval(lost, won, self.items, group)
            yield "accuracy_before", (right + lost) / self.items
            yield "accuracy_after", (right + won) / self.items
            yield from (("difference", self.difference), ("difference_low", low), ("difference_high", high))
            yield "mcnemar_p", mcnemar(lost, won)
        if judged := self.wins + self.losses + self.ties:
            yield from (("judge_wins", self.wins), ("judge_losses", self.losses), ("judge_ties", self.ties))
            yield "judge", (self.wins + self.ties / 2) / judged
        if self.unjudged:
            yield "unjudged", self.unjudged


@dataclass
class Tables:
    """The tables of every group."""

    groups: dict[str, Table] = field(default_factory=lambda: defaultdict(Table))

    def add(self, row: Row, became: str | None) -> None:
        """Count an item in all its groups."""
        judge = row.details.get("judge")
        for group in (ALL, *row.groups):
            table = self.groups[group]
            if became is None:
                table.unpaired += 1
            else:
                table.counts[became] += 1
            if judge is not None:
                judged(table, judge["score"])

    def metrics(self) -> Mapping[str, float]:
        """`measure` over all, `measure/group` for each source and tag, in the order of their names."""
        return {
            f"{measure}/{group}" if group else measure: float(value)
            for group, table in sorted(self.groups.items())
            for measure, value in table.measures(group)
        }


def judged(table: Table, score: float | None) -> None:
    """Count a judge's word on a pair: a win where the later model is better in both orders, or in one and even else."""
    if score is None:
        table.unjudged += 1
    elif score > 0.5:
        table.wins += 1
    elif score < 0.5:
        table.losses += 1
    else:
        table.ties += 1
