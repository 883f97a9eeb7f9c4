"""Heads and hidden units cut out of a model: smaller matrices under a configuration that says so."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from finery import UsageError, said_by
from finery_plugins.train import bottleneck
from finery_plugins.train.architecture import auto_class
from finery_plugins.train.origin import Origin

PROJECTIONS = ("q_proj", "k_proj", "v_proj", "o_proj")


@dataclass(frozen=True)
class Side:
    """One side of a matrix along which units lie."""

    matrix: Any
    is_out: bool
    """Whether the units are what the matrix answers, or what it is fed."""
    width: int = 1
    """Neighbouring rows or columns that belong to a unit."""

    @property
    def along(self) -> int:
        """The dimension of the weights: transformers' own matrices of GPT-2 and its like stand the other way."""
        import torch

        return int(self.is_out != isinstance(self.matrix, torch.nn.Linear))

    def squares(self, units: int) -> Any:
        """`float64` (units,): the sum of the squares of each unit's weights."""
        weight = self.matrix.weight.detach().double()
        return (weight * weight).sum(1 - self.along).view(units, -1).sum(1)

    def places(self, units: Any) -> Any:
        """The rows or columns of some units."""
        import torch

        return (units[:, None] * self.width + torch.arange(self.width)).flatten()

    def cut(self, kept: Any) -> None:
        """Keep some units alone."""
        import torch

        places = self.places(kept)
        self.matrix.weight = torch.nn.Parameter(self.matrix.weight.detach().index_select(self.along, places))
        if self.is_out and self.matrix.bias is not None:
            self.matrix.bias = torch.nn.Parameter(self.matrix.bias.detach()[places])

    def silence(self, gone: Any) -> None:
        """Let some units be heard no more."""
        self.matrix.weight.data.index_fill_(self.along, self.places(gone), 0)


@dataclass(frozen=True)
class Layer:
    """The units of one block."""

    opens: Sequence[Side]
    """What makes the units."""
    closes: Side
    """What adds them up."""

    def keeps(self, units: int, count: int) -> tuple[Any, Any]:
        """The units with the largest norms, `count` of them, and the others; both in order."""
        norms = sum(side.squares(units) for side in (*self.opens, self.closes))
        order = norms.argsort(descending=True, stable=True)
        return order[:count].sort().values, order[count:].sort().values


@dataclass(frozen=True)
class Anatomy:
    """Where a kind of unit lies in a model."""

    layers: Sequence[Layer]
    units: int
    """Units of each layer."""
    settings: Callable[[int], Mapping[str, int]]
    """What the configuration says of so many units."""


def shrunk(network: Any, what: str, share: float, start: Origin) -> tuple[Any, float]:
    """A smaller network without the least `heads` or `channels` of each layer, and the share that went.

    Raises UsageError where the share is less than one unit or all of them, or the architecture has no room for it.
    """
    where = start.site.place
    if start.is_prefixed:
        fault = f"'{start.model.name}' has a prefix, which is as wide as its heads"
        raise UsageError.at(where, fault, 'take `what = "weights"`, or a model without one')
    found = ANATOMIES[what](network, where)
    gone = round(share * found.units)
    if not 0 < gone < found.units:
        fault = f"a share of {share} is {gone} of the {found.units} {what} of a layer"
        raise UsageError.at(where, fault, "at least one must go and one must stay: change `share`")
    choices = [layer.keeps(found.units, found.units - gone) for layer in found.layers]
    for layer, (_, lost) in zip(found.layers, choices, strict=True):
        layer.closes.silence(lost)
    expected = bottleneck.answer(network)
    for layer, (kept, _) in zip(found.layers, choices, strict=True):
        for side in (*layer.opens, layer.closes):
            side.cut(kept)
    made = rebuilt(network, found.settings(found.units - gone), what, where)
    check(made, expected, what, where)
    return made, gone / found.units


