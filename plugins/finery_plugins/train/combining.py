"""The arithmetic of several models' weights: a mean, a turn from one to the other, or a vote of what they learnt."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from finery_plugins.train.magnitude import share_of, smallest

Weights = Mapping[str, Any]
"""Tensors by the name of their parameter."""

PARALLEL = 0.9995
"""The cosine from which on a turn is a straight line: its formula would divide by nearly nothing."""


def linear(models: Sequence[Weights], shares: Sequence[float]) -> Iterator[tuple[str, Any]]:
    """The mean of all models, each with its share of the sum of shares (model soups, Wortsman et al. 2022)."""
    total = math.fsum(shares)
    for name in models[0]:
        yield name, sum(model[name] * (share / total) for model, share in zip(models, shares, strict=True))


def slerp(left: Weights, right: Weights, position: float) -> Iterator[tuple[str, Any]]:
    """What lies between two models on the arc between them, tensor by tensor: 0 is the left one, 1 the right one.

    (Shoemake 1985.) Where two tensors point the same way, or one is nothing, it is the straight line between them.
    """
    for name in left:
        yield name, turned(left[name], right[name], position)


def turned(left: Any, right: Any, position: float) -> Any:
    """A tensor between two, at an angle that is a share of the one between them."""
    lengths = float(left.double().norm()), float(right.double().norm())
    cosine = float((left.double() * right.double()).sum()) / (lengths[0] * lengths[1]) if all(lengths) else 1.0
    if abs(cosine) > PARALLEL:
        return left * (1 - position) + right * position
    angle = math.acos(cosine)
    shares = [math.sin(part * angle) / math.sin(angle) for part in (1 - position, position)]
    return left * shares[0] + right * shares[1]


def ties(
    base: Weights, models: Sequence[Weights], shares: Sequence[float], density: float, scale: float
) -> Iterator[tuple[str, Any]]:
    """The base with what its tuned models agree on added (TIES, Yadav et al. 2023).

    Of each model's difference from the base the `density` share that is largest is kept, over all its weights. For each
    weight the sign with more sum behind it is elected, and the mean of the differences of that sign, `scale` times,
    is added.
    """
    import torch

    trimmed = [largest({name: model[name] - base[name] for name in base}, density) for model in models]
    for name in base:
        parts = [model[name] * share for model, share in zip(trimmed, shares, strict=True)]
        elected = torch.sign(sum(parts))
        agreeing = [(torch.sign(part) == elected) & (elected != 0) for part in parts]
        total = sum(part * agrees for part, agrees in zip(parts, agreeing, strict=True))
        behind = sum(agrees * share for agrees, share in zip(agreeing, shares, strict=True))
        yield name, base[name] + scale * total / torch.where(behind > 0, behind, 1.0)


def largest(differences: Weights, density: float) -> Weights:
    """The differences with all but the largest share of them set to nothing."""
    tensors = list(differences.values())
    masks = smallest(tensors, share_of(tensors, 1 - density))
    return {name: tensor.masked_fill(mask, 0) for (name, tensor), mask in zip(differences.items(), masks, strict=True)}
