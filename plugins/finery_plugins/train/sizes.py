"""The sizes of a network, read from a model's folder without torch, made from options, or guessed from a name."""

from __future__ import annotations

import json
import os
import re
import struct
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from finery import Model, Network, UsageError
from finery_plugins.train.architecture import Shape

HEAD_NORMS = ("qwen3", "gemma3", "olmo2")
"""The beginnings of `model_type`s that normalise queries and keys."""
GATED = ("silu", "swish")
DROPPING = ("gpt2", "bert", "roberta", "electra")
"""Architectures that leave activations out unless told otherwise."""
DROPOUT = ("attention_probs_dropout_prob", "hidden_dropout_prob", "attn_pdrop", "resid_pdrop", "attention_dropout")
"""The settings by which configurations say so."""
WRITTEN = ("gelu_new", "gelu_fast", "gelu_python_tanh")
"""Activations that are several steps, each of which keeps what it was fed."""
SCALE = {"b": 1e9, "m": 1e6}
RATIO = 128
"""Width over layers of common decoders, for those of which no more than their parameters is known (Levine et al.
2020)."""


def network_of(model: Model, where: str) -> Network:
    """The sizes of a model: by its folder, the hub's cache on this machine, or its name.

    Raises UsageError where none of them says anything.
    """
    folder = folder_of(str(model.path))
    if folder is not None:
        return read(folder, where)
    found = by_name(str(model.path))
    if found is None:
        fault = f"the sizes of '{model.path}' are not known: it is not on this machine"
        raise UsageError.at(where, fault, "download it, or name a folder with its config.json")
    return found


def folder_of(name: str) -> Path | None:
    """The folder of a model: as named, or the newest one in the hub's cache."""
    if (Path(name) / "config.json").is_file():
        return Path(name)
    home = os.environ.get("HF_HOME", str(Path.home() / ".cache/huggingface"))
    cache = Path(os.environ.get("HF_HUB_CACHE", f"{home}/hub"))
    found = (
        cache.glob(f"models--{name.replace('/', '--')}/snapshots/*/config.json") if re.match(r"[\w./-]+$", name) else ()
    )
    return max((path.parent for path in found), key=lambda path: path.stat().st_mtime, default=None)


def read(folder: Path, where: str) -> Network:
    """The sizes that a folder's configuration names; its parameters are counted where its weights lie there."""
    try:
        config: dict[str, Any] = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise UsageError.at(where, f"cannot read the configuration in '{folder}'", str(error)) from None
    tensors = dict(headers(folder))
    made = configured(config.get("text_config", config) | {"model_type": config.get("model_type", "")}, tensors, where)
    return replaced(made, is_chat=has_template(folder))


def has_template(folder: Path) -> bool:
    """Whether a folder's tokenizer has a chat template."""
    said = folder / "tokenizer_config.json"
    return (folder / "chat_template.jinja").is_file() or (
        said.is_file() and '"chat_template"' in said.read_text(encoding="utf-8", errors="replace")
    )


def replaced(network: Network, **values: Any) -> Network:
    """A network with other values."""
    from dataclasses import replace

    return replace(network, **values)


def headers(folder: Path) -> Iterator[tuple[str, int]]:
    """Name and parameters of every tensor in a folder's safetensors, from the files' headers alone."""
    for path in sorted(folder.glob("*.safetensors")):
        with path.open("rb") as file:
            size = struct.unpack("<Q", file.read(8))[0]
            found: dict[str, Any] = json.loads(file.read(size))
        for name, told in found.items():
            if name != "__metadata__":
                count = 1
                for length in told["shape"]:
                    count *= length
                yield name, count


def configured(config: Mapping[str, Any], tensors: Mapping[str, int], where: str) -> Network:
    """The sizes that a configuration names. Raises UsageError for one without the usual names."""
    width, layers = first(config, "hidden_size", "n_embd", "d_model"), first(config, "num_hidden_layers", "n_layer")
    heads = first(config, "num_attention_heads", "n_head", "num_heads")
    if not (width and layers and heads):
        raise UsageError.at(where, f"'{config.get('model_type')}' has no usual sizes", "try `finery plan --trace`")
    shared = first(config, "num_key_value_heads") or heads
    head = first(config, "head_dim") or width // heads
    kind = str(config.get("model_type", ""))
    is_gated = config.get("hidden_act", config.get("hidden_activation")) in GATED or kind.startswith("gemma")
    feedforward, total = experts(config, first(config, "intermediate_size", "n_inner") or 4 * width)
    is_tied = (
        not any("lm_head" in name for name in tensors) if tensors else bool(config.get("tie_word_embeddings", True))
    )
    made = Network(
        parameters=0,
        layers=layers,
        width=width,
        heads=heads,
        queries=heads * head,
        keys=shared * head,
        feedforward=feedforward,
        vocabulary=first(config, "vocab_size") or 0,
        is_gated=is_gated,
        is_tied=is_tied,
        head_norms=kind.startswith(HEAD_NORMS),
        norm_copies=2 if "rms_norm_eps" in config else 1,
        feedforward_copies=copies(config.get("hidden_act", config.get("activation_function"))),
        is_dropping=any(config.get(name) for name in DROPOUT),
        context=first(config, "max_position_embeddings", "n_positions"),
        kind=kind,
    )
    active = counted(made)
    idle = layers * (3 if is_gated else 2) * width * (total - feedforward)
    known = sum(tensors.values()) or active + idle
    return replaced(made, parameters=known, active=known - idle if idle else None)


