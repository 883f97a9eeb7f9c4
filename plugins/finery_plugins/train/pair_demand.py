"""What a training with TRL's trainers would ask of a machine: whole logits, answers side by side, other models."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any, Literal

import numpy as np

from finery import Amount, Demand, Model, Network, Stage, World
from finery_plugins.train.demand import (
    PAIR_COPIES,
    given,
    is_dropping,
    levers,
    loop_parts,
    method_parts,
    tokens_of,
)
from finery_plugins.train.method import default_rate
from finery_plugins.train.site import place
from finery_plugins.train.sizes import network_of

Aim = Literal["prefer", "reward", "reinforce"]


def answers_demand(
    plugin: Any,
    amounts: Sequence[Amount],
    model: Model | None,
    network: Network | None,
    world: World,
    stage: Stage,
    usual: float,
    aim: Aim = "prefer",
    sequences: int = 2,
    looks: float = 0.0,
    scores: int | None = None,
) -> Demand:
    """The demand of a training on prompts with `sequences` answers each, which are fed side by side.

    A record's text is a prompt and its answers: a sequence has the prompt and one of them. `looks` are forward passes
    without a backward one, such as a reference's; `usual` is the learning rate for all weights.
    """
    known = network or network_of(given(model, stage), place(stage))
    fed = tokens_of(plugin, amounts, model, known)
    loop = fed.loop
    context = plugin.context or min(known.context or 2048, 2048)
    each = np.minimum(np.ceil(fed.lengths * (1.3 if sequences > 1 else 1.0) / sequences), context)
    rows = max(1, fed.records)
    total = loop.total_rows(rows, context)
    wide = padded(each, loop.batch * sequences)
    return Demand(
        network=known,
        aim=aim,
        rows=loop.batch * sequences,
        context=int(each.max()),
        steps=-(-total // loop.step_rows),
        tokens=float(total) * sequences * wide,
        records=fed.records,
        accumulate=loop.accumulate,
        epochs=total / rows,
        filled=min(1.0, float(each.mean()) / wide),
        by_source=fed.by_source,
        logit_copies=PAIR_COPIES,
        scores=scores,
        is_dropping=is_dropping(plugin, known),
        looks=looks,
        levers={name: word for name, word in levers(plugin).items() if name != "zero"},
        lr=plugin.lr or usual * default_rate(plugin.method) / default_rate("full"),
        warmup=loop.warmup,
        notes=(*fed.notes, "logits are whole: TRL's losses take them so"),
        **method_parts(plugin.method, known),
        **loop_parts(loop, world),
    )


def answering(usual: float, aim: Aim = "prefer", **said: Any) -> Callable[..., Demand]:
    """`answers_demand` as the `demand` of a plugin, whose numbers depend on no option."""

    def demand(
        self: Any,
        amounts: Sequence[Amount],
        model: Model | None,
        network: Network | None,
        world: World,
        stage: Stage,
    ) -> Demand:
        """What a training on so much text would ask of a machine."""
        return answers_demand(self, amounts, model, network, world, stage, usual, aim, **said)

    return demand


def padded(lengths: np.ndarray, count: int) -> float:
    """How wide a pass of `count` sequences is on average, each filled up to the longest of them."""
    ordered = np.sort(lengths)
    # The expected largest of `count` draws.
    places = (np.arange(1, len(ordered) + 1) / len(ordered)) ** count
    return float((ordered * np.diff(places, prepend=0.0)).sum())


def drawn_demand(
    plugin: Any,
    amounts: Sequence[Amount],
    model: Model | None,
    network: Network | None,
    world: World,
    stage: Stage,
    generations: int = 1,
    passes: int = 1,
    reference: bool = True,
) -> Demand:
    """The demand of a training on answers that the model gives itself: each token of them is a forward pass of its
    own; a reward model and a reference lie beside it."""
    made = answers_demand(plugin, amounts, model, network, world, stage, 1e-6, "reinforce", sequences=1)
    network, prompt = made.network, made.tokens / max(made.rows * made.accumulate * made.steps, 1)
    context = min(math.ceil(prompt) + plugin.answer_tokens, plugin.context or network.context or 2048)
    answered = made.records * made.epochs * generations
    steps = plugin.steps or max(1, math.ceil(answered * passes / (plugin.batch * plugin.accumulate)))
    others = (1 if reference and not made.added else 0) + (1 if plugin.reward else 0)
    return replace(
        made,
        rows=plugin.batch,
        context=context,
        steps=steps,
        tokens=float(steps * plugin.batch * plugin.accumulate) * context,
        looks=(1.0 + others) / passes,
        beside=4.0 * network.parameters * others,
        notes=(*made.notes, "how long the answers are is not known: they are counted at their longest"),
    )
