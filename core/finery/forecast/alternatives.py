"""Other ways to carry a training out, each reckoned as the training itself is, the best first."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

from finery.demand import Demand
from finery.forecast.case import Alternative
from finery.forecast.hardware import Site, cards
from finery.forecast.memory import WEIGHT_BYTES, memory

RANK = 16
GROUPS = (2, 4, 8)
SMALLER = 0.95
"""An alternative that saves less memory than this share is left out where everything fits."""


@dataclass(frozen=True)
class Reckoner:
    """How a demand becomes a peak and a time, as it is for the training itself."""

    factor: float
    """What the closed form is multiplied by, here."""
    seconds: Callable[[Demand], float]
    site: Site

    def alternative(self, name: str, how: str, demand: Demand) -> Alternative:
        """One of them."""
        peak, seconds = memory(demand).peak * self.factor, self.seconds(demand)
        count = demand.workers if demand.workers > 1 else self.site.count
        price = seconds / 3600 * count * self.site.card.price
        return Alternative(name, how, peak, seconds, peak <= self.site.card.usable, price)


def alternatives(demand: Demand, reckoner: Reckoner) -> list[Alternative]:
    """What else would do: what fits comes first, then what is quicker."""
    now = reckoner.alternative("as it is", "", demand)
    found = [reckoner.alternative(*one) for one in variations(demand, reckoner.site)]
    useful = [one for one in found if one.peak < now.peak * SMALLER or one.seconds < now.seconds * SMALLER]
    return sorted(useful, key=lambda one: (not one.fits, one.seconds, one.peak))


def variations(demand: Demand, site: Site) -> Iterator[tuple[str, str, Demand]]:
    """Name, what to write, and the demand of each way that the plugin knows a word for."""
    levers = demand.levers
    if "checkpointing" in levers and not demand.is_checkpointed:
        yield "checkpointing", levers["checkpointing"], replace(demand, is_checkpointed=True)
    if "mixed" in levers and demand.compute_bytes == WEIGHT_BYTES:
        yield "16-bit computing", levers["mixed"], replace(demand, compute_bytes=2)
    if "batch" in levers and demand.rows > 1:
        half = replace(demand, rows=demand.rows // 2, accumulate=demand.accumulate * 2)
        yield "half the batch, twice accumulated", levers["batch"], half
    if "context" in levers and demand.context >= 512:
        short = demand.context // 2
        yield "half the context", levers["context"].format(context=short), shorter(demand, short)
    if demand.method == "full" and demand.aim != "pretrain":
        yield from adapters(demand)
    if "zero" in levers and not site.is_cpu and demand.zero < 3:
        for count in GROUPS:
            words = levers["zero"].format(stage=3, workers=count)
            shared = replace(demand, zero=3, workers=count, accumulate=max(demand.accumulate, count))
            yield f"ZeRO-3 on {count} cards", words, shared


def shorter(demand: Demand, context: int) -> Demand:
    """Rows of half the tokens; as many tokens in all."""
    return replace(demand, context=context, steps=demand.steps * 2)


def adapters(demand: Demand) -> Iterator[tuple[str, str, Demand]]:
    """An adapter beside all weights, held in 32 bits or in 4."""
    network = demand.network
    sides = 3 * (network.width + network.feedforward) + 2 * (2 * network.width + network.queries + network.keys)
    added = network.layers * RANK * sides
    tuned = replace(demand, method="lora", trained=added, added=added, rank=RANK)
    if "adapter" in demand.levers:
        yield f"LoRA of rank {RANK}", demand.levers["adapter"].format(rank=RANK), tuned
    if "quantised" in demand.levers:
        matrices = network.layers * network.block
        held = (matrices * 0.516 + (network.parameters - matrices) * WEIGHT_BYTES) / max(network.parameters, 1)
        small = replace(tuned, method="qlora", frozen_bytes=held)
        yield f"QLoRA of rank {RANK}", demand.levers["quantised"].format(rank=RANK), small


def smallest(peak: float) -> str:
    """The smallest card that holds so many bytes; nothing where none does."""
    held = [card for card in cards().values() if peak <= card.usable]
    return min(held, key=lambda card: (card.gigabytes, card.price)).name if held else ""
