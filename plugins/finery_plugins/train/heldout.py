"""What records cost that are not trained on."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from finery_plugins.train.rows import Plan
from finery_plugins.train.tokens import Tokens
from finery_plugins.train.workers import place_among, reduced

if TYPE_CHECKING:
    from finery_plugins.train.trainer import Objective


def measured(model: Any, objective: Objective, plan: Plan) -> np.ndarray:
    """`float64` (sequences, 2): nats and tokens of each sequence, by a model that drops out nothing.

    What an objective draws, it draws as in the first epoch: two measurements differ by the model alone. Several workers
    share the rows, and all have the sums.
    """
    import torch

    rank, size = place_among()

    sums = np.zeros((len(plan.rows.tokens), 2))
    was_training, device = model.training, next(model.parameters()).device
    model.eval()
    with torch.no_grad(), torch.autocast(device.type, torch.bfloat16, enabled=plan.loop.bf16):
        for start in range(rank * plan.loop.batch, len(plan), size * plan.loop.batch):
            inputs = objective.batch(plan, range(start, min(start + plan.loop.batch, len(plan))))
            add(sums, objective, model, {name: value.to(device) for name, value in inputs.items()})
    model.train(was_training)
    found: np.ndarray = reduced(torch.from_numpy(sums).to(device)).cpu().numpy()
    return found


def add(sums: np.ndarray, objective: Objective, model: Any, inputs: Mapping[str, Any]) -> None:
    """Add what one batch costs to the nats and tokens (sequences, 2) of its sequences."""
    losses = objective.losses(model, inputs)
    owners = losses.owners.cpu().numpy() % len(sums)
    counts = 1.0 if losses.counts is None else losses.counts.double().cpu().numpy()
    np.add.at(sums[:, 0], owners, losses.nll.double().cpu().numpy())
    np.add.at(sums[:, 1], owners, counts)


def by_source(tokens: Tokens, sums: np.ndarray) -> dict[str | None, float]:
    """Loss in nats a token over all (None) and of each source that has any, from (sequences, 2) nats and tokens."""
    nats, counts = sums.sum(0)
    found: dict[str | None, float] = {None: nats / max(counts, 1)}
    for code, name in enumerate(tokens.names):
        part, count = sums[tokens.sources == code].sum(0)
        if count:
            found[name] = part / count
    return found
