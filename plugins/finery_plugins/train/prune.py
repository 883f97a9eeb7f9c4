"""Pruning: the smallest weights set to zero, or the least heads and hidden units cut out."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from finery import Dataset, Journal, Model, Needs, Stage, UsageError, World, hookimpl, plugin
from finery_plugins.train import bottleneck, fidelity
from finery_plugins.train.change_demand import changing
from finery_plugins.train.fidelity import Test
from finery_plugins.train.magnitude import share_of, smallest
from finery_plugins.train.origin import Origin, origin
from finery_plugins.train.shrinking import shrunk
from finery_plugins.train.site import Site


def held(prune: Any) -> float:
    """Models in 32 bits that are there while one is pruned, as measured: all magnitudes lie in order at once, and what
    is cut is beside what it is cut from."""
    return 1.0 if prune.scope == "layer" else {"weights": 4.0, "heads": 2.0, "channels": 3.0}[prune.what]


@plugin(needs=Needs(cpus=2, extra="train"))
class Prune:
    """Take away what counts least in a model, by magnitude: no data is needed to choose.

    Single weights become zeros and the folder is no smaller; heads and channels are cut out, and the matrices get
    smaller. The result is compared with the model it came from; training on makes up for much of what is lost.

    ```toml
    [[stage]]
    train = "prune"
    what = "channels"
    share = 0.25
    max_loss_rise = 0.5
    ```
    """

    what: Literal["weights", "heads", "channels"] = "weights"
    """`weights`: single numbers of the blocks' matrices become zero (Han et al. 2015). `heads`: attention heads, in
    groups that share keys and values, are cut out. `channels`: hidden units of the feed-forward layers are cut out."""
    share: Annotated[float, Field(gt=0, lt=1)]
    """How much is taken away: of the weights, or of each layer's heads or channels."""
    scope: Literal["global", "layer"] | None = None
    """Whether `weights` are compared over all matrices (`global`, where not given) or within each (`layer`). Heads and
    channels go in equal number from every layer, as configurations want."""
    split: fidelity.Split = "validation"
    limit: fidelity.Limit = 200
    context: fidelity.Window_ = None
    max_loss_rise: fidelity.MaxLossRise = None

    @model_validator(mode="after")
    def scoped(self) -> Prune:
        """Refuse a scope where there is no choice."""
        if self.what != "weights" and self.scope is not None:
            raise ValueError(f'`scope` is for `what = "weights"`: {self.what} go in equal number from every layer')
        return self

    @hookimpl
    def train(
        self, examples: Dataset, model: Model | None, out: Path, world: World, stage: Stage, journal: Journal
    ) -> Model:
        """The pruned model, in `out`; the journal is told `parameters_before` and `_after`, and `pruned_share`."""
        start = origin(model, Site(out, world, stage, journal))
        return Test.of(self, examples).passed(start, start.network, start.left(self.pruned(start)))

    demand = hookimpl(changing(held))

    def pruned(self, start: Origin) -> Any:
        """The network with less in it."""
        network, tell = start.network(), start.site.journal.metric
        tell("parameters_before", parameters(network))
        if self.what == "weights":
            bare = network.get_base_model() if start.is_prefixed else network
            tell("pruned_share", self.sparse(bare, start))
        else:
            network, share = shrunk(network, self.what, self.share, start)
            tell("pruned_share", share)
        tell("parameters_after", parameters(network))
        return network

    def sparse(self, network: Any, start: Origin) -> float:
        """Set the smallest weights to zero; the share of the matrices' numbers that is zero then."""
        import torch

        weights = list(matrices(network))
        if not weights:
            fault = f"finds no matrices in the blocks of '{network.config.model_type}'"
            raise UsageError.at(start.site.place, fault, "take another model")
        groups = [[weight] for weight in weights] if self.scope == "layer" else [weights]
        with torch.no_grad():
            for group in groups:
                for weight, mask in zip(group, smallest(group, share_of(group, self.share)), strict=True):
                    weight.masked_fill_(mask, 0)
        start.site.journal.note("zeros take as much room as other numbers: the weights' folder is no smaller")
        return float(sum(int((weight == 0).sum()) for weight in weights) / sum(weight.numel() for weight in weights))


def matrices(network: Any) -> Iterator[Any]:
    """The weights of the matrices in a network's blocks: not the embeddings, nor the output head."""
    import torch

    lists = [module for module in network.modules() if isinstance(module, torch.nn.ModuleList)]
    for module in max(lists, key=len, default=torch.nn.ModuleList()).modules():
        if bottleneck.shape(module):
            yield module.weight


def parameters(network: Any) -> int:
    """How many numbers a network has that were trained, zeros and a prefix included; tied ones count once."""
    return sum(weight.numel() for weight in network.parameters())
