"""Merging: an adapter folded into its base, or the weights of several models made into one."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from finery import Dataset, Journal, Model, ModelName, Needs, Stage, UsageError, World, hookimpl, plugin, said_by
from finery_plugins.train import fidelity
from finery_plugins.train.change_demand import changing
from finery_plugins.train.combining import linear, slerp, ties
from finery_plugins.train.fidelity import Test
from finery_plugins.train.origin import Origin, origin
from finery_plugins.train.site import Site, demand

FILES = ("adapter_config.json", "adapter_model.safetensors")
PLAIN = "merge models without one"
Shares = Annotated[list[Annotated[float, Field(gt=0)]], Field(min_length=1)]


def held(merge: Any) -> float:
    """Models in 32 bits that are there while they are merged. `ties` keeps what each model learnt beside the model
    itself, and puts the last one's in order, as measured."""
    return 4.0 + 2 * len(merge.others) if merge.how == "ties" else 1.0 + len(merge.others)


@plugin(needs=Needs(cpus=2, extra="train"))
class Merge:
    """Fold an adapter into the model, or make one model of several. Both must come from the same one.

    The result is a plain model folder. It is compared with what it was made of: for an adapter the model with the
    adapter beside it, for several models the first, `model`.

    ```toml
    [[stage]]
    train = "merge"
    model = "base"
    others = ["tuned-on-chats", "tuned-on-code"]
    how = "ties"
    max_loss_rise = 0.1
    ```
    """

    adapter: ModelName | None = None
    """A folder in PEFT's layout, a train stage that kept its adapter (`keep_adapter = true`), or a name on the hub."""
    others: list[ModelName] = Field(default_factory=list)
    """The models beside `model`: ids of earlier train stages, folders, or names on the hub."""
    how: Literal["linear", "slerp", "ties"] = "linear"
    """`linear`: the mean of all weights (model soups, Wortsman et al. 2022). `slerp`: a point on the arc between two
    models. `ties`: what the others learnt beyond `model`, trimmed to its largest part, where they agree in sign (Yadav
    et al. 2023)."""
    shares: Shares | None = None
    """What each model counts for, one number a model: with `linear` those of `model` and then the others, with `ties`
    those of the others alone. Equal where not given."""
    position: Annotated[float, Field(ge=0, le=1)] = 0.5
    """Where on the arc `slerp` stops: 0 is `model`, 1 the other."""
    density: Annotated[float, Field(gt=0, le=1)] = 0.2
    """The share of each model's differences that `ties` keeps; the paper's is a fifth."""
    scale: Annotated[float, Field(gt=0, le=10)] = 1.0
    """What `ties` multiplies the merged difference by before it is added to `model`."""
    split: fidelity.Split = "validation"
    limit: fidelity.Limit = 200
    context: fidelity.Window_ = None
    max_loss_rise: fidelity.MaxLossRise = None

    @model_validator(mode="after")
    def one_way(self) -> Merge:
        """Refuse both ways at once, neither, and numbers that do not fit the models."""
        if (self.adapter is None) == (not self.others):
            raise ValueError("give `adapter`, or `others`, and not both")
        if self.adapter is not None:
            return self
        if self.how == "slerp" and len(self.others) != 1:
            raise ValueError("`slerp` lies between two models: name one in `others`")
        wanted = len(self.others) + (self.how == "linear")
        if self.shares is not None and (self.how == "slerp" or len(self.shares) != wanted):
            said = "`slerp` takes `position` instead" if self.how == "slerp" else f"{wanted} are wanted here"
            raise ValueError(f"`shares` has {len(self.shares)} numbers: {said}")
        return self

    @hookimpl
    def train(
        self, examples: Dataset, model: Model | None, out: Path, world: World, stage: Stage, journal: Journal
    ) -> Model:
        """The merged model, in `out`."""
        start = origin(model, Site(out, world, stage, journal), *(["peft"] if self.adapter else []))
        test = Test.of(self, examples)
        if self.adapter is not None:
            folder = adapter_folder(self.adapter, start.site.place)
            made = start.left(folded(beside(start.network(), folder, start.site.place), start.site.place))
            return test.passed(start, lambda: beside(start.network(), folder, start.site.place), made)
        return test.passed(start, start.network, start.left(self.merged(start)))

    demand = hookimpl(changing(held))

    def merged(self, start: Origin) -> Any:
        """The network with the weights of all models in its own. Raises UsageError where they are not of one kind."""
        import torch

        if start.is_prefixed:
            fault = f"'{start.model.name}' has a prefix, which has no mean with others"
            raise UsageError.at(start.site.place, fault, PLAIN)
        network = start.network()
        own = dict(network.named_parameters())
        others = [self.other(name, own, start) for name in self.others]
        with torch.no_grad():
            for name, tensor in self.combined(own, others):
                own[name].copy_(tensor)
        return network

    def other(self, name: str, own: Mapping[str, Any], start: Origin) -> Mapping[str, Any]:
        """The weights of another model, which must fit the first one's."""
        place = Path(name)
        called = f"the model at '{place}'"
        found = origin(Model(place, name, ""), start.site)
        if found.is_prefixed:
            raise UsageError.at(start.site.place, f"{called} has a prefix, which has no mean with others", PLAIN)
        weights = dict(found.network().named_parameters())
        odd = [key for key in {**own, **weights} if shape(own, key) != shape(weights, key)]
        if odd:
            part = f"'{odd[0]}' is {shape(weights, odd[0])} and not {shape(own, odd[0])}"
            fault = f"{called} is not of the kind of '{start.model.name}': {part}"
            raise UsageError.at(start.site.place, fault, "merge models that come from the same one")
        if found.tokenizer.get_vocab() != start.tokenizer.get_vocab():
            fault = f"{called} has other tokens than '{start.model.name}'"
            raise UsageError.at(start.site.place, fault, "merge models that share their tokenizer")
        return weights

    def combined(self, own: Mapping[str, Any], others: Sequence[Mapping[str, Any]]) -> Any:
        """Pairs of name and tensor."""
        if self.how == "slerp":
            return slerp(own, others[0], self.position)
        if self.how == "ties":
            return ties(own, others, self.shares or [1.0] * len(others), self.density, self.scale)
        return linear([own, *others], self.shares or [1.0] * (len(others) + 1))


