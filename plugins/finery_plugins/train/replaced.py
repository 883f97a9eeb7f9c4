"""ELECTRA's objective: a generator fills in masked tokens, a discriminator tells which tokens it replaced."""

from __future__ import annotations

import functools
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from finery_plugins.train import loss as losses
from finery_plugins.train.account import Losses
from finery_plugins.train.loss import TokenLoss
from finery_plugins.train.masked import is_fused, mixes
from finery_plugins.train.masking import Masking, attention
from finery_plugins.train.rows import Plan
from finery_plugins.train.tokens import UNTRAINED

MEASURES = ("generator_loss", "generator_accuracy", "discriminator_loss", "discriminator_accuracy", "replaced")
"""Nats a masked token; share of masked tokens filled in right; nats a token; share of tokens told right; share of
tokens that were replaced: always saying "original" is right for all others."""


@functools.cache
def pair_class() -> type:
    """Generator and discriminator as one model, made when transformers is there."""
    from transformers import ElectraPreTrainedModel

    ours = {"__init__": init, "forward": forward, "save_pretrained": save}
    return type("ElectraPair", (ElectraPreTrainedModel,), ours)


def init(self: Any, generator: Any, discriminator: Any) -> None:
    """Put two models together; the embeddings of both become the discriminator's where they are of one size."""
    from transformers import ElectraPreTrainedModel

    ElectraPreTrainedModel.__init__(self, discriminator.config)
    share_embeddings(generator, discriminator)
    self.generator, self.discriminator = generator, discriminator
    self.parts = (generator, discriminator)
    self.loss, self.weight = None, 0.0


def share_embeddings(generator: Any, discriminator: Any) -> None:
    """Let a generator use the discriminator's embeddings of tokens, positions and segments."""
    theirs, ours = generator.electra.embeddings, discriminator.electra.embeddings
    if theirs.word_embeddings.weight.shape != ours.word_embeddings.weight.shape:
        return
    for name in ("word_embeddings", "position_embeddings", "token_type_embeddings"):
        setattr(theirs, name, getattr(ours, name))
    if generator.config.tie_word_embeddings:
        generator.get_output_embeddings().weight = ours.word_embeddings.weight


def save(self: Any, folder: Any, **_: Any) -> None:
    """Both models' weights as one file, those they share once: for checkpoints alone."""
    from pathlib import Path

    import torch
    from safetensors.torch import save_file

    Path(folder).mkdir(parents=True, exist_ok=True)
    named = dict(self.named_parameters()) | {k: v for k, v in self.named_buffers() if k in self.state_dict()}
    # Copies: weights may be views of one buffer, as DeepSpeed holds them.
    tensors = {name: tensor.detach().clone(memory_format=torch.contiguous_format) for name, tensor in named.items()}
    save_file(tensors, Path(folder) / "model.safetensors", metadata={"format": "pt"})


def forward(
    self: Any,
    input_ids: Any,
    position_ids: Any,
    attention_mask: Any,
    labels: Any,
    originals: Any,
    draws: Any,
    real: Any,
) -> dict[str, Any]:
    """What filling in costs (`total`, `filled` (masked,), `right`), and what telling costs (`told` (tokens,),
    `known` and `replaced`, one flag a token).

    What the generator writes is drawn from what it holds likely, by the draws (rows, tokens): no gradient passes.
    """
    import torch

    fed = {"position_ids": position_ids, "attention_mask": attention_mask}
    total, filled = self.loss(self.generator, {"input_ids": input_ids, **fed}, labels)
    masked = labels != UNTRAINED
    seen = originals.clone()
    seen[masked] = written(self.loss, draws[masked])
    replaced = (seen != originals)[real]
    logits = self.discriminator(input_ids=seen, **fed).logits[real].float()
    told = torch.nn.functional.binary_cross_entropy_with_logits(logits, replaced.float(), reduction="none")
    return {
        "total": total + self.weight * told.sum(),
        "filled": filled,
        "right": self.loss.right,
        "told": told,
        "known": (logits > 0) == replaced,
        "replaced": replaced,
    }


def written(loss: TokenLoss, draws: Any) -> Any:
    """The token (n,) that each draw (n,) in [0, 1) picks from what the generator holds likely, some rows at once."""
    import torch

    weight, bias = loss.head.weight, loss.head.bias
    rows = max(64, losses.CHUNK_LOGITS // len(weight))
    found = []
    with torch.no_grad():
        for start in range(0, len(draws), rows):
            part = slice(start, start + rows)
            logits = torch.nn.functional.linear(loss.hidden[part], weight, bias).float()
            reached = torch.softmax(logits, dim=-1).double().cumsum(-1)
            wanted = draws[part, None].double() * reached[:, -1:]
            found.append(torch.searchsorted(reached, wanted, right=True)[:, 0].clamp(max=len(weight) - 1))
    return torch.cat(found) if found else draws.long()


@dataclass(frozen=True)
class Replaced:
    """The generator's loss a masked token, plus the discriminator's, weighted."""

    masking: Masking
    together: bool
    """Whether rows hold several pieces."""
    is_fused: bool
    """Whether the models' attention takes flags for a mask."""
    weight: float
    """What a token of the discriminator weighs against a masked one of the generator."""
    measures: tuple[str, ...] = MEASURES

    def batch(self, plan: Plan, positions: Sequence[int]) -> dict[str, Any]:
        """Rows as tensors (rows, longest), hidden anew in each epoch."""
        return self.masking.batch(plan, positions)

    def losses(self, model: Any, inputs: Mapping[str, Any]) -> Losses:
        """What each masked token and each token to tell costs; the former alone are counted."""
        import torch

        names = ("input_ids", "position_ids", "labels", "originals", "draws")
        real = inputs["pieces"] >= 0
        mask = attention(inputs["pieces"], self.together, self.is_fused)
        told = model(**{name: inputs[name] for name in names}, attention_mask=mask, real=real)
        owners = [inputs["owners"][inputs["labels"] != UNTRAINED], inputs["owners"][real]]
        parts = [told["filled"], self.weight * told["told"].detach()]
        counts = [torch.ones_like(parts[0]), torch.zeros_like(parts[1])]
        return Losses(told["total"], torch.cat(parts), torch.cat(owners), torch.cat(counts), measured(told))


def measured(told: Mapping[str, Any]) -> dict[str, tuple[Any, Any]]:
    """Sum and count of each measure."""
    filled, tokens = len(told["filled"]), len(told["told"])
    return {
        "generator_loss": (told["filled"].sum(), filled),
        "generator_accuracy": (told["right"].sum(), filled),
        "discriminator_loss": (told["told"].detach().sum(), tokens),
        "discriminator_accuracy": (told["known"].sum(), tokens),
        "replaced": (told["replaced"].sum(), tokens),
    }


def replaced(model: Any, together: bool, masking: Masking, weight: float) -> Any:
    """The objective for a pair, attached to it. Raises ValueError where packed documents would see each other."""
    if together and any(mixes(part, masking.offset) for part in model.parts):
        raise ValueError("it takes no mask and positions that keep them apart")
    return attached(model, together, masking, weight)


@contextmanager
def attached(model: Any, together: bool, masking: Masking, weight: float) -> Iterator[Replaced]:
    """The objective, for as long as the generator's head answers with losses."""
    with TokenLoss(model.generator) as loss:
        model.loss, model.weight = loss, weight
        yield Replaced(masking, together, is_fused(model), weight)
        model.loss = None
