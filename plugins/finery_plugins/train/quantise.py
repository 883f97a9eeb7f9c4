"""Quantising: a model's matrices stored in 8 or 4 bits, in a folder that `from_pretrained` loads as it is."""

from __future__ import annotations

import importlib.util
import logging as messages
import shutil
from pathlib import Path
from typing import Any, Literal

from pydantic import Field, model_validator

from finery import Dataset, Journal, Model, Needs, Stage, UsageError, World, hookimpl, missing_extra, plugin, said_by
from finery_plugins.train import fidelity
from finery_plugins.train.architecture import PREFIX, auto_class, fingerprint
from finery_plugins.train.change_demand import changing
from finery_plugins.train.fidelity import Test
from finery_plugins.train.origin import Origin, origin
from finery_plugins.train.site import Site

LIBRARIES = {"int8": "torchao", "int8-dynamic": "torchao", "nf4": "bitsandbytes", "fp4": "bitsandbytes"}
"""What stores and computes with each kind. torchao's 4 bits need a package that only some GPUs have."""

HELD = 1.7
"""Models in 32 bits that are there while one becomes another of few bits, as measured; less when both are compared."""


@plugin(needs=Needs(cpus=2, extra="quantise"))
class Quantise:
    """Store the matrices of a model's blocks in few bits; embeddings and the output head stay as they are.

    The result is compared with the model that it was made of, as read back from its folder. It is for use, not for
    further training of its weights, and whoever loads it needs the same library.

    ```toml
    [[stage]]
    train = "quantise"
    to = "int8"
    max_loss_rise = 0.05
    ```
    """

    to: Literal["int8", "int8-dynamic", "nf4", "fp4"] = "int8"
    """`int8`: weights in 8 bits, a scale a row (torchao). `int8-dynamic`: what they are fed as well, a scale a token.
    `nf4`: 4 bits at the quantiles of a normal distribution, a scale for each 64 (bitsandbytes; Dettmers et al. 2023).
    `fp4`: 4-bit floats instead."""
    double: bool | None = None
    """Whether the scales of 4 bits are kept in 8 bits themselves; they are where not given."""
    keep: list[str] = Field(default_factory=list)
    """Modules that stay as they are, by a part of their name such as `layers.0.` or `down_proj`."""
    split: fidelity.Split = "validation"
    limit: fidelity.Limit = 200
    context: fidelity.Window_ = None
    max_loss_rise: fidelity.MaxLossRise = None

    @model_validator(mode="after")
    def scaled(self) -> Quantise:
        """Refuse scales of scales where there is one scale a row."""
        if self.double is not None and LIBRARIES[self.to] != "bitsandbytes":
            raise ValueError(f"`double` is for 4 bits, not for `{self.to}`")
        return self

    @hookimpl
    def train(
        self, examples: Dataset, model: Model | None, out: Path, world: World, stage: Stage, journal: Journal
    ) -> Model:
        """The quantised model, in `out`."""
        site = Site(out, world, stage, journal)
        demand_library(LIBRARIES[self.to], site.place)
        start = origin(model, site)
        self.quantised(start).save_pretrained(out)
        start.tokenizer.save_pretrained(out)
        if start.is_prefixed:
            shutil.copytree(start.folder / PREFIX, out / PREFIX, dirs_exist_ok=True)
        made = Model(path=out, name=stage.id, fingerprint=fingerprint(out), base=start.model.name)
        return Test.of(self, examples).passed(start, start.network, made)

    demand = hookimpl(changing(lambda _: HELD, compared=HELD))

    def quantised(self, start: Origin) -> Any:
        """The network with its matrices in few bits. Raises UsageError where the library refuses, or finds none."""
        settings = self.settings(left_alone(start, self.keep))
        try:
            made = auto_class("CausalLM").from_pretrained(
                start.folder,
                quantization_config=settings,
                dtype=start.dtype,
                use_safetensors=True,
                trust_remote_code=False,
            )
        except (OSError, ValueError, RuntimeError, ImportError, NotImplementedError) as error:
            fault = f"cannot store '{start.model.name}' as {self.to}"
            raise UsageError.at(start.site.place, fault, f"take another kind in `to`: {said_by(error)}") from error
        return made

    def settings(self, skipped: list[str]) -> Any:
        """What transformers is told."""
        from transformers import BitsAndBytesConfig, TorchAoConfig

        if LIBRARIES[self.to] == "bitsandbytes":
            return BitsAndBytesConfig(
                load_in_4bit=True,
                bnb_4bit_quant_type=self.to,
                bnb_4bit_use_double_quant=self.double is not False,
                llm_int8_skip_modules=skipped,
            )
        from torchao.quantization import Int8DynamicActivationInt8WeightConfig, Int8WeightOnlyConfig

        kind = Int8WeightOnlyConfig if self.to == "int8" else Int8DynamicActivationInt8WeightConfig
        return TorchAoConfig(kind(), modules_to_not_convert=skipped)


def demand_library(name: str, where: str) -> None:
    """Check that a library is there, and keep it from telling of kernels that are not for this machine.

    Raises MissingExtra.
    """
    if importlib.util.find_spec(name) is None:
        raise missing_extra(where, name, "quantise")
    for chatty in ("torchao", "torch.utils._pytree"):
        messages.getLogger(chatty).setLevel(messages.ERROR)


def left_alone(start: Origin, keep: list[str]) -> list[str]:
    """The names of the modules that are not touched: the output head, and those that a name in `keep` is a part of.

    Raises UsageError for a name that is in none, or where no matrix is left to store in few bits.
    """
    import torch

    with torch.device("meta"):
        network = auto_class("CausalLM").from_config(start.config, trust_remote_code=False)
    head = network.get_output_embeddings()
    names = [name for name, module in network.named_modules() if type(module) is torch.nn.Linear and module is not head]
    for part in keep:
        if not any(part in name for name in names):
            fault = f"no matrix is called anything with '{part}'"
            raise UsageError.at(start.site.place, fault, f"names are such as {', '.join(names[:3]) or 'none'}")
    kept = [name for name in names if any(part in name for part in keep)]
    if len(kept) == len(names):
        kind = start.config.model_type
        fault = f"'{kind}' has no linear layer to store in few bits" if not names else "`keep` leaves none to store"
        raise UsageError.at(start.site.place, fault, "name fewer in `keep`" if names else "take another model")
    heads = [name for name, module in network.named_modules() if module is head]
    return [*heads, *kept]
