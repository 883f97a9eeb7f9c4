"""The smallest numbers of some tensors by magnitude, exactly as many as are asked for."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any


def smallest(tensors: Sequence[Any], count: int) -> list[Any]:
    """For each tensor a mask of its shape: together they are true for the `count` numbers nearest to zero.

    Of equal ones those go first that stand first, so that the count is exact and the answer one.
    """
    import torch

    sizes = torch.cat([tensor.detach().flatten().abs().float() for tensor in tensors])
    chosen = torch.zeros_like(sizes, dtype=torch.bool)
    if count > 0:
        bound = torch.kthvalue(sizes, min(count, len(sizes))).values
        chosen = sizes < bound
        ties = (sizes == bound).nonzero()[:, 0]
        chosen[ties[: count - int(chosen.sum())]] = True
    parts = chosen.split([tensor.numel() for tensor in tensors])
    return [part.view(tensor.shape) for part, tensor in zip(parts, tensors, strict=True)]


def share_of(tensors: Sequence[Any], share: float) -> int:
    """How many numbers a share of some tensors is."""
    count: int = sum(tensor.numel() for tensor in tensors)
    return round(share * count)
