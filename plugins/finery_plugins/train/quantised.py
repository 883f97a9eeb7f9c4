"""Weights held in 4 bits while an adapter is trained beside them, and put back into plain ones."""

from __future__ import annotations

import importlib.util
from collections.abc import Iterator
from typing import Any

from finery import missing_extra


def quantise(model: Any, where: str) -> None:
    """Hold the weights of all linear layers but the output head in 4 bits: NF4 in blocks of 64, the scales in 8 bits
    (Dettmers et al. 2023). Raises MissingExtra without bitsandbytes.

    The model is loaded whole before: what shrinks is what the training holds, on the device that it runs on.
    """
    import torch

    if importlib.util.find_spec("bitsandbytes") is None:
        raise missing_extra(where, "bitsandbytes", "qlora")
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    head = model.get_output_embeddings()
    for owner, name, layer in linear_layers(model):
        if layer is not head:
            setattr(owner, name, small(layer).to(device))
    # PEFT picks its layers by this word; `plain_word` takes it back.
    model.is_loaded_in_4bit = True


def linear_layers(model: Any) -> Iterator[tuple[Any, str, Any]]:
    """The plain linear layers of a model: the module that holds it, its name there, and the layer."""
    import torch

    for path, module in list(model.named_modules()):
        if type(module) is torch.nn.Linear:
            owner, _, name = path.rpartition(".")
            yield model.get_submodule(owner), name, module


def small(layer: Any) -> Any:
    """A linear layer whose weights become 4 bits when it is moved to a device."""
    import torch
    from bitsandbytes.nn.modules import Linear4bit, Params4bit

    made: Any = Linear4bit(
        layer.in_features,
        layer.out_features,
        layer.bias is not None,
        compute_dtype=torch.float32,
        compress_statistics=True,
        quant_type="nf4",
    )
    # On CPUs that know bfloat16 it would repack weights, for inference alone, when it first answers without a gradient.
    made.support_avx512bf16_for_cpu = False
    made.weight = Params4bit(
        layer.weight.data, requires_grad=False, compress_statistics=True, quant_type="nf4", module=made
    )
    if layer.bias is not None:
        made.bias = torch.nn.Parameter(layer.bias.data, requires_grad=False)
    return made


def folded(model: Any) -> Any:
    """The plain model: each weight as its 4 bits stood for, with the adapter's update added."""
    from bitsandbytes.nn.modules import Linear4bit

    updates = {
        path.removeprefix("base_model.model."): module.get_delta_weight("default")
        for path, module in model.named_modules()
        if hasattr(module, "get_delta_weight") and hasattr(module, "lora_A")
    }
    plain = model.unload()
    for path, module in list(plain.named_modules()):
        if isinstance(module, Linear4bit):
            owner, _, name = path.rpartition(".")
            setattr(plain.get_submodule(owner), name, large(module, updates.get(path)))
    plain.is_loaded_in_4bit = False
    return plain.requires_grad_(True)


def large(layer: Any, update: Any) -> Any:
    """A plain linear layer from one in 4 bits, with an update (out, in) added where there is one."""
    import torch
    from bitsandbytes.functional import dequantize_4bit

    weight = dequantize_4bit(layer.weight.data, layer.weight.quant_state).float()
    made = torch.nn.Linear(layer.in_features, layer.out_features, layer.bias is not None, device=weight.device)
    made.weight.data = weight if update is None else weight + update.detach().float()
    if layer.bias is not None:
        made.bias.data = layer.bias.data.float()
    return made