def shape(weights: Mapping[str, Any], name: str) -> str:
    """The size of a tensor, such as `400x32`."""
    return "x".join(map(str, weights[name].shape)) if name in weights else "missing"


def adapter_folder(name: str, where: str) -> Path:
    """The folder of an adapter. Raises UsageError where there is none, it is pickled, or it is nothing to fold in."""
    import json

    found = [folder for folder in (Path(name), Path(name) / "adapter") if (folder / FILES[0]).is_file()]
    folder = found[0] if found or Path(name).exists() else fetched(name, where)
    if not (folder / FILES[1]).is_file():
        fault = f"the adapter in '{folder}' has no {FILES[1]}"
        raise UsageError.at(where, fault, "pickled weights can run code when loaded: save it again with PEFT")
    kind = str(json.loads((folder / FILES[0]).read_text(encoding="utf-8")).get("peft_type"))
    if kind in ("PREFIX_TUNING", "PROMPT_TUNING", "P_TUNING", "MULTITASK_PROMPT_TUNING", "CPT", "ADAPTION_PROMPT"):
        fault = f"an adapter of type {kind} stands before the text and cannot become part of the weights"
        raise UsageError.at(where, fault, "merge adapters of weights, such as LoRA, DoRA or IA3")
    return folder


def fetched(name: str, where: str) -> Path:
    """An adapter on the hub, without anything that could be pickled. Raises UsageError."""
    from huggingface_hub import snapshot_download

    try:
        return Path(snapshot_download(name, allow_patterns=list(FILES)))
    except (OSError, ValueError) as error:
        remedy = f"name a folder with an {FILES[0]}, or a train stage with `keep_adapter = true`: {said_by(error)}"
        raise UsageError.at(where, f"there is no adapter at '{name}'", remedy) from error


def beside(network: Any, folder: Path, where: str) -> Any:
    """The network with an adapter beside its weights. Raises UsageError where the two do not fit."""
    demand(where, "peft")
    from peft import PeftModel

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", FutureWarning)  # PEFT 0.21 asks transformers for a property by its old name
            # Weights that the adapter lacks would stay at random.
            warnings.filterwarnings("error", "Found missing adapter keys")
            return PeftModel.from_pretrained(network, folder).eval()
    except (ValueError, RuntimeError, KeyError, UserWarning) as error:
        fault = f"the adapter in '{folder}' does not fit the model"
        raise UsageError.at(where, fault, f"name the model that it was trained beside: {said_by(error)}") from error


def folded(network: Any, where: str) -> Any:
    """The plain network with its adapter in its weights. Raises UsageError where it has no place there."""
    try:
        return network.merge_and_unload(safe_merge=True)
    except (ValueError, NotImplementedError, AttributeError) as error:
        raise UsageError.at(where, "the adapter cannot be folded in", said_by(error)) from error
