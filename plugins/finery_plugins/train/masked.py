"""The masked objective: fill in tokens that were hidden, from those on both sides."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from finery_plugins.train.account import Losses
from finery_plugins.train.architecture import fitting
from finery_plugins.train.loss import TokenLoss
from finery_plugins.train.masking import Masking, attention
from finery_plugins.train.rows import Plan
from finery_plugins.train.tokens import UNTRAINED


@dataclass(frozen=True)
class Masked:
    """Cross entropy of hidden tokens."""

    loss: TokenLoss
    masking: Masking
    together: bool
    """Whether rows hold several pieces."""
    is_fused: bool
    """Whether the model's attention takes flags for a mask."""
    measures: tuple[str, ...] = ("accuracy",)

    def batch(self, plan: Plan, positions: Sequence[int]) -> dict[str, Any]:
        """Rows as tensors (rows, longest), hidden anew in each epoch."""
        return self.masking.batch(plan, positions)

    def losses(self, model: Any, inputs: Mapping[str, Any]) -> Losses:
        """What each hidden token costs, and how many are guessed right."""
        mask = attention(inputs["pieces"], self.together, self.is_fused)
        fed = {name: inputs[name] for name in ("input_ids", "position_ids")} | {"attention_mask": mask}
        total, nll = self.loss(model, fed, inputs["labels"])
        right = self.loss.right
        owners = inputs["owners"][inputs["labels"] != UNTRAINED]
        return Losses(total, nll, owners, measures={"accuracy": (right.sum(), right.numel())})


def masked(model: Any, together: bool, masking: Masking) -> Any:
    """The objective for a model, attached to it. Raises ValueError where packed documents would see each other."""
    if together and mixes(model, masking.offset):
        raise ValueError("it takes no mask and positions that keep them apart")
    return attached(model, together, masking)


@contextmanager
def attached(model: Any, together: bool, masking: Masking) -> Iterator[Masked]:
    """The objective, for as long as the model's head answers with losses."""
    with TokenLoss(model) as loss:
        yield Masked(loss, masking, together, is_fused(model))


def is_fused(model: Any) -> bool:
    """Whether a model's attention takes flags for a mask."""
    return bool(model.config._attn_implementation == "sdpa")


def mixes(model: Any, offset: int) -> bool:
    """Whether a document packed behind another is answered differently than alone, seen on four tokens; a model that
    cannot be asked so mixes them."""
    import torch

    was_training = model.training
    device = next(model.parameters()).device
    ids = torch.tensor([[3, 1, 4, 2, 1, 4, 3, 2]], device=device)
    ranks = torch.tensor([[0, 1, 2, 3, 0, 1, 2, 3]], device=device) + offset
    pieces = torch.tensor([[0, 0, 0, 0, 1, 1, 1, 1]], device=device)
    model.eval()
    try:
        with torch.no_grad():
            both = answered(model, ids, ranks, attention(pieces, True, is_fused(model)))[:, 4:]
            alone = answered(model, ids[:, 4:], ranks[:, 4:], torch.ones_like(ids[:, 4:]))
    except (RuntimeError, ValueError, IndexError):
        return True
    finally:
        model.train(was_training)
    return not torch.allclose(both.float(), alone.float(), rtol=1e-3, atol=1e-3, equal_nan=True)


def answered(model: Any, ids: Any, ranks: Any, mask: Any) -> Any:
    """The logits (rows, tokens, vocabulary) of some tokens at some positions behind a mask."""
    inputs = {"input_ids": ids, "position_ids": ranks, "attention_mask": mask}
    return model(**fitting(model, inputs)).logits
