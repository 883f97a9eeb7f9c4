"""The causal objective: predict each token from those before it. Pre-training and tuning differ in what is
trained."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from finery import Model, UsageError
from finery_plugins.train import checkpoints
from finery_plugins.train.loop import Loop
from finery_plugins.train.loss import TokenLoss
from finery_plugins.train.packing import packed, schedule
from finery_plugins.train.rows import Plan
from finery_plugins.train.site import Site
from finery_plugins.train.tokens import UNTRAINED, Tokens
from finery_plugins.train.trainer import fit


@dataclass(frozen=True)
class Causal:
    """Cross entropy of the next token."""

    loss: TokenLoss

    def losses(self, model: Any, inputs: Mapping[str, Any]) -> tuple[Any, Any, Any]:
        """The summed loss, then loss (n,) in nats and source code (n,) of each trained token."""
        fed = {name: inputs[name] for name in ("input_ids", "position_ids")}
        total, nll = self.loss(model, fed, inputs["labels"])
        return total, nll, inputs["sources"][inputs["labels"] != UNTRAINED]


def trained_causal(model: Any, tokens: Tokens, loop: Loop, context: int, together: bool, site: Site) -> None:
    """Train a causal model in place on tokens. Raises UsageError where packed documents would see each
    other."""
    if together and leaks(model):
        fault = "lets packed documents see each other: its attention does not heed restarting positions"
        raise UsageError.at(site.place, f"'{model.config.model_type}' {fault}", "set `packing = false`")
    rows = packed(tokens, context, together)
    order = schedule(rows, loop.total_rows(len(rows), context), site.stage)
    with TokenLoss(model) as loss:
        fit(model, Causal(loss), Plan(rows, order, loop), site)


def leaks(model: Any) -> bool:
    """Whether a document packed behind another is answered differently than alone, seen on four tokens."""
    import torch

    was_training = model.training
    device = next(model.parameters()).device
    ids = torch.tensor([[3, 1, 4, 2, 1, 4, 3, 2]], device=device)
    positions = torch.tensor([[0, 1, 2, 3, 0, 1, 2, 3]], device=device)
    model.eval()
    with torch.no_grad():
        both = model(input_ids=ids, position_ids=positions, use_cache=False).logits[:, 4:]
        alone = model(input_ids=ids[:, 4:], position_ids=positions[:, 4:], use_cache=False).logits
    model.train(was_training)
    return not torch.allclose(both.float(), alone.float(), rtol=1e-3, atol=1e-3, equal_nan=True)


def tidy(site: Site) -> None:
    """Remove what only an unfinished training needs."""
    checkpoints.remove(site.out / "checkpoints", site.out / "tokens", site.out / "tokenizer")


def base_name(model: Model | None) -> str | None:
    """How a result names the model that it was trained from."""
    return None if model is None else model.name
