"""Numbers drawn for one record: a stream that is fixed by its id, the seed, the stage and a number."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

from finery import Batch, Stage, chance

Value = TypeVar("Value")
MASK = 2**64 - 1


@dataclass
class Draws:
    """A splitmix64 stream (Steele, Lea, Flood 2014)."""

    state: int

    def share(self) -> float:
        """A number in [0, 1)."""
        self.state = (self.state + 0x9E3779B97F4A7C15) & MASK
        mixed = self.state
        mixed = ((mixed ^ (mixed >> 30)) * 0xBF58476D1CE4E5B9) & MASK
        mixed = ((mixed ^ (mixed >> 27)) * 0x94D049BB133111EB) & MASK
        return ((mixed ^ (mixed >> 31)) >> 11) * 2.0**-53

    def below(self, bound: int) -> int:
        """A whole number from 0, below `bound`."""
        return int(self.share() * bound)

    def pick(self, values: Sequence[Value]) -> Value:
        """One of some values."""
        return values[self.below(len(values))]

    def seed(self) -> int:
        """A seed that every server takes: 31 bits."""
        return self.below(2**31)

    def places(self, count: int, rate: float) -> list[int]:
        """Which of `count` places are hit when each is with probability `rate`, in order.

        The gaps are drawn, not the places: it costs as much as there are hits.
        """
        if rate <= 0:
            return []
        found, at = list[int](), -1
        scale = math.log1p(-min(rate, 1 - 1e-12))
        while True:
            at += 1 + int(min(math.log1p(-self.share()) / scale, count))
            if at >= count:
                return found
            found.append(at)

    def shuffled(self, values: Sequence[Value]) -> list[Value]:
        """The values in another order (Fisher and Yates)."""
        order = list(values)
        for last in range(len(order) - 1, 0, -1):
            other = self.below(last + 1)
            order[last], order[other] = order[other], order[last]
        return order


def draws(batch: Batch, stage: Stage, number: int = 0) -> list[Draws]:
    """A stream for each record; other numbers give other streams."""
    drawn = chance(batch, replace(stage, seed=(stage.seed + number) % 2**64))
    return [Draws(int(value * 2**53)) for value in drawn.tolist()]
