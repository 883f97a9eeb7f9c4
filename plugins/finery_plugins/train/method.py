"""How much of a model is trained: all of it, or a low-rank adapter beside its weights."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import ConfigDict, Field
from pydantic.dataclasses import dataclass

from finery import UsageError
from finery_plugins.train.architecture import reason
from finery_plugins.train.site import Site, demand

SETTINGS = ConfigDict(extra="forbid", use_attribute_docstrings=True)


@dataclass(frozen=True, config=SETTINGS)
class Lora:
    """A low-rank update beside each chosen layer (Hu et al. 2021)."""

    rank: Annotated[int, Field(ge=1)] = 16
    """Rank of the update: parameters grow with it."""
    alpha: Annotated[float, Field(gt=0)] = 32
    """The update is scaled by `alpha / rank`."""
    dropout: Annotated[float, Field(ge=0, lt=1)] = 0.0
    """Share of the adapter's inputs left out at random."""
    targets: list[str] | None = None
    """Names of the layers that are adapted, such as `q_proj`; all linear ones but the output head where not
    given."""


@dataclass(frozen=True, config=SETTINGS)
class LoraMethod:
    """`{ lora = { rank = 16 } }`."""

    lora: Lora


Method = Literal["full"] | LoraMethod
"""`"full"` trains every weight; `{ lora = {...} }` an adapter."""


def default_rate(method: Method) -> float:
    """The usual highest learning rate: adapters start from nothing and take ten times more."""
    return 2e-5 if method == "full" else 2e-4


def adapted(model: Any, method: Method, site: Site) -> Any:
    """The model with what the method adds. Raises MissingExtra, and UsageError for targets that it lacks."""
    if isinstance(method, str):
        return model
    demand(site.place, "peft")
    from peft import LoraConfig, get_peft_model

    said = method.lora
    settings = LoraConfig(
        task_type="CAUSAL_LM",
        r=said.rank,
        lora_alpha=said.alpha,
        lora_dropout=said.dropout,
        target_modules=said.targets or "all-linear",
    )
    try:
        with warnings.catch_warnings():
            # PEFT 0.21 asks transformers for a property by its old name.
            warnings.simplefilter("ignore", FutureWarning)
            return get_peft_model(model, settings)
    except ValueError as error:
        fault = f"cannot adapt {', '.join(said.targets or ['the linear layers'])}"
        raise UsageError.at(site.place, fault, reason(error)) from error


def merged(model: Any, method: Method, adapter: Path | None) -> Any:
    """A plain model: an adapter is left in the folder `adapter` where one is named, then folded into the
    weights."""
    if isinstance(method, str):
        return model
    if adapter is not None:
        model.save_pretrained(adapter)
    return model.merge_and_unload()
