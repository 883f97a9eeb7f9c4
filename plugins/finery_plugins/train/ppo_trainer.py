"""Proximal policy optimisation as a trainer: transformers' loop over rollouts, learnt from in several passes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from finery_plugins.train.advantages import masked_mean, policy_loss, value_loss
from finery_plugins.train.experience import Experience, Gatherer
from finery_plugins.train.group_policy import prompt_ids
from finery_plugins.train.rollouts import Rollouts
from finery_plugins.train.rules import Asked
from finery_plugins.train.tuner import Task


@dataclass
class Proximal:
    """The objective, and the rollout that it learns from."""

    plugin: Any
    rollouts: Rollouts
    asked: Sequence[Asked]
    """What each row of the plan asks."""
    gatherer: Gatherer
    experience: Experience | None = None
    told: dict[str, list[float]] = field(default_factory=dict)
    """Metrics since the last line."""

    def batch(self, found: Sequence[Mapping[str, int]]) -> dict[str, Any]:
        """Places of the order."""
        import torch

        return {"at": torch.tensor([row["place"] for row in found])}

    def task(self) -> Task:
        """What the trainer is asked to do."""
        from transformers import Trainer, TrainingArguments

        def compute_loss(trainer: Any, model: Any, given: Mapping[str, Any], *_: Any, **__: Any) -> Any:
            return self.loss(trainer, model, given["at"].cpu().numpy())

        def log(trainer: Any, logs: dict[str, float], start_time: float | None = None) -> None:
            if "loss" in logs:
                logs |= {name: sum(values) / len(values) for name, values in self.told.items()}
                self.told = {}
            Trainer.log(trainer, logs, start_time)

        base = type("PPOTrainer", (Trainer,), {"compute_loss": compute_loss, "log": log})
        # The policy itself is told to recompute its activations: the trainer knows nothing of what it is inside.
        said = {"activation_checkpointing": False, "gradient_checkpointing": False}
        return Task(base, TrainingArguments, said, self.batch, changed={"loss_is_scaled_for_ga": False})

    def loss(self, trainer: Any, actor: Any, places: np.ndarray) -> Any:
        """The clipped objective of some answers, with what the value head misses and less what chance is left."""
        plugin = self.plugin
        drawn, before, expected, gains, returns = self.rollout(trainer, actor, int(places[0])).part(
            self.rollouts.slots[places]
        )
        logps, entropy, values = actor(drawn, plugin.temperature)
        policy, clipped = policy_loss(logps, before, gains, drawn.mask, plugin.clip_ratio)
        value = value_loss(values * drawn.mask, expected, returns, drawn.mask, plugin.clip_value)
        chance = masked_mean(entropy, drawn.mask)
        for name, number in (("policy_loss", policy), ("value_loss", value), ("clipped", clipped)):
            self.tell(name, float(number.detach()))
        return policy + plugin.value_weight * value - plugin.entropy_weight * chance

    def rollout(self, trainer: Any, actor: Any, place: int) -> Experience:
        """The rollout that a place of the order belongs to, gathered when its first answer is learnt from."""
        number = self.rollouts.of(place)
        if self.experience is None or self.experience.number != number:
            rows = self.rollouts.rows(number).tolist()
            prompts = [prompt_ids(self.rollouts, row) for row in rows]
            bare = trainer.accelerator.unwrap_model(actor)
            step = trainer.state.global_step
            self.experience = self.gatherer.gathered(bare, number, step, prompts, [self.asked[row] for row in rows])
            first = number * self.rollouts.size
            slots = self.rollouts.slots[first : first + self.rollouts.answers]
            trainer.account.note(first + np.arange(len(slots)), self.experience.scores[slots])
            for name, value in self.experience.said.items():
                self.tell(name, value)
        return self.experience

    def tell(self, name: str, value: float) -> None:
        """Keep a number for the next line of metrics."""
        self.told.setdefault(name, []).append(value)
