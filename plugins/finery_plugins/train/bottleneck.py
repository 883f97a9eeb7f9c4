"""The bottleneck adapter: a few more hidden units beside every feed-forward layer, which later become part of it.

A feed-forward layer adds up what its hidden units answer, so units beside it (a parallel adapter, He et al. 2022) are
units of a wider layer. Once trained they are put into its matrices: the result is a plain model of the same
architecture whose feed-forward layers are `width` wider, equal in every answer, that `from_pretrained` loads.
"""

from __future__ import annotations

import functools
from collections.abc import Iterator
from typing import Any

from finery import UsageError

WIDTHS = ("intermediate_size", "n_inner", "ffn_dim", "hidden_dim")
"""What configurations call the width of the feed-forward layers."""


def widened(model: Any, width: int, dropout: float, where: str) -> Any:
    """The model with `width` hidden units more in every feed-forward layer, and only these left to train.

    They answer nothing at first: the model's answers stay what they were. Raises UsageError for an architecture whose
    feed-forward layers are not found, or are more than matrices around an activation.
    """
    before, found = answer(model), list(feedforwards(model))
    if not found:
        fault = f"finds no plain feed-forward layers in '{model.config.model_type}' to put adapters beside"
        raise UsageError.at(where, fault, "take `lora`")
    model.requires_grad_(False)
    for opens, closes in found:
        for owner, name in opens:
            setattr(owner, name, more_units()(getattr(owner, name), width))
        for owner, name in closes:
            setattr(owner, name, more_inputs()(getattr(owner, name), width, dropout))
    check(model, before, where)
    return model


def check(model: Any, before: Any, where: str) -> None:
    """Raise UsageError where adapters that say nothing change what a model answers."""
    import torch

    try:
        same = torch.allclose(answer(model), before, rtol=1e-4, atol=1e-4)
    except RuntimeError:
        same = False
    if not same:
        fault = f"the feed-forward layers of '{model.config.model_type}' do more than add up their hidden units"
        raise UsageError.at(where, fault, "take `lora`")


def answer(model: Any) -> Any:
    """What a model answers to three tokens, nothing left out."""
    import torch

    was_training = model.training
    model.eval()
    with torch.no_grad():
        found = model(input_ids=torch.tensor([[1, 2, 3]], device=next(model.parameters()).device))[0]
    model.train(was_training)
    return found


Places = list[tuple[Any, str]]
"""Layers, by the module that holds them and their name in it."""


def feedforwards(model: Any) -> Iterator[tuple[Places, Places]]:
    """For each block of the model, the layers that open its feed-forward layer (with a gate, two) and the one that
    closes it; nothing where a block has none or several."""
    import torch

    wide = width_of(model)[1]
    lists = [module for module in model.modules() if isinstance(module, torch.nn.ModuleList)]
    for block in max(lists, key=len, default=()):
        opens, closes = places(block, lambda into, out: out == wide != into), places(block, lambda i, o: i == wide != o)
        if len(opens) not in (1, 2) or len(closes) != 1:
            return
        yield opens, closes


def places(block: Any, fits: Any) -> Places:
    """The matrices of a block, outside of attention, whose width in and out fit."""
    found = []
    for path, module in block.named_modules():
        owner, _, name = path.rpartition(".")
        size = shape(module)
        if size and "att" not in path.lower() and fits(*size):
            found.append((block.get_submodule(owner), name))
    return found


def shape(module: Any) -> tuple[int, int] | None:
    """The width in and out of a matrix; None for any other module."""
    import torch
    from transformers.pytorch_utils import Conv1D

    if isinstance(module, torch.nn.Linear):
        return module.in_features, module.out_features
    return (module.nx, module.nf) if isinstance(module, Conv1D) else None


def width_of(model: Any) -> tuple[str, int]:
    """What the configuration calls the width of the feed-forward layers, and the width."""
    config = model.config
    for name in WIDTHS:
        value = getattr(config, name, None)
        if isinstance(value, int):
            return name, value
    # GPT-2's way: no width means four times that of the hidden states.
    return "n_inner", 4 * config.hidden_size


@functools.cache
def more_units() -> type:
    """A matrix with more rows, made when torch is there."""
    import torch

    def init(self: Any, inner: Any, width: int) -> None:
        torch.nn.Module.__init__(self)
        self.inner = inner
        self.beside = torch.nn.Linear(shape(inner)[0], width, bias=False, device=inner.weight.device)  # type: ignore[index]

    def forward(self: Any, hidden: Any) -> Any:
        return torch.cat([self.inner(hidden), self.beside(hidden)], dim=-1)

    return type("MoreUnits", (torch.nn.Module,), {"__init__": init, "forward": forward})


@functools.cache
def more_inputs() -> type:
    """A matrix with more columns, all zero at first, made when torch is there."""
    import torch

    def init(self: Any, inner: Any, width: int, dropout: float) -> None:
        torch.nn.Module.__init__(self)
        self.inner, self.dropout = inner, torch.nn.Dropout(dropout)
        self.beside = torch.nn.Linear(width, shape(inner)[1], bias=False, device=inner.weight.device)  # type: ignore[index]
        torch.nn.init.zeros_(self.beside.weight)

    def forward(self: Any, hidden: Any) -> Any:
        old = hidden.shape[-1] - self.beside.in_features
        return self.inner(hidden[..., :old]) + self.beside(self.dropout(hidden[..., old:]))

    return type("MoreInputs", (torch.nn.Module,), {"__init__": init, "forward": forward})


def folded(model: Any) -> Any:
    """The plain model, its feed-forward layers wider by the adapters, and its configuration saying so."""
    opens, closes, width = more_units(), more_inputs(), 0
    modules: list[tuple[str, Any]] = list(model.named_modules())
    for path, module in modules:
        if isinstance(module, (opens, closes)):
            owner, _, name = path.rpartition(".")
            width = max(width, added(module))
            setattr(model.get_submodule(owner), name, joined(module, isinstance(module, opens)))
    name, wide = width_of(model)
    setattr(model.config, name, wide + width)
    return model.requires_grad_(True)


def added(module: Any) -> int:
    """How many hidden units an adapter brings; 0 for the half of it that closes the layer."""
    opens: Any = more_units()
    return int(module.beside.out_features) if isinstance(module, opens) else 0


def joined(module: Any, is_opening: bool) -> Any:
    """One matrix from a matrix and its adapter: rows joined where it opens the layer, columns where it closes it."""
    import torch

    inner, beside = module.inner, module.beside.weight.data
    across = not isinstance(inner, torch.nn.Linear)
    weight = torch.cat([inner.weight.data.T if across else inner.weight.data, beside], dim=0 if is_opening else 1)
    bias = inner.bias
    if bias is not None and is_opening:
        bias = torch.cat([bias.data, bias.new_zeros(len(beside))])
    inner.weight = torch.nn.Parameter(weight.T.contiguous() if across else weight)
    inner.bias = None if bias is None else torch.nn.Parameter(bias.data)
    sizes = ("nx", "nf") if across else ("in_features", "out_features")
    for name, size in zip(sizes, reversed(weight.shape), strict=True):
        setattr(inner, name, size)
    return inner
