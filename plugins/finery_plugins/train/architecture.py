"""Models: made from a configuration, loaded from a folder, and left in one."""

from __future__ import annotations

import functools
import hashlib
import inspect
import re
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from finery import Model, UsageError, did_you_mean, said_by
from finery_plugins.train.site import demand

SPECIAL = ("bos", "eos", "pad", "cls", "sep")
"""The tokens that configurations name."""

PREFIX = "prefix"
GENERATOR = "generator"
PARTS = (PREFIX, GENERATOR)
"""Folders in a model's folder that belong to it: a prefix that no weights can hold, an ELECTRA's generator."""

HUB_NAME = re.compile(r"[\w.-]+(/[\w.-]+)?")


@dataclass(frozen=True)
class Shape:
    """The size of a model made from scratch."""

    architecture: str
    layers: int
    width: int
    heads: int
    feedforward: int | None
    context: int
    tie_embeddings: bool
    config: Mapping[str, Any]


CAUSAL = "CausalLM"
MASKED = "MaskedLM"
"""What a model answers, by the end of the names of its classes in transformers."""


def fresh_model(shape: Shape, tokenizer: Any, where: str, kind: str = CAUSAL) -> Any:
    """A language model with random weights. Raises UsageError for a shape that no model can have."""
    if shape.width % (2 * shape.heads):
        remedy = f"make `width` a multiple of {2 * shape.heads}, twice the heads"
        raise UsageError.at(where, f"{shape.width} does not divide among {shape.heads} heads", remedy)
    config = configuration(shape, tokenizer, where, kind)
    try:
        if kind == MASKED:
            roomy(config, shape.context)
        return auto_class(kind).from_config(config, trust_remote_code=False)
    except (ValueError, TypeError, KeyError, AssertionError) as error:
        fault = f"cannot make a {said_of(kind)} of architecture '{shape.architecture}'"
        raise UsageError.at(where, fault, said_by(error)) from error


def roomy(config: Any, context: int) -> None:
    """Let a configuration have `context` positions behind those that are never used."""
    import torch

    with torch.device("meta"):
        offset = offset_of(auto_class(MASKED).from_config(config, trust_remote_code=False))
    if offset:
        config.max_position_embeddings = context + offset


def auto_class(kind: str) -> Any:
    """The class of transformers that finds models of a kind."""
    import transformers

    return getattr(transformers, f"AutoModelFor{kind}")


def said_of(kind: str) -> str:
    """How messages call a model of a kind."""
    return {CAUSAL: "causal language model", MASKED: "masked language model"}.get(kind, f"model for {kind}")


def known_architectures(kind: str) -> Mapping[str, Any]:
    """The `model_type`s that have a model of a kind."""
    from transformers.models.auto import modeling_auto

    names = {CAUSAL: "MODEL_FOR_CAUSAL_LM_MAPPING_NAMES", MASKED: "MODEL_FOR_MASKED_LM_MAPPING_NAMES"}
    found: Mapping[str, Any] = getattr(modeling_auto, names[kind])
    return found


def configuration(shape: Shape, tokenizer: Any, where: str, kind: str = CAUSAL) -> Any:
    """The configuration of a model made from scratch. Raises UsageError for words that transformers does not
    know."""
    from huggingface_hub.errors import StrictDataclassError
    from transformers import AutoConfig

    names = known_architectures(kind)
    if shape.architecture not in names:
        near = did_you_mean(shape.architecture, names)
        fault = f"unknown architecture '{shape.architecture}'{near}"
        raise UsageError.at(where, fault, f"take the `model_type` of a {said_of(kind)} in transformers")
    special = {f"{name}_token_id": getattr(tokenizer, f"{name}_token_id") for name in SPECIAL}
    known = AutoConfig.for_model(shape.architecture, vocab_size=len(tokenizer), **special)
    unknown = [name for name in shape.config if not hasattr(known, name)]
    if unknown:
        near = did_you_mean(unknown[0], known.to_dict())
        raise UsageError.at(where, f"'{shape.architecture}' has no setting '{unknown[0]}'{near}", "mend `config`")
    said = {**dimensions(shape, known), **special, **shape.config}
    try:
        return AutoConfig.for_model(shape.architecture, vocab_size=len(tokenizer), **said)
    except StrictDataclassError as error:
        raise UsageError.at(where, "cannot make the model's configuration", said_by(error)) from error


