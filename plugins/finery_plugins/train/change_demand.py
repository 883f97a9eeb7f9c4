"""What a change of weights would ask of a machine: several models at once, and two that read the same records."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

from finery import Amount, Demand, Model, Network, Stage, World
from finery_plugins.train.demand import TURN_TOKENS, characters_a_token, given, split_share
from finery_plugins.train.fidelity import LOGITS, WINDOW
from finery_plugins.train.site import place
from finery_plugins.train.sizes import network_of

COPIES = 4.0
"""How often the logits of a pass are there at once: those of both models, and what the loss makes of one's."""


def change_demand(
    plugin: Any,
    amounts: Sequence[Amount],
    model: Model | None,
    network: Network | None,
    stage: Stage,
    held: float,
    compared: float = 2.0,
) -> Demand:
    """The demand of a plugin that changes weights: `held` models in 32 bits are there while it does, and `compared`
    while what was and what is made of it read the same records."""
    known = network or network_of(given(model, stage), place(stage))
    context = min(plugin.context or WINDOW, known.context or WINDOW)
    notes: list[str] = []
    rate = characters_a_token(model, amounts, known.vocabulary, "bpe", notes)
    records, tokens = 0.0, 0.0
    for one in amounts:
        count = min(one.records * split_share(one, plugin.split), plugin.limit)
        records += count
        tokens += count * (one.characters / max(one.records, 1) / rate + 1 + TURN_TOKENS * one.turns)
    rows = max(1, LOGITS // (known.vocabulary * context))
    steps = math.ceil(tokens / (rows * context))
    most = max(held, compared if steps else 0.0)
    return Demand(
        network=known,
        aim="change",
        rows=min(rows, max(1, math.ceil(tokens / context))),
        context=context,
        steps=steps,
        tokens=tokens,
        records=round(records),
        trained=0,
        method="none",
        logit_copies=COPIES,
        beside=(most - 1) * 4.0 * known.parameters,
        looks=1.0,
        checkpoints=0,
        notes=(*notes, f"{most:.2g} models in 32 bits are there at once"),
    )


def changing(held: Callable[[Any], float], compared: float = 2.0) -> Callable[..., Demand]:
    """`change_demand` as the `demand` of a plugin; `held` says how many models it holds by its options."""

    def demand(
        self: Any,
        amounts: Sequence[Amount],
        model: Model | None,
        network: Network | None,
        world: World,  # noqa: ARG001 (the hook has it; one worker changes weights)
        stage: Stage,
    ) -> Demand:
        """What such a change would ask of a machine."""
        return change_demand(self, amounts, model, network, stage, held(self), compared)

    return demand
