"""The causal objective: predict each token from those before it. Pre-training and tuning differ in what is
trained."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from finery_plugins.train.account import Losses
from finery_plugins.train.architecture import fitting
from finery_plugins.train.loss import TokenLoss
from finery_plugins.train.rows import Plan
from finery_plugins.train.tokens import UNTRAINED


@dataclass(frozen=True)
class Causal:
    """Cross entropy of the next token."""

    loss: TokenLoss
    measures: tuple[str, ...] = ()

    def batch(self, plan: Plan, positions: Sequence[int]) -> dict[str, Any]:
        """Rows as tensors (rows, longest)."""
        return plan.batch(positions)

    def losses(self, model: Any, inputs: Mapping[str, Any]) -> Losses:
        """What each trained token costs."""
        fed = {name: inputs[name] for name in ("input_ids", "position_ids")}
        total, nll = self.loss(model, fed, inputs["labels"])
        return Losses(total, nll, inputs["owners"][inputs["labels"] != UNTRAINED])


def causal(model: Any, together: bool) -> Any:
    """The objective for a model, attached to it. Raises ValueError where packed documents would see each other."""
    if together and leaks(model):
        raise ValueError("it does not heed restarting positions, as recurrent models and fixed biases never do")
    return attached(model)


@contextmanager
def attached(model: Any, is_plain: bool | None = None) -> Iterator[Causal]:
    """The objective, for as long as the model's head answers with losses; `is_plain` where that need not be tried."""
    with TokenLoss(model, is_plain) as loss:
        yield Causal(loss)


def leaks(model: Any) -> bool:
    """Whether a document packed behind another is answered differently than alone, seen on four tokens."""
    import torch

    was_training = model.training
    device = next(model.parameters()).device
    ids = torch.tensor([[3, 1, 4, 2, 1, 4, 3, 2]], device=device)
    positions = torch.tensor([[0, 1, 2, 3, 0, 1, 2, 3]], device=device)
    model.eval()
    with torch.no_grad():
        both = answered(model, ids, positions)[:, 4:]
        alone = answered(model, ids[:, 4:], positions[:, 4:])
    model.train(was_training)
    return not torch.allclose(both.float(), alone.float(), rtol=1e-3, atol=1e-3, equal_nan=True)


def answered(model: Any, ids: Any, positions: Any) -> Any:
    """The logits (rows, tokens, vocabulary) of some tokens at some positions."""
    return model(**fitting(model, {"input_ids": ids, "position_ids": positions, "use_cache": False})).logits
