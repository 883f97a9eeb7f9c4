"""The mix `temperature`: large sources less often than their size would have it, small ones more often."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

from pydantic import Field

from finery import Draw, Source, hookimpl, plugin
from finery_plugins.mix.amounts import amounts


@plugin
class Temperature:
    """Mix sources with shares of size^(1 / temperature).

    At 1 the shares are those of the sizes; the higher, the more equal. Multilingual models were trained with about
    3.3 (XLM-R's and mT5's exponent of 0.3: Conneau et al. 2020, Xue et al. 2021) to 5 (Arivazhagan et al. 2019).

    ```toml
    [[stage]]
    mix = "temperature"
    temperature = 3.3
    max_epochs = 4
    ```
    """

    temperature: Annotated[float, Field(ge=1, allow_inf_nan=False)] = 3.3
    """How far the shares are drawn together."""

    unit: str = "characters"
    """What sizes count: `records`, `characters` or a numeric column such as `tokens`."""

    max_epochs: Annotated[float, Field(gt=0, allow_inf_nan=False)] = 1.0
    """How often a source is read at most: the mix is as large as it can be within that."""

    @hookimpl
    def mix(self, sources: Sequence[Source]) -> Draw:
        """Epochs of each source: all in proportion to size^(1 / temperature - 1), the smallest read most often."""
        there = amounts(sources, self.unit)
        rates = {name: size ** (1 / self.temperature - 1) for name, size in there.items()}
        most = max(rates.values())
        return Draw({name: self.max_epochs * (rate / most) for name, rate in rates.items()}, self.unit)
