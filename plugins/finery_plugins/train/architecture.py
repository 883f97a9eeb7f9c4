"""Models: made from a configuration, loaded from a folder, and left in one."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from finery import Model, UsageError, did_you_mean

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


def fresh_model(shape: Shape, tokenizer: Any, where: str) -> Any:
    """A causal language model with random weights. Raises UsageError for a shape that no model can have."""
    from transformers import AutoModelForCausalLM

    if shape.width % (2 * shape.heads):
        remedy = f"make `width` a multiple of {2 * shape.heads}, twice the heads"
        raise UsageError.at(where, f"{shape.width} does not divide among {shape.heads} heads", remedy)
    config = configuration(shape, tokenizer, where)
    try:
        return AutoModelForCausalLM.from_config(config, trust_remote_code=False)
    except (ValueError, TypeError, KeyError) as error:
        fault = f"cannot make a causal language model of architecture '{shape.architecture}'"
        raise UsageError.at(where, fault, reason(error)) from error


def configuration(shape: Shape, tokenizer: Any, where: str) -> Any:
    """The configuration of a model made from scratch. Raises UsageError for words that transformers does not
    know."""
    from huggingface_hub.errors import StrictDataclassError
    from transformers import AutoConfig
    from transformers.models.auto.modeling_auto import MODEL_FOR_CAUSAL_LM_MAPPING_NAMES as KNOWN

    if shape.architecture not in KNOWN:
        near = did_you_mean(shape.architecture, KNOWN)
        fault = f"unknown architecture '{shape.architecture}'{near}"
        raise UsageError.at(where, fault, "take the `model_type` of a causal model in transformers")
    special = {name: getattr(tokenizer, name) for name in ("bos_token_id", "eos_token_id", "pad_token_id")}
    known = AutoConfig.for_model(shape.architecture, vocab_size=len(tokenizer), **special)
    unknown = [name for name in shape.config if not hasattr(known, name)]
    if unknown:
        near = did_you_mean(unknown[0], known.to_dict())
        raise UsageError.at(where, f"'{shape.architecture}' has no setting '{unknown[0]}'{near}", "mend `config`")
    said = {**dimensions(shape, known), **special, **shape.config}
    try:
        return AutoConfig.for_model(shape.architecture, vocab_size=len(tokenizer), **said)
    except StrictDataclassError as error:
        raise UsageError.at(where, "cannot make the model's configuration", reason(error)) from error


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
    present = {name: value for name, value in said.items() if hasattr(known, name)}
    return {**present, "tie_word_embeddings": shape.tie_embeddings}


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


def loaded_model(model: Model, where: str) -> Any:
    """A causal language model in 32-bit floats. Raises UsageError where it cannot be loaded."""
    import torch
    from transformers import AutoModelForCausalLM

    place = locate(model, where)
    try:
        return AutoModelForCausalLM.from_pretrained(
            place, dtype=torch.float32, use_safetensors=True, trust_remote_code=False
        )
    except (OSError, ValueError, KeyError) as error:
        fault = f"cannot load a causal language model from '{place}'"
        raise UsageError.at(where, fault, reason(error)) from error


def reason(error: BaseException) -> str:
    """What a library says went wrong, on one line."""
    return " ".join(str(error).split())[:300]


def longest(model: Any) -> int | None:
    """How many positions a model knows, where its configuration says so."""
    known = getattr(model.config.get_text_config(), "max_position_embeddings", None)
    return known if isinstance(known, int) and known > 0 else None


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
    """The model as a folder: weights in safetensors, configuration, tokenizer, and where generation stops."""
    model.save_pretrained(out)
    tokenizer.save_pretrained(out)
    return Model(path=out, name=name, fingerprint=fingerprint(out), base=base)


def fingerprint(folder: Path) -> str:
    """sha256 over the configuration and the weights in a folder, as hexadecimal."""
    total = hashlib.sha256()
    for path in [folder / "config.json", *sorted(folder.glob("*.safetensors"))]:
        with path.open("rb") as file:
            total.update(path.name.encode() + hashlib.file_digest(file, "sha256").digest())
    return total.hexdigest()


def stop_at(model: Any, tokenizer: Any, *more: int) -> None:
    """Let generation stop at the end of a text, and at `more` tokens."""
    said = model.generation_config
    known = said.eos_token_id
    stops = {*more, *(known if isinstance(known, list) else [known]), tokenizer.eos_token_id} - {None}
    said.eos_token_id = sorted(stops) if len(stops) != 1 else stops.pop()
    # Otherwise the next one to load it makes these settings anew from the model's configuration.
    said._from_model_config = False
    said.pad_token_id = tokenizer.pad_token_id
    said.bos_token_id = tokenizer.bos_token_id
