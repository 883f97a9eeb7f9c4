"""Rollouts: which prompts are answered when, how answers are drawn, and how often each is learnt from."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Annotated, Any

import numpy as np
from pydantic import Field

from finery import Stage
from finery_plugins.train.loop import Loop
from finery_plugins.train.packing import Packed, schedule
from finery_plugins.train.rows import Plan

AnswerTokens = Annotated[int, Field(ge=1, description="Tokens of an answer at most.")]
Temperature = Annotated[
    float, Field(gt=0, le=10, description="What scores are divided by before an answer is drawn from them.")
]
Answers = Annotated[int, Field(ge=1, description="Answers in one forward pass.")]


@dataclass(frozen=True)
class Rollouts:
    """A plan whose every place in the order is one answer to a prompt, learnt from once.

    `prompts` prompts are answered at a time, `generations` times each; all their answers are then learnt from in
    `passes` passes, and the next prompts are answered by what the model has become.
    """

    plan: Plan
    prompts: int
    generations: int
    passes: int
    slots: np.ndarray
    """`int64` (answers learnt from): which answer of its rollout each place of the order is."""

    @property
    def answers(self) -> int:
        """Answers in a rollout."""
        return self.prompts * self.generations

    @property
    def size(self) -> int:
        """Places of the order that a rollout takes."""
        return self.answers * self.passes

    @property
    def steps(self) -> int:
        """Optimizer steps that a rollout takes."""
        return self.size // self.plan.loop.step_rows

    def of(self, place: int) -> int:
        """The number of the rollout that a place of the order belongs to."""
        return place // self.size

    def rows(self, number: int) -> np.ndarray:
        """The rows (answers,) of a rollout's answers, a prompt's side by side."""
        first = number * self.size
        order, slots = (array[first : first + self.answers] for array in (self.plan.order, self.slots))
        rows = np.empty(self.answers, np.int64)
        rows[slots] = order
        return rows


def rolled(
    rows: Packed, loop: Loop, stage: Stage, prompts: int, generations: int, passes: int, shuffled: bool
) -> Rollouts:
    """The rollouts of a training. In each pass the answers come in an order of chance where `shuffled`.

    A budget of steps counts optimizer steps, one of epochs counts how often each prompt is answered.
    """
    answers = prompts * generations
    per_rollout = answers * passes // loop.step_rows
    wanted = loop.steps if loop.steps is not None else per_rollout * -(-loop.total_rows(len(rows), 1) // prompts)
    count = -(-wanted // per_rollout)
    asked = np.repeat(schedule(rows, count * prompts, stage).reshape(count, prompts), generations, axis=1)
    slots = [slot for number in range(count) for slot in turns(answers, passes, number, stage, shuffled)]
    flat = np.concatenate(slots)
    which = flat.reshape(count, passes * answers)
    order = np.concatenate([part[chosen] for part, chosen in zip(asked, which, strict=True)])
    # A checkpoint stands between two rollouts: what an unfinished one has drawn is not kept.
    saved = -(-loop.checkpoint_steps // per_rollout) * per_rollout
    kept = wanted * loop.step_rows
    plan = Plan(rows, order[:kept], replace(loop, checkpoint_steps=saved))
    return Rollouts(plan, prompts, generations, passes, flat)


def turns(answers: int, passes: int, number: int, stage: Stage, shuffled: bool) -> Iterator[np.ndarray]:
    """The order (answers,) of a rollout's answers in each of its passes."""
    for turn in range(passes):
        drawn = np.random.default_rng([stage.seed, number, turn]).permutation(answers)
        yield drawn if shuffled else np.arange(answers)


@contextmanager
def drawn(stage: Stage, step: int, records: Sequence[str]) -> Iterator[None]:
    """Torch's chance, fixed by the stage, a step and the records that are answered; as it was afterwards."""
    import torch

    said = "\x1f".join([str(stage.seed), str(step), *records])
    seed = int.from_bytes(hashlib.sha256(said.encode()).digest()[:8], "big") % 2**63
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        yield


def one_budget(plugin: Any) -> Any:
    """`plugin`, if it has not both `steps` and `epochs`. Raises ValueError otherwise."""
    if plugin.steps is not None and plugin.epochs is not None:
        raise ValueError("steps and epochs exclude each other: give one of them")
    return plugin
