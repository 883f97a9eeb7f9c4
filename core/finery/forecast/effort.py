"""What one step of a training makes a machine do: operations, bytes moved, and calls; time is a sum over the three."""

from __future__ import annotations

from dataclasses import dataclass

from finery.demand import Demand
from finery.forecast.compute import work
from finery.forecast.memory import layer_numbers

UPDATE_BYTES = 28
"""AdamW reads weight, gradient and two averages, and writes three of them."""
PASSES = 6
"""How often a number that a layer keeps is written or read, forward and backward."""
LAYER_CALLS = 120
"""Operations of a layer, forward and backward."""
STEP_CALLS = 500
"""Operations of a step beside its layers: the loss, clipping, the loop."""


@dataclass(frozen=True)
class Effort:
    """One optimizer step of one worker."""

    flop: float
    """Floating-point operations, of one core or card."""
    moved: float
    """Bytes read and written."""
    calls: float
    """Operations that are begun."""

    @property
    def parts(self) -> tuple[float, float, float]:
        """All three."""
        return self.flop, self.moved, self.calls


def effort(demand: Demand, cores: int = 1) -> Effort:
    """What a step takes of each worker, whose operations `cores` share."""
    workers = max(demand.workers, 1)
    moved = sum(moved_bytes(one) for one in demand.networks)
    calls = sum(layer_calls(one) for one in demand.networks) + STEP_CALLS
    return Effort(work(demand).total / max(demand.steps, 1) / workers / cores, moved, calls)


def moved_bytes(demand: Demand) -> float:
    """Bytes that a step of one network reads and writes."""
    network = demand.network
    tokens = demand.tokens / max(demand.steps, 1) / max(demand.workers, 1)
    scores = network.vocabulary if demand.scores is None else demand.scores
    kept = layer_numbers(demand) * network.layers * PASSES * ways(demand) * demand.compute_bytes
    logits = scores * demand.learnt * demand.filled * 4 * PASSES
    return demand.learning * UPDATE_BYTES + tokens * (kept + logits)


def layer_calls(demand: Demand) -> float:
    """Operations of all layers in a step."""
    passes = max(demand.accumulate / max(demand.workers, 1), 1)
    return passes * demand.network.layers * LAYER_CALLS * ways(demand) * (1 + demand.looks / 3)


def ways(demand: Demand) -> float:
    """A pass there and back is one; a third more where activations are worked out again, a third where there is no way
    back."""
    if not demand.learning:
        return 1 / 3
    return 4 / 3 if demand.is_checkpointed else 1.0
