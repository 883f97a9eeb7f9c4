"""The experience of a rollout: what a policy said, what that was worth, and how much more than expected."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from finery_plugins.train.actor import Drawn, answers, inputs, joined, likelihoods
from finery_plugins.train.advantages import adapted_weight, advantages, token_rewards, whitened
from finery_plugins.train.rewards import Rewards
from finery_plugins.train.rollouts import drawn
from finery_plugins.train.rules import Asked
from finery_plugins.train.site import Site


@dataclass(frozen=True)
class Experience:
    """Answers, and for each of their tokens (answers, answer) what learning from it needs."""

    number: int
    """Of the rollout."""
    drawn: Drawn
    logps: Any
    values: Any
    gains: Any
    returns: Any
    scores: np.ndarray
    """`float64` (answers,): rewards, before the distance to the reference is taken off."""
    said: dict[str, float]
    """What the journal is told of it."""

    def part(self, slots: Any) -> tuple[Drawn, Any, Any, Any, Any]:
        """Some of the answers: themselves, and their log-probabilities, values, advantages and returns."""
        chosen = Drawn(*(tensor[slots] for tensor in self.drawn))
        return chosen, self.logps[slots], self.values[slots], self.gains[slots], self.returns[slots]


@dataclass
class Gatherer:
    """Gathers experience with a policy as it is."""

    plugin: Any
    site: Site
    tokenizer: Any
    reference: Any
    """The model at the start; None where the policy is that without its adapter, or it does not count."""
    rewards: Rewards

    def gathered(
        self, actor: Any, number: int, step: int, prompts: Sequence[Sequence[int]], asked: Sequence[Asked]
    ) -> Experience:
        """The answers to some prompts before a step, and all that follows from them."""
        import torch

        was_training = actor.training
        actor.eval()
        with torch.no_grad():
            made = self.answered(actor.policy, step, prompts, asked)
            texts = self.tokenizer.batch_decode(self.spoken(made), skip_special_tokens=True)
            scores = self.rewards(asked, texts)
            found = self.weighed(actor, number, made, scores)
        actor.train(was_training)
        return found

    def answered(self, policy: Any, step: int, prompts: Sequence[Sequence[int]], asked: Sequence[Asked]) -> Drawn:
        """An answer to each prompt, by a chance that the step and the records fix."""
        plugin, padding, parts = self.plugin, self.tokenizer.pad_token_id, []
        for start in range(0, len(prompts), plugin.batch):
            some = slice(start, start + plugin.batch)
            records = [f"{start + at} {one.record}" for at, one in enumerate(asked[some])]
            with drawn(self.site.stage, step, records):
                parts.append(answers(policy, prompts[some], plugin.answer_tokens, plugin.temperature, padding))
        return joined(parts, padding)

    def spoken(self, made: Drawn) -> list[list[int]]:
        """The answers' tokens."""
        lengths, width = made.mask.sum(1).long().tolist(), made.mask.shape[1]
        return [row[:length] for row, length in zip(made.ids[:, -width:].tolist(), lengths, strict=True)]

    def weighed(self, actor: Any, number: int, made: Drawn, scores: np.ndarray) -> Experience:
        """What each token is worth beyond what was expected."""
        import torch

        plugin, mask = self.plugin, made.mask
        logps, entropy, values = self.in_parts(made, lambda part: actor(part, plugin.temperature))
        apart = torch.zeros_like(logps)
        if float(actor.weight) > 0:
            apart = logps - self.in_parts(made, lambda part: (self.referred(actor.policy, part),))[0]
        told = torch.tensor(scores, dtype=torch.float32, device=mask.device)
        rewards = token_rewards(told, apart, mask, float(actor.weight))
        values = values * mask
        gains = advantages(rewards, values, mask, plugin.discount, plugin.smoothing)
        said = self.said(scores, apart, entropy, mask, float(actor.weight))
        if plugin.kl_target is not None:
            actor.weight.fill_(adapted_weight(float(actor.weight), said["kl"], plugin.kl_target, len(scores)))
        return Experience(number, made, logps, values, whitened(gains, mask), gains + values, scores, said)

    def in_parts(self, made: Drawn, ask: Any) -> list[Any]:
        """What is answered to all answers, asked of as many at a time as a forward pass takes."""
        import torch

        found = []
        for start in range(0, len(made.mask), self.plugin.batch):
            found.append(ask(Drawn(*(tensor[start : start + self.plugin.batch] for tensor in made))))
        return [torch.cat(parts) for parts in zip(*found, strict=True)]

    def referred(self, policy: Any, part: Drawn) -> Any:
        """The tokens' log-probabilities by the model at the start."""
        asks = policy if self.reference is None else self.reference
        without = policy.disable_adapter() if self.reference is None else contextlib.nullcontext()
        with without:
            logits = asks(**inputs(asks, part), use_cache=False).logits
        return likelihoods(logits, part, self.plugin.temperature)[0]

    def said(self, scores: np.ndarray, apart: Any, entropy: Any, mask: Any, weight: float) -> dict[str, float]:
        """Means over the answers (`kl` in nats an answer, as sampled) or over their tokens."""
        tokens = mask.sum().clamp(min=1)
        return {
            "reward": float(scores.mean()),
            "reward_std": float(scores.std()),
            "kl": float((apart * mask).sum(1).mean()),
            "kl_weight": weight,
            "entropy": float(entropy.sum() / tokens),
            "completions/mean_length": float(mask.sum(1).mean()),
        }
