"""The mix `ratio`: sources in given shares."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, Literal

from pydantic import Field, model_validator

from finery import Draw, Fault, Source, hookimpl, plugin
from finery_plugins.mix.amounts import amount, empty, refuse, stranger


@plugin
class Ratio:
    """Mix sources in given shares of what is read.

    Shares are scaled to add up to 1, so `{ general = 4, domain = 1 }` will do. The mix is as large as
    `total`, or else as large as it can be before some source is read more than `max_epochs` times.

    ```toml
    [[stage]]
    mix = "ratio"
    shares = { general = 0.8, domain = 0.2 }
    ```
    """

    shares: dict[str, Annotated[float, Field(ge=0, allow_inf_nan=False)]]
    """The share of each source, in `unit`; 0 leaves a source out."""

    unit: str = "characters"
    """What shares and `total` count: `records`, `characters` or a numeric column such as `tokens`."""

    max_epochs: Annotated[float, Field(gt=0, allow_inf_nan=False)] = 1.0
    """How often a source may be read at most; up to 4 are almost as good as new data (Muennighoff 2023)."""

    total: Annotated[float, Field(gt=0, allow_inf_nan=False)] | None = None
    """The size of the mix, in `unit`."""

    rest: Literal["error", "drop", "keep"] = "error"
    """What becomes of sources without a share: a fault, left out, or read once beside the shares."""

    @model_validator(mode="after")
    def some_share_counts(self) -> Ratio:
        """Raise ValueError where no source has a share."""
        if not any(self.shares.values()):
            raise ValueError("no source has a share above 0: give one, such as shares = { general = 1 }")
        return self

    @hookimpl
    def mix(self, sources: Sequence[Source]) -> Draw:
        """Epochs of each source. Raises PipelineError for shares that the sources cannot fill."""
        refuse(self.misnamed(sources))
        shared = [source for source in sources if self.shares.get(source.name)]
        amounts = {source.name: amount(source, self.unit) for source in shared}
        refuse([empty(name) for name, size in amounts.items() if not size > 0])
        epochs = self.epochs(amounts)
        most = self.max_epochs * (1 + 1e-9)  # a total of just all there is may round to a little more
        refuse([self.too_often(name, times) for name, times in epochs.items() if times > most])
        otherwise = dict.fromkeys(self.shares, 0.0)
        rest = 1.0 if self.rest == "keep" else 0.0
        return Draw({s.name: (otherwise | epochs).get(s.name, rest) for s in sources}, self.unit)

    def epochs(self, amounts: Mapping[str, float]) -> dict[str, float]:
        """Epochs of each source with a share: the total times its share, of what there is."""
        whole = sum(self.shares[name] for name in amounts)
        each = {name: self.shares[name] / whole / size for name, size in amounts.items()}
        if self.total is not None:
            return {name: self.total * rate for name, rate in each.items()}
        most = max(each.values())
        return {name: self.max_epochs * (rate / most) for name, rate in each.items()}

    def misnamed(self, sources: Sequence[Source]) -> list[Fault]:
        """The shares without a source, and the sources without a share where that is a fault."""
        names = [source.name for source in sources]
        unknown = [name for name in self.shares if name not in names]
        left = [name for name in names if name not in self.shares and self.rest == "error"]
        return [stranger(name, names) for name in unknown] + [forgotten(name) for name in left]

    def too_often(self, name: str, times: float) -> Fault:
        """The fault of a total that reads a source too often."""
        fault = f"would be read {times:.4g} times, more than max_epochs = {self.max_epochs:g}"
        return Fault(f"source '{name}'", fault, "lower total or its share, or raise max_epochs")


def forgotten(name: str) -> Fault:
    """The fault of a source without a share."""
    remedy = 'give it one, 0 leaves it out; or set rest = "drop" or "keep"'
    return Fault("shares", f"source '{name}' has none", remedy)