def first(config: Mapping[str, Any], *names: str) -> int | None:
    """The first of some whole numbers that a configuration has."""
    return next((int(config[name]) for name in names if isinstance(config.get(name), int)), None)


def copies(activation: Any) -> int | None:
    """Numbers as wide as a feed-forward layer that it keeps with an activation that is written in Python."""
    return 5 if activation in WRITTEN else None


def experts(config: Mapping[str, Any], plain: int) -> tuple[int, int]:
    """The width of the feed-forward layers that one token goes through, and of all that there are."""
    count = first(config, "num_local_experts", "num_experts", "n_routed_experts")
    if not count:
        return plain, plain
    width = first(config, "moe_intermediate_size") or plain
    return width * (first(config, "num_experts_per_tok") or 1), width * count


def counted(network: Network) -> int:
    """Parameters by the sizes: embeddings, head, and per layer the matrices and the norms."""
    tables = network.embedding * (1 if network.is_tied else 2)
    norms = 2 * network.width * (1 if network.norm_copies == 2 else 2)
    heads = 2 * network.queries // network.heads if network.head_norms else 0
    # Layers with biases are those with layer norms, and learnt positions go with them.
    plain = network.norm_copies == 1
    biases = 2 * network.width + network.queries + 2 * network.keys + network.feedforward if plain else 0
    positions = (network.context or 0) * network.width if plain else 0
    return tables + positions + network.layers * (network.block + norms + heads + biases) + norms // 2


def made(shape: Shape, vocabulary: int, plain: bool = False) -> Network:
    """The sizes of a network made from options; a `plain` one has neither gates nor RMS norms."""
    own = {name: value for name, value in shape.config.items() if isinstance(value, int)}
    feedforward = shape.feedforward or -(-shape.width * 8 // 3 // 32) * 32
    shared = int(own.get("num_key_value_heads", shape.heads))
    is_plain = plain or shape.architecture in ("gpt2", "bert", "roberta", "electra", "opt", "gpt_neo", "gpt_neox")
    network = Network(
        parameters=0,
        layers=shape.layers,
        width=shape.width,
        heads=shape.heads,
        queries=shape.width,
        keys=shape.width // shape.heads * shared,
        feedforward=int(own.get("intermediate_size", feedforward)),
        vocabulary=vocabulary,
        is_gated=not is_plain,
        is_tied=shape.tie_embeddings,
        head_norms=shape.architecture.startswith(HEAD_NORMS),
        norm_copies=1 if is_plain else 2,
        feedforward_copies=copies("gelu_new" if shape.architecture in ("gpt2", "gpt_neo") else ""),
        is_dropping=shape.architecture in DROPPING and not any(shape.config.get(name) == 0 for name in DROPOUT),
        context=shape.context,
        kind=shape.architecture,
        is_chat=True,
    )
    return replaced(network, parameters=counted(network))


def by_name(name: str) -> Network | None:
    """The sizes that go with a number of parameters in a name, such as `Qwen/Qwen3-0.6B`; None without one."""
    found = re.search(r"(?<![\w.])(\d+(?:\.\d+)?)([bm])(?![a-z0-9])", name.lower())
    if found is None:
        return None
    parameters = float(found[1]) * SCALE[found[2]]
    width = max(64, round((parameters * RATIO / 12) ** (1 / 3) / 64) * 64)
    layers = max(1, round(parameters / (12 * width**2)))
    is_chat = bool(re.search(r"instruct|chat|-it\b", name.lower()))
    return Network(
        parameters=round(parameters),
        layers=layers,
        width=width,
        heads=max(1, width // RATIO),
        queries=width,
        keys=max(64, width // 4),
        feedforward=-(-width * 8 // 3 // 64) * 64,
        vocabulary=128_000 if parameters >= 4e8 else 32_000,
        is_tied=parameters < 3e9,
        is_chat=is_chat or None,
        guessed="its name",
    )
