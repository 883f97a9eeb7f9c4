"""What the model that a training starts from thinks of each row, worked out once, before the first step."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from finery_plugins.train.rows import Plan
from finery_plugins.train.tuner import hushed
from finery_plugins.train.workers import in_turn


def references(tuner: Any, rows_batch: Callable[[Sequence[int]], Any]) -> np.ndarray:
    """`float32` (rows, 2): the log-probabilities that TRL's trainer asks of its reference, for each row of the plan.

    They are kept beside the checkpoints, so an interrupted call's are taken over, and the first worker's by the others.
    `rows_batch` makes a batch of rows.
    """
    with in_turn():
        return found(tuner, rows_batch)


def found(tuner: Any, rows_batch: Callable[[Sequence[int]], Any]) -> np.ndarray:
    """`float32` (rows, 2): what is kept of them, or what the model says now."""
    plan: Plan = tuner.account.plan
    path = tuner.account.site.out / "checkpoints" / f"references-{plan.digest[:16]}.npy"
    if path.exists():
        kept: np.ndarray = np.load(path)
        return kept
    made = np.zeros((len(plan.rows), 2), np.float32)
    used = np.unique(plan.order)
    for start in range(0, len(used), plan.loop.batch):
        rows = used[start : start + plan.loop.batch]
        made[rows] = asked(tuner, rows_batch(rows.tolist()))
        tuner.account.site.journal.progress(start + len(rows), len(used), "rows of the reference")
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = path.with_suffix(".unfinished")
    with beside.open("wb") as file:
        np.save(file, made)
    beside.replace(path)
    return made


def asked(tuner: Any, inputs: Any) -> np.ndarray:
    """`float32` (rows, 2): the log-probabilities of one batch."""
    import torch

    was_training = tuner.model.training
    tuner.model.eval()
    with torch.no_grad(), hushed():
        left, right = tuner.compute_ref_log_probs(tuner.model, tuner._prepare_inputs(inputs))
    tuner.model.train(was_training)
    said: np.ndarray = torch.stack([left, right], dim=1).float().cpu().numpy()
    return said
