"""The smallest numbers of some tensors by magnitude, exactly as many as are asked for."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np


def smallest(tensors: Sequence[Any], count: int) -> list[Any]:
    """For each tensor a mask of its shape: together they are true for the `count` numbers nearest to zero.

    Of equal ones those go first that stand first, so that the count is exact and the answer one.
    """
    import torch

    counts = [tensor.numel() for tensor in tensors]
    sizes = torch.empty(sum(counts))
    for tensor, part in zip(tensors, sizes.split(counts), strict=True):
        part.copy_(tensor.detach().flatten().abs())
    chosen = torch.zeros_like(sizes, dtype=torch.bool)
    if count > 0:
        # torch.kthvalue would hold all places beside all sizes: three times as much.
        bound = float(np.partition(sizes.numpy(), min(count, len(sizes)) - 1)[min(count, len(sizes)) - 1])
        chosen = sizes < bound
        ties = (sizes == bound).nonzero()[:, 0]
        chosen[ties[: count - int(chosen.sum())]] = True
    return [part.view(tensor.shape) for part, tensor in zip(chosen.split(counts), tensors, strict=True)]


def share_of(tensors: Sequence[Any], share: float) -> int:
    """How many numbers a share of some tensors is."""
    count: int = sum(tensor.numel() for tensor in tensors)
    return round(share * count)