def dimensions(shape: Shape, known: Any) -> dict[str, Any]:
    """The settings of a configuration that follow from a shape; those that the architecture lacks are left
    out.

    Gated feed-forward layers have three matrices where plain ones have two, so 8/3 of the width gives them as
    many parameters as the usual 4 (Shazeer 2020).
    """
    feedforward = shape.feedforward or -(-shape.width * 8 // 3 // 32) * 32
    said = {
        "hidden_size": shape.width,
        "num_hidden_layers": shape.layers,
        "num_attention_heads": shape.heads,
        "num_key_value_heads": shape.heads,
        "head_dim": shape.width // shape.heads,
        "intermediate_size": feedforward,
        "max_position_embeddings": shape.context,
        "initializer_range": (2 / (5 * shape.width)) ** 0.5,
    }
    if hasattr(known, "expand"):
        # State-space models have no feed-forward layers: their inner width is `expand` times that of the hidden states.
        said |= {"num_heads": shape.heads, "head_dim": known.expand * shape.width // shape.heads}
        del said["intermediate_size"]
    present = {name: value for name, value in said.items() if hasattr(known, name)}
    return {**present, "tie_word_embeddings": shape.tie_embeddings}


def fitting(model: Any, inputs: Mapping[str, Any]) -> dict[str, Any]:
    """Those of some inputs that a model's forward pass names: recurrent models know no positions, say."""
    bare = model.get_base_model() if hasattr(model, "get_base_model") else model
    known = inspect.signature(bare.forward).parameters
    return {name: value for name, value in inputs.items() if name in known}


def offset_of(model: Any) -> int:
    """The number of a model's first position: RoBERTa and its like count behind the padding token's."""
    import torch

    for name, module in model.named_modules():
        is_table = name.endswith("position_embeddings") and isinstance(module, torch.nn.Embedding)
        if is_table and module.padding_idx is not None:
            return int(module.padding_idx) + 1
    return 0


def locate(model: Model, where: str) -> str:
    """The folder or hub name to load a model from. Raises UsageError for what cannot be either, or is
    pickled."""
    folder = Path(model.path)
    if not folder.is_dir():
        if HUB_NAME.fullmatch(str(folder)) and not folder.exists():
            return str(folder)
        remedy = "name a stage that trains one, a model folder, or a name on the hub"
        raise UsageError.at(where, f"there is no model at '{folder}'", remedy)
    if not (folder / "config.json").is_file():
        raise UsageError.at(where, f"'{folder}' is no model folder", "it needs a config.json beside the weights")
    if not any(folder.glob("*.safetensors")):
        fault = f"'{folder}' holds no safetensors weights"
        remedy = "pickled weights can run code when loaded: save the model again with save_pretrained"
        raise UsageError.at(where, fault, remedy)
    return str(folder)


def loaded_model(model: Model, where: str, kind: str = CAUSAL) -> Any:
    """A language model in 32-bit floats, and with its prefix where a folder `prefix` beside its weights holds one.

    Raises UsageError where it cannot be loaded.
    """
    import torch

    place = locate(model, where)
    try:
        made = auto_class(kind).from_pretrained(
            place, dtype=torch.float32, use_safetensors=True, trust_remote_code=False
        )
    except (OSError, ValueError, KeyError) as error:
        fault = f"cannot load a {said_of(kind)} from '{place}'"
        raise UsageError.at(where, fault, said_by(error)) from error
    return prefixed(made, Path(place) / PREFIX, where)


def prefixed(model: Any, folder: Path, where: str) -> Any:
    """The model with the prefix that a folder holds; as it is where there is none. Raises MissingExtra."""
    if not (folder / "adapter_config.json").is_file():
        return model
    demand(where, "peft")
    from peft import PeftModel

    with warnings.catch_warnings():
        # PEFT 0.21 asks transformers for a property by its old name.
        warnings.simplefilter("ignore", FutureWarning)
        return unasking(PeftModel.from_pretrained(model, folder).requires_grad_(False))


def unasking(model: Any) -> Any:
    """The model in PEFT's wrapper, saved without asking the hub whether its base has other embeddings."""
    model.save_pretrained = functools.partial(model.save_pretrained, save_embedding_layers=False)
    return model


def longest(model: Any) -> int | None:
    """How many positions a model knows, where its configuration says so."""
    known = getattr(model.config.get_text_config(), "max_position_embeddings", None)
    prefix = sum(getattr(said, "num_virtual_tokens", 0) for said in getattr(model, "peft_config", {}).values())
    return known - prefix - offset_of(model) if isinstance(known, int) and known > 0 else None


def context_of(model: Any, asked: int | None, where: str) -> int:
    """Tokens in a row: what was asked, else the model's own, 2,048 at most. Raises UsageError for too
    many."""
    limit = longest(model)
    if asked is None:
        return min(limit or 2048, 2048)
    if limit is not None and asked > limit:
        raise UsageError.at(where, f"`context` is {asked}, the model knows {limit} positions", f"at most {limit}")
    return asked


def left_model(model: Any, tokenizer: Any, out: Path, name: str, base: str | None) -> Model:
    """The model as a folder: weights in safetensors, configuration, tokenizer, and where generation stops.

    A model with a prefix is left as its base, with the prefix in `prefix/` in PEFT's layout: the base alone is what
    `from_pretrained` loads, the two together what `loaded_model` does, or
    `PeftModel.from_pretrained(base, out / "prefix")`.
    """
    if hasattr(model, "peft_config"):
        model.active_peft_config.base_model_name_or_path = ".."
        model.save_pretrained(out / PREFIX)
        model = model.get_base_model()
    model.save_pretrained(out)
    tokenizer.save_pretrained(out)
    return Model(path=out, name=name, fingerprint=fingerprint(out), base=base)


def fingerprint(folder: Path) -> str:
    """sha256 over the configuration and the weights in a folder and those beside it, as hexadecimal."""
    total = hashlib.sha256()
    beside = [path for part in PARTS for path in sorted((folder / part).glob("*.safetensors"))]
    for path in [folder / "config.json", *sorted(folder.glob("*.safetensors")), *beside]:
        with path.open("rb") as file:
            total.update(path.name.encode() + hashlib.file_digest(file, "sha256").digest())
    return total.hexdigest()


def stop_at(model: Any, tokenizer: Any, *more: int) -> None:
    """Let generation stop at the end of a text, and at `more` tokens."""
    said = getattr(model, "generation_config", None)
    if said is None:
        return
    known = said.eos_token_id
    stops = {*more, *(known if isinstance(known, list) else [known]), tokenizer.eos_token_id} - {None}
    said.eos_token_id = sorted(stops) if len(stops) != 1 else stops.pop()
    # Otherwise the next one to load it makes these settings anew from the model's configuration.
    said._from_model_config = False
    said.pad_token_id = tokenizer.pad_token_id
    said.bos_token_id = tokenizer.bos_token_id
