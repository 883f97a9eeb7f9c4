"""How much a training computes, how long that takes and what it costs.

A weight costs a token 2 floating-point operations forward and 4 backward (Kaplan et al. 2020): 6 N D for all. A frozen
weight needs no gradient of its own, which leaves 4; working activations out again adds 2. Where nothing is trained,
there is no way back.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, fields

from finery.demand import Demand, Network
from finery.forecast.hardware import Site

TOKENS_PER_PARAMETER = 20.0
"""Compute-optimal (Hoffmann et al. 2022, table 3)."""
FACILITY = 1.2
"""What a data centre takes beside its machines: about 1.1 to 1.6 in reports."""
HOUR = 3600.0


@dataclass(frozen=True)
class Work:
    """The floating-point operations of a training."""

    weights: float
    """Products with weights."""
    attention: float
    """Products of queries, keys and values with each other."""
    again: float
    """Worked out again for the backward pass."""
    looks: float
    """Forward passes of other models, or without a backward one."""

    @property
    def total(self) -> float:
        """All of it."""
        return self.weights + self.attention + self.again + self.looks


def work(demand: Demand) -> Work:
    """What a training computes, its companion's part included."""
    found = [of_one(one) for one in demand.networks]
    return Work(*(sum(getattr(one, part.name) for one in found) for part in fields(Work)))


def of_one(demand: Demand) -> Work:
    """What training one network computes."""
    network, tokens = demand.network, demand.tokens
    trained = min(demand.share, 1.0)
    # Beside frozen weights the gradient only passes through.
    per_weight = (4 + 2 * trained if demand.added or trained < 1 else 6) if demand.learning else 2
    added = 6.0 * demand.added
    weights = tokens * (per_weight * network.computing + added)
    attention = (3 if demand.learning else 1) * forward_attention(network, demand.context) * tokens
    forward = tokens * (2 * network.computing + forward_attention(network, demand.context))
    again = forward if demand.is_checkpointed else 0.0
    return Work(weights, attention, again, demand.looks * forward)


def forward_attention(network: Network, context: int) -> float:
    """Operations of one token's attention: queries with keys, and weights with values; half, since none looks ahead."""
    return 2.0 * network.layers * network.queries * context


def simple_work(parameters: float, tokens: float) -> float:
    """6 N D."""
    return 6.0 * parameters * tokens


def days(operations: float, cards: int, rate: float) -> float:
    """Days that so many operations take on cards that each do `rate` a second."""
    return operations / (cards * rate) / (24 * HOUR)


def optimal(operations: float) -> tuple[float, float]:
    """Parameters and tokens that make the most of so many operations: 20 tokens a parameter (Hoffmann et al. 2022)."""
    parameters = math.sqrt(operations / (6 * TOKENS_PER_PARAMETER))
    return parameters, TOKENS_PER_PARAMETER * parameters


@dataclass(frozen=True)
class Cost:
    """What a training takes."""

    seconds: float
    low: float
    """At the highest utilisation of the band."""
    high: float
    """At the lowest."""
    dollars: float
    kilowatt_hours: float


def cost(seconds: float, low: float, high: float, site: Site) -> Cost:
    """Money and energy of so many seconds on all cards of a site."""
    hours = seconds / HOUR * site.count
    energy = hours * site.card.watts / 1000 * FACILITY
    return Cost(seconds, low, high, hours * site.card.price, energy)


def seconds(demand: Demand, site: Site, cores: int) -> tuple[float, float, float]:
    """Seconds at the middle, the highest and the lowest utilisation, from the peak rate alone.

    Without an accelerator, `cores` work for each worker.
    """
    each = site.card.rate(demand.compute_bytes) * (cores if site.is_cpu else 1)
    count = max(demand.workers, 1) if site.is_cpu else site.count
    operations = work(demand).total
    low, middle, high = (operations / (each * count * share) for share in site.utilisation)
    return middle, high, low