def rebuilt(network: Any, settings: Mapping[str, int], what: str, where: str) -> Any:
    """The cut weights in a network whose configuration fits them. Raises UsageError where none does."""
    import torch
    from huggingface_hub.errors import StrictDataclassError

    try:
        config = type(network.config).from_dict({**network.config.to_dict(), **settings})
        with torch.random.fork_rng():
            made = auto_class("CausalLM").from_config(config, trust_remote_code=False)
        made.load_state_dict(network.state_dict())
    except (StrictDataclassError, ValueError, RuntimeError, TypeError) as error:
        said = ", ".join(f"{name} = {value}" for name, value in settings.items())
        fault = f"the configuration of '{network.config.model_type}' cannot say {said} ({said_by(root(error))})"
        raise UsageError.at(where, fault, f"take another `share`, or prune something else than {what}") from error
    made.generation_config = copy.deepcopy(network.generation_config)
    return made.eval().requires_grad_(False)


def root(error: BaseException) -> BaseException:
    """What began a chain of errors."""
    while error.__cause__ is not None:
        error = error.__cause__
    return error


def check(made: Any, expected: Any, what: str, where: str) -> None:
    """Raise UsageError where units that are gone answer otherwise than units that say nothing."""
    import torch

    try:
        same = torch.allclose(bottleneck.answer(made), expected, rtol=1e-4, atol=1e-4)
    except RuntimeError:
        same = False
    if not same:
        fault = f"the {what} of '{made.config.model_type}' are more than these matrices"
        raise UsageError.at(where, fault, 'take `what = "weights"`')


def channels(network: Any, where: str) -> Anatomy:
    """The hidden units of the feed-forward layers. Raises UsageError where these are not plain."""
    layers = [
        Layer([Side(matrix(place), True) for place in opens], Side(matrix(closes[0]), False))
        for opens, closes in bottleneck.feedforwards(network)
    ]
    blocks = max((len(m) for m in network.modules() if type(m).__name__ == "ModuleList"), default=0)
    if not layers or len(layers) != blocks:
        fault = f"finds no plain feed-forward layer in each block of '{network.config.model_type}'"
        raise UsageError.at(where, fault, 'take `what = "weights"`')
    name, width = bottleneck.width_of(network)
    return Anatomy(layers, width, lambda left: {name: left})


def matrix(place: tuple[Any, str]) -> Any:
    """The matrix at a place."""
    return getattr(*place)


def heads(network: Any, where: str) -> Anatomy:
    """The attention heads, in groups that share keys and values.

    Raises UsageError for an architecture without a matrix each for queries, keys, values and what adds them up, or
    whose configuration makes the width of a head follow from their number.
    """
    config = network.config
    found = list(attentions(network))
    if not found or len(found) != config.num_hidden_layers:
        fault = f"finds no {', '.join(PROJECTIONS)} in each block of '{config.model_type}'"
        raise UsageError.at(where, fault, 'take `what = "channels"` or `what = "weights"`')
    if not hasattr(config, "head_dim"):
        fault = f"in '{config.model_type}' the width of a head follows from the number of heads"
        raise UsageError.at(where, fault, 'take `what = "channels"` or `what = "weights"`')
    count = config.num_attention_heads
    groups = getattr(config, "num_key_value_heads", None) or count
    width, shared = found[0]["q_proj"].out_features // count, count // groups
    sides = {"q_proj": shared * width, "k_proj": width, "v_proj": width}
    layers = [
        Layer(
            [Side(parts[name], True, rows) for name, rows in sides.items()],
            Side(parts["o_proj"], False, shared * width),
        )
        for parts in found
    ]

    def settings(left: int) -> Mapping[str, int]:
        return {"num_attention_heads": left * shared, "num_key_value_heads": left, "head_dim": width}

    return Anatomy(layers, groups, settings)


def attentions(network: Any) -> Iterator[dict[str, Any]]:
    """The projections of each attention that has a plain matrix for each."""
    import torch

    for module in network.modules():
        parts = {name: getattr(module, name, None) for name in PROJECTIONS}
        if all(type(part) is torch.nn.Linear for part in parts.values()):
            yield parts


ANATOMIES: Mapping[str, Callable[[Any, str], Anatomy]] = {"heads": heads, "channels": channels}
