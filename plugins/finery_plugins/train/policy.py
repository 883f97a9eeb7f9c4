"""The models of a preference or reinforcement stage: what is tuned, and what scores."""

from __future__ import annotations

import contextlib
from typing import Any

from finery import Model, UsageError, said_by
from finery_plugins.train.architecture import auto_class, loaded_model, locate, stop_at
from finery_plugins.train.conversation import turn_ends
from finery_plugins.train.dropout import drop_out
from finery_plugins.train.method import Method, adapted
from finery_plugins.train.site import Site

SCORES = "SequenceClassification"
"""What a model that answers with numbers is called, by the end of the names of its classes in transformers."""


def configured(model: Model, where: str) -> Any:
    """A model's configuration. Raises UsageError where there is none."""
    from transformers import AutoConfig

    at = locate(model, where)
    try:
        return AutoConfig.from_pretrained(at, trust_remote_code=False)
    except (OSError, ValueError, KeyError) as error:
        raise UsageError.at(where, f"cannot read the configuration of '{at}'", said_by(error)) from error


def given(model: Model | None, site: Site) -> Model:
    """The model of a stage. Raises UsageError where there is none."""
    if model is None:
        raise UsageError.at(site.place, "has no model to tune", "set `model`, or train one before it")
    return model


def policy(model: Model, method: Method, seed: int, site: Site) -> Any:
    """The language model that is tuned, with what the method adds. Raises UsageError for a reward model.

    It leaves no activations out: what it is compared with leaves none out either.
    """
    import torch

    if any(name.endswith(SCORES) for name in configured(model, site.place).architectures or ()):
        remedy = "set `model` to the stage, folder or hub name of the language model that is to be tuned"
        raise UsageError.at(site.place, f"'{model.name}' is a reward model: it answers with numbers", remedy)
    torch.manual_seed(seed)
    return adapted(whole(loaded_model(model, site.place), site), method, site)


def whole(network: Any, site: Site) -> Any:
    """The network without dropout; an adapter that is put into it later may have its own."""
    with contextlib.suppress(UsageError):  # said of an architecture without any
        drop_out(network, 0.0, site.place)
    return network


def scalar_model(model: Model, site: Site) -> Any:
    """A model that answers with one number. Raises UsageError for any other."""
    config = configured(model, site.place)
    names = config.architectures or ["none"]
    remedy = "name the id of a `reward` stage, or a folder with a sequence classifier of one label"
    if not names[0].endswith(SCORES) or config.num_labels != 1:
        labels = f" with {config.num_labels} labels" if names[0].endswith(SCORES) else ""
        fault = f"'{model.name}' is no scalar classifier: its architecture is {names[0]}{labels}"
        raise UsageError.at(site.place, fault, remedy)
    return classifier(model, site).eval().requires_grad_(False)


def judge(model: Model, method: Method, seed: int, site: Site) -> Any:
    """A model that is to answer with one number, with what the method adds; its head is trained in any case."""
    import torch

    torch.manual_seed(seed)
    network = adapted(whole(classifier(model, site), site), method, site, task="SEQ_CLS")
    if not hasattr(network, "peft_config"):  # PEFT sees to the head itself
        for name in ("score", "classifier"):
            getattr(network, name, torch.nn.Module()).requires_grad_(True)
    return network


def classifier(model: Model, site: Site) -> Any:
    """A model with a head of one number, a new one where it has none, in 32-bit floats.

    Raises UsageError where its architecture knows no such head.
    """
    import torch

    at = locate(model, site.place)
    try:
        return auto_class(SCORES).from_pretrained(
            at, num_labels=1, dtype=torch.float32, use_safetensors=True, trust_remote_code=False
        )
    except (OSError, ValueError, KeyError, AttributeError) as error:
        fault = f"cannot give '{model.name}' a head of one number"
        raise UsageError.at(site.place, fault, said_by(error)) from error


def stops(network: Any, tokenizer: Any) -> None:
    """Let generation stop where the template ends a turn, too."""
    stop_at(network, tokenizer, *(turn_ends(tokenizer) if tokenizer.chat_template else ()))
