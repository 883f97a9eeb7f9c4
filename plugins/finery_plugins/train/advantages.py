"""The arithmetic of proximal policy optimisation, on tensors (answers, tokens) with a mask of the same shape."""

from __future__ import annotations

from typing import Any


def token_rewards(scores: Any, apart: Any, mask: Any, weight: float) -> Any:
    """The reward of each token: `weight` times how much likelier it has become than the reference has it, taken off;
    the answer's score (answers,) is added at its last token (Stiennon et al. 2020)."""
    import torch

    rewards = -weight * apart * mask
    last = mask.sum(1).long() - 1
    return rewards.index_put((torch.arange(len(mask), device=mask.device), last), scores, accumulate=True)


def advantages(rewards: Any, values: Any, mask: Any, discount: float, smoothing: float) -> Any:
    """Generalised advantage estimates (Schulman et al. 2016): sums of temporal differences, each further one weighted
    by `discount` times `smoothing`. What stands behind an answer's end is 0."""
    import torch

    found, later = torch.zeros_like(rewards), torch.zeros_like(rewards[:, 0])
    for token in range(rewards.shape[1] - 1, -1, -1):
        after = values[:, token + 1] * mask[:, token + 1] if token + 1 < rewards.shape[1] else 0.0
        difference = rewards[:, token] + discount * after - values[:, token]
        later = (difference + discount * smoothing * later) * mask[:, token]
        found[:, token] = later
    return found


def masked_mean(values: Any, mask: Any) -> Any:
    """The mean where the mask is 1."""
    return (values * mask).sum() / mask.sum().clamp(min=1)


def whitened(values: Any, mask: Any) -> Any:
    """Values of mean 0 and variance 1 where the mask is 1, and 0 elsewhere."""
    centred = (values - masked_mean(values, mask)) * mask
    return centred / (masked_mean(centred**2, mask) + 1e-8).sqrt()


def policy_loss(logps: Any, before: Any, gains: Any, mask: Any, clip: float) -> tuple[Any, Any]:
    """The clipped objective of Schulman et al. 2017, negated, and the share of tokens where the clip counts.

    `logps` and `before` are the tokens' log-probabilities now and when the answer was drawn, `gains` their advantages.
    """
    import torch

    ratio = torch.exp(logps - before)
    plain, clipped = -gains * ratio, -gains * ratio.clamp(1 - clip, 1 + clip)
    return masked_mean(torch.max(plain, clipped), mask), masked_mean((clipped > plain).float(), mask)


def value_loss(values: Any, before: Any, returns: Any, mask: Any, clip: float) -> Any:
    """Half the squared error of the values, or of the values kept within `clip` of what they were, if that is larger
    (as in the baselines of Dhariwal et al. 2017)."""
    import torch

    near = before + (values - before).clamp(-clip, clip)
    return 0.5 * masked_mean(torch.max((values - returns) ** 2, (near - returns) ** 2), mask)


def adapted_weight(weight: float, apart: float, target: float, answers: int, horizon: int = 10_000) -> float:
    """The weight of the distance to the reference after so many answers whose mean distance was `apart`: it grows where
    that exceeds the target, by a fifth in `horizon` answers at most (Ziegler et al. 2019)."""
    error = min(max(apart / target - 1, -0.2), 0.2)
    return weight * (1 + error * answers / horizon)
