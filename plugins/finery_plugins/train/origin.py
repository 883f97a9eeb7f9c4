"""The model that a change of weights starts from, and the folder that it leaves."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from finery import Model, UsageError
from finery_plugins.train.architecture import PREFIX, left_model, loaded_model, locate
from finery_plugins.train.policy import configured, given
from finery_plugins.train.site import Site, settle
from finery_plugins.train.tokenizer import loaded_tokenizer


@dataclass(frozen=True)
class Origin:
    """A causal language model before it is changed."""

    model: Model
    config: Any
    tokenizer: Any
    site: Site

    def network(self) -> Any:
        """The network in 32-bit floats, loaded anew."""
        return loaded_model(self.model, self.site.place).eval().requires_grad_(False)

    @property
    def dtype(self) -> Any:
        """What its weights are stored as."""
        import torch

        said = self.config.dtype
        if said is None:
            return torch.float32
        return getattr(torch, said) if isinstance(said, str) else said

    @property
    def folder(self) -> Path:
        """Where its files lie: what a hub name stands for was fetched when its configuration was read."""
        from transformers.utils import cached_file

        place = Path(locate(self.model, self.site.place))
        return place if place.is_dir() else Path(cached_file(str(place), "config.json")).parent

    @property
    def is_prefixed(self) -> bool:
        """Whether a learnt prefix lies beside its weights."""
        return (self.folder / PREFIX / "adapter_config.json").is_file()

    def left(self, network: Any) -> Model:
        """The changed network as a plain folder, stored as its origin was."""
        return left_model(network.to(self.dtype), self.tokenizer, self.site.out, self.site.stage.id, self.model.name)


def origin(model: Model | None, site: Site, *modules: str) -> Origin:
    """The model of a stage, ready to be loaded.

    Raises MissingExtra; UsageError where there is none, it is no causal language model, its weights are quantised
    already, or several workers were to change them.
    """
    settle(site, *modules)
    model = given(model, site)
    config = configured(model, site.place)
    name = (config.architectures or ["none"])[0]
    if "CausalLM" not in name and "LMHead" not in name:
        fault = f"'{model.name}' is no causal language model: its architecture is {name}"
        raise UsageError.at(site.place, fault, "name one that continues text")
    if getattr(config, "quantization_config", None) is not None:
        remedy = "start from the model that it was made of, and quantise last"
        raise UsageError.at(site.place, f"the weights of '{model.name}' are quantised already", remedy)
    return Origin(model, config, loaded_tokenizer(model, site.place), site)


def stored_bytes(folder: Path) -> int:
    """Bytes of the weights in a model's folder, a prefix beside them included."""
    return sum(path.stat().st_size for part in (".", PREFIX) for path in (folder / part).glob("*.safetensors"))
