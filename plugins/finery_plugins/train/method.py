"""How much of a model is trained: all of it, a part of it, or something small beside its weights."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal

from pydantic import ConfigDict, Field, model_validator
from pydantic.dataclasses import dataclass

from finery import UsageError, said_by
from finery_plugins.train import bottleneck, freezing, quantised
from finery_plugins.train.architecture import unasking
from finery_plugins.train.site import Site, demand

SETTINGS = ConfigDict(extra="forbid", use_attribute_docstrings=True)

Rank = Annotated[int, Field(ge=1, le=1024)]
Alpha = Annotated[float, Field(gt=0, le=4096)]
LeftOut = Annotated[float, Field(ge=0, lt=1)]
Names = Annotated[list[str], Field(min_length=1)]


@dataclass(frozen=True, config=SETTINGS)
class Freeze:
    """Train all weights but some: the first blocks, the embeddings, or what is named. At least one is given."""

    layers: Annotated[int, Field(ge=0)] = 0
    """How many blocks stay as they are, counted from the input."""
    embeddings: bool = False
    """Whether the embeddings stay as they are, and with them an output head that shares their weights."""
    names: list[str] = Field(default_factory=list)
    """Patterns such as `*.self_attn.*`: the parameters whose names match stay as they are."""

    @model_validator(mode="after")
    def something(self) -> Freeze:
        """Refuse a method that freezes nothing."""
        if not (self.layers or self.embeddings or self.names):
            raise ValueError("freezes nothing: give `layers`, `embeddings` or `names`, or take method `full`")
        return self


@dataclass(frozen=True, config=SETTINGS)
class Lora:
    """A low-rank update beside each chosen layer (Hu et al. 2021)."""

    rank: Rank = 16
    """Rank of the update: parameters grow with it."""
    alpha: Alpha = 32
    """The update is scaled by `alpha / rank`."""
    dropout: LeftOut = 0.0
    """Share of the adapter's inputs left out at random."""
    targets: Names | None = None
    """Names of the layers that are adapted, such as `q_proj`; all linear ones but the output head where not
    given."""


@dataclass(frozen=True, config=SETTINGS)
class Ia3:
    """A factor for each key, value and hidden unit of the feed-forward layers (Liu et al. 2022)."""

    targets: Names | None = None
    """Names of the layers that are scaled, such as `k_proj`; those that PEFT knows for the architecture where not
    given."""
    feedforward: Names | None = None
    """Which of `targets` are scaled where they are fed, not in what they answer."""

    @model_validator(mode="after")
    def together(self) -> Ia3:
        """Refuse feed-forward layers that are no targets."""
        if self.feedforward and set(self.feedforward) - set(self.targets or ()):
            raise ValueError("`feedforward` names layers that are not in `targets`")
        return self


@dataclass(frozen=True, config=SETTINGS)
class Prefix:
    """Keys and values before the first token, learnt for each layer (Li and Liang 2021). It cannot be folded into
    the weights: the result is the base with a folder `prefix/` beside it."""

    length: Annotated[int, Field(ge=1, le=1024)] = 16
    """How many positions the prefix takes."""


@dataclass(frozen=True, config=SETTINGS)
class Bottleneck:
    """A small feed-forward layer beside each one of the model, with the model's own activation and gate: the parallel
    adapter of He et al. (2022). It folds into the weights, as so many more hidden units."""

    width: Annotated[int, Field(ge=1, le=8192)] = 64
    """Its hidden units."""
    dropout: LeftOut = 0.0
    """Share of its hidden units left out at random."""


@dataclass(frozen=True, config=SETTINGS)
class FreezeMethod:
    """`{ freeze = { layers = 4 } }`."""

    name: ClassVar[str] = "freeze"
    freeze: Freeze


@dataclass(frozen=True, config=SETTINGS)
class LoraMethod:
    """`{ lora = { rank = 16 } }`."""

    name: ClassVar[str] = "lora"
    lora: Lora


@dataclass(frozen=True, config=SETTINGS)
class DoraMethod:
    """`{ dora = { rank = 16 } }`: LoRA with the length of each weight column learnt apart (Liu et al. 2024)."""

    name: ClassVar[str] = "dora"
    dora: Lora


@dataclass(frozen=True, config=SETTINGS)
class QloraMethod:
    """`{ qlora = { rank = 16 } }`: LoRA beside weights held in 4 bits (Dettmers et al. 2023)."""

    name: ClassVar[str] = "qlora"
    qlora: Lora


@dataclass(frozen=True, config=SETTINGS)
class Ia3Method:
    """`{ ia3 = {} }`."""

    name: ClassVar[str] = "ia3"
    ia3: Ia3


@dataclass(frozen=True, config=SETTINGS)
class PrefixMethod:
    """`{ prefix = { length = 16 } }`."""

    name: ClassVar[str] = "prefix"
    prefix: Prefix


@dataclass(frozen=True, config=SETTINGS)
class BottleneckMethod:
    """`{ adapter = { width = 64 } }`."""

    name: ClassVar[str] = "adapter"
    adapter: Bottleneck


