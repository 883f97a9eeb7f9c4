"""Dropout for one training, wherever an architecture leaves activations out."""

from __future__ import annotations

from typing import Any

from finery import UsageError

HELD = ("attention_dropout", "dropout_p", "dropout_prob")
"""The names under which attention written for fused kernels keeps its share as a number."""


def drop_out(model: Any, share: float | None, where: str) -> Any:
    """The model, leaving a share of its activations out while it is trained. Its configuration stays as it is.

    Raises UsageError for an architecture that leaves nothing out anywhere.
    """
    import torch

    if share is None:
        return model
    places = [(module, "p") for module in model.modules() if isinstance(module, torch.nn.Dropout)]
    places += [(module, name) for module in model.modules() for name in HELD if type(vars(module).get(name)) is float]
    if not places:
        fault = f"'{model.config.model_type}' has no place for dropout"
        raise UsageError.at(where, fault, "leave `dropout` out")
    for module, name in places:
        setattr(module, name, share)
    return model
