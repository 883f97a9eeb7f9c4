"""What every objective's training has in common before its first step and after its last."""

from __future__ import annotations

from typing import Any

from finery import Model, UsageError
from finery_plugins.train import checkpoints
from finery_plugins.train.architecture import CAUSAL, left_model, loaded_model
from finery_plugins.train.dropout import drop_out
from finery_plugins.train.folds import cross_validate
from finery_plugins.train.method import Method, adapted
from finery_plugins.train.site import Site
from finery_plugins.train.training import Training, trained

WORK = ("checkpoints", "tokens", "held-out", "tokenizer", "best", "folds", "preflight")
"""Folders that only an unfinished training needs."""


def sow(seed: int | None, site: Site) -> None:
    """Fix what torch draws next: first weights, of a model or of an adapter."""
    import torch

    torch.manual_seed(site.stage.seed % 2**32 if seed is None else seed)


def prepared(
    model: Model, method: Method, dropout: float | None, seed: int | None, site: Site, kind: str = CAUSAL
) -> Any:
    """A given model with what a method adds to it, ready for its first step."""
    task = "CAUSAL_LM" if kind == CAUSAL else None
    sow(seed, site)
    network = drop_out(loaded_model(model, site.place, kind), dropout, site.place)
    return adapted(network, method, site, task)


def whole(method: Method, site: Site) -> None:
    """Raise UsageError for a method that trains less than all of a model made from scratch."""
    if method != "full":
        fault = "trains a part of a model, and there is none yet"
        raise UsageError.at(site.place, f"method `{method.name}` {fault}", "set `model`, or leave `method` out")


def carried_out(training: Training, network: Any, folds: int | None) -> Any:
    """The network, trained; every record's loss cross-validated before, where `folds` are asked for."""
    if folds is not None:
        cross_validate(training, folds)
    return trained(training, network)


def left(network: Any, tokenizer: Any, model: Model | None, site: Site) -> Model:
    """The trained model as a plain folder, and nothing beside it that only the training needed.

    The first worker writes it; the others' answer says where it will be.
    """
    base = None if model is None else model.name
    if site.world.rank:
        return Model(path=site.out, name=site.stage.id, fingerprint="", base=base)
    made = left_model(network, tokenizer, site.out, site.stage.id, base)
    checkpoints.remove(*(site.out / name for name in WORK))
    return made
