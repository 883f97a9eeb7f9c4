"""Parts of a model that stay as they are: blocks, embeddings, parameters by name."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from fnmatch import fnmatchcase
from typing import Any

from finery import UsageError


def frozen(model: Any, layers: int, embeddings: bool, names: Sequence[str], where: str) -> Any:
    """The model with some of its parameters left out of training. Raises UsageError where it lacks what is named, or
    nothing is left to train."""
    still = [model.get_input_embeddings()] if embeddings else []
    if layers:
        still += list(blocks(model, layers, where))
    for part in still:
        part.requires_grad_(False)
    for pattern in names:
        hold(model, pattern, where)
    if not any(parameter.requires_grad for parameter in model.parameters()):
        raise UsageError.at(where, "`freeze` leaves nothing to train", "freeze fewer layers or names")
    return model


def blocks(model: Any, count: int, where: str) -> list[Any]:
    """The first blocks of a model: of the longest list of layers that it has."""
    import torch

    lists = [module for module in model.modules() if isinstance(module, torch.nn.ModuleList)]
    found = max(lists, key=len, default=())
    if count > len(found):
        fault = f"`freeze` names {count} layers, the model has {len(found)}"
        raise UsageError.at(where, fault, f"at most {len(found)}")
    return list(found)[:count]


def hold(model: Any, pattern: str, where: str) -> None:
    """Leave the parameters out whose names match. Raises UsageError where none does."""
    found = list(matching(model, pattern))
    if not found:
        some = ", ".join(name for name, _ in list(model.named_parameters())[:3])
        raise UsageError.at(where, f"no parameter is called '{pattern}'", f"names are such as {some}")
    for parameter in found:
        parameter.requires_grad_(False)


def matching(model: Any, pattern: str) -> Iterator[Any]:
    """The parameters whose names match a pattern."""
    return (parameter for name, parameter in model.named_parameters() if fnmatchcase(name, pattern))
