"""Whether a model gives documents the same loss packed into one row as each in a row of its own, seen on a few."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np

from finery_plugins.train.findings import Finding
from finery_plugins.train.tokens import Tokens
from finery_plugins.train.training import Training

DOCUMENTS, SHORTEST, LONGEST = 4, 8, 64
"""Documents looked at, and tokens of each at least and at most: what it costs does not depend on the data."""

WORK = 5e11
"""Multiplications and additions that looking may cost, some seconds of one core; a model of 7 billion weights is looked
at with the fewest tokens."""

TOLERANCE = 1e-3
"""Nats, and the share of a loss, by which the loss of one token may differ: 32-bit floats differ by 1e-5 or so."""


def alike(training: Training, network: Any) -> Iterator[Finding]:
    """How far the losses of a few tokens differ at most (`packed_gap`, nats); nothing where rows are not packed.

    Raises UsageError where the objective itself finds that packed documents see each other.
    """
    few = stretches(training, network)
    if not training.packing or len(few) < 2:
        return
    together, apart = (losses(training, network, few, packing) for packing in (True, False))
    gaps = np.where(np.isfinite(together) | np.isfinite(apart), np.abs(together - apart), 0.0)
    wrong = np.flatnonzero(~(gaps <= TOLERANCE * (1 + np.abs(np.nan_to_num(apart)))))
    fault = ""
    if len(wrong):
        worst = int(wrong[np.argmax(gaps[wrong])])
        fault = (
            f"'{network.config.model_type}' gives a token a loss of {together[worst]:.4f} packed and "
            f"{apart[worst]:.4f} alone, in {where(few, worst, training, network)}"
        )
    yield Finding("packed_gap", float(gaps.max()), None, fault, "set `packing = false`")


def losses(training: Training, network: Any, few: Tokens, packing: bool) -> np.ndarray:
    """`float64` (tokens,): what each trained token costs, sequence by sequence."""
    return costs(training, network, few, packing)[0]


def costs(training: Training, network: Any, few: Tokens, packing: bool) -> tuple[np.ndarray, np.ndarray]:
    """What each trained token costs and whose it is (tokens,), sequence by sequence.

    The network is as it was before, and so is torch's chance.
    """
    import torch

    one = replace(training, packing=packing, context=DOCUMENTS * LONGEST)
    plan = one.once(few)
    device = next(network.parameters()).device
    was_training = network.training
    network.eval()
    try:
        with torch.random.fork_rng(), torch.no_grad(), one.attached(network) as objective:
            batch = objective.batch(plan, range(len(plan)))
            found = objective.losses(network, {name: part.to(device) for name, part in batch.items()})
    finally:
        network.train(was_training)
    owners = (found.owners % len(few)).cpu().numpy()
    order = np.argsort(owners, kind="stable")
    return found.nll.double().cpu().numpy()[order], owners[order]


def where(few: Tokens, token: int, training: Training, network: Any) -> str:
    """The record that a loss belongs to, with its source."""
    row = int(costs(training, network, few, False)[1][token])
    return f"record {few.ids[row].as_py()} of source '{few.names[few.sources[row]]}'"


def stretches(training: Training, network: Any) -> Tokens:
    """The first documents in order of chance, cut to a short stretch about their first trained token."""
    tokens = training.tokens
    few = tokens.part(np.arange(len(tokens)) < DOCUMENTS)
    affordable = int(WORK / (4 * DOCUMENTS * sum(weight.numel() for weight in network.parameters())))
    length = max(2, min(max(SHORTEST, affordable), LONGEST, training.context))
    starts, lengths = few.starts.copy(), few.lengths.copy()
    for row in range(len(few)):
        flat = np.asarray(few.flat[starts[row] : starts[row] + lengths[row]])
        trained = np.flatnonzero(flat[training.ahead :] >= 0)
        skipped = max(0, int(trained[0]) - length // 2) if len(trained) else 0
        starts[row] += skipped
        lengths[row] = min(lengths[row] - skipped, length)
    return replace(few, starts=starts, lengths=lengths)