Method = (
    Literal["full"] | FreezeMethod | LoraMethod | DoraMethod | QloraMethod | Ia3Method | PrefixMethod | BottleneckMethod
)
"""`"full"` trains every weight; `{ freeze = {...} }` a part of them; `lora`, `dora`, `qlora`, `ia3`, `prefix` and
`adapter`, each with a table of settings, something small beside them."""

RATES = {"full": 2e-5, "freeze": 2e-5, "ia3": 3e-3, "prefix": 5e-3}
"""The usual highest learning rates; 2e-4 for all others. IA3's is its paper's; a prefix takes the most, since few
numbers steer much (Liu et al. 2021, P-tuning v2)."""


def default_rate(method: Method) -> float:
    """The usual highest learning rate: adapters start from nothing and take ten times more."""
    return RATES.get(method if isinstance(method, str) else method.name, 2e-4)


def adapted(model: Any, method: Method, site: Site, task: str | None = "CAUSAL_LM") -> Any:
    """The model with what the method adds, and only that left to train.

    `task` is PEFT's word for what the model does; None where it has none, as for masked tokens. Raises MissingExtra,
    and UsageError for parts that the model lacks or a method that does not suit it.
    """
    if is_prefixed(model):
        return continued(model, method, site)
    if isinstance(method, str):
        return model
    if isinstance(method, FreezeMethod):
        said = method.freeze
        return freezing.frozen(model, said.layers, said.embeddings, said.names, site.place)
    if isinstance(method, BottleneckMethod):
        return bottleneck.widened(model, method.adapter.width, method.adapter.dropout, site.place)
    demand(site.place, "peft")
    if isinstance(method, QloraMethod):
        quantised.quantise(model, site.place)
    return with_peft(model, method, site, task)


def with_peft(model: Any, method: Any, site: Site, task: str | None) -> Any:
    """The model in PEFT's wrapper. Raises UsageError with PEFT's own words where it refuses."""
    from peft import get_peft_model

    try:
        with warnings.catch_warnings():
            # PEFT 0.21 asks transformers for a property by its old name.
            warnings.simplefilter("ignore", FutureWarning)
            return unasking(get_peft_model(model, settings(method, site.place, task)))
    except (ValueError, NotImplementedError, AttributeError, KeyError, TypeError) as error:
        targets = getattr(getattr(method, method.name), "targets", None) or ["the model's layers"]
        raise UsageError.at(site.place, f"cannot adapt {', '.join(targets)}", said_by(error)) from error


def settings(method: Any, where: str, task: str | None) -> Any:
    """PEFT's settings for a method. Raises UsageError where a prefix has nothing to stand before."""
    from peft import IA3Config, LoraConfig, PrefixTuningConfig

    said = getattr(method, method.name)
    if isinstance(method, Ia3Method):
        return IA3Config(task_type=task, target_modules=said.targets, feedforward_modules=said.feedforward)
    if isinstance(method, PrefixMethod):
        if task != "CAUSAL_LM":
            raise UsageError.at(where, "a prefix suits causal models alone", "take `lora` or `adapter`")
        return PrefixTuningConfig(task_type=task, num_virtual_tokens=said.length)
    return LoraConfig(
        task_type=task,
        r=said.rank,
        lora_alpha=said.alpha,
        lora_dropout=said.dropout,
        target_modules=said.targets or "all-linear",
        use_dora=isinstance(method, DoraMethod),
    )


def is_prefixed(model: Any) -> bool:
    """Whether a model has a learnt prefix."""
    return any(getattr(said, "is_prompt_learning", False) for said in getattr(model, "peft_config", {}).values())


def continued(model: Any, method: Method, site: Site) -> Any:
    """A model with a prefix, the prefix left to train. Raises UsageError for any other method: the prefix would have
    to become part of the weights first, which it cannot."""
    if not isinstance(method, PrefixMethod):
        fault = "the model has a prefix, which no other method can train on or fold in"
        raise UsageError.at(site.place, fault, "take `method = { prefix = {} }`, or another `model`")
    known = model.active_peft_config.num_virtual_tokens
    if known != method.prefix.length:
        fault = f"the model's prefix takes {known} positions, not {method.prefix.length}"
        raise UsageError.at(site.place, fault, f"set `length = {known}`")
    model.active_peft_config.inference_mode = False
    model.prompt_encoder.requires_grad_(True)
    return model


def merged(model: Any, method: Method, adapter: Path | None) -> Any:
    """A plain model: an adapter is left in the folder `adapter` where one is named, and folded into the weights.

    A prefix cannot be folded in: such a model comes back as it is, and `left_model` leaves base and prefix apart.
    Weights that QLoRA held in 4 bits come back as what these stood for, so that nothing changes in what the model
    answers.
    """
    if isinstance(method, str):
        return model
    if isinstance(method, FreezeMethod):
        return model.requires_grad_(True)
    if isinstance(method, BottleneckMethod):
        return bottleneck.folded(model)
    if isinstance(method, PrefixMethod):
        return model
    if adapter is not None:
        model.save_pretrained(adapter)
    if isinstance(method, QloraMethod):
        return quantised.folded(model)
    return model.merge_and_unload()
