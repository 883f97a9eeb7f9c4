"""The mix `unimax`: every source equally much, as far as its repetition allows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated

from pydantic import Field

from finery import Draw, Source, hookimpl, plugin
from finery_plugins.mix.amounts import amounts


@plugin
class UniMax:
    """Divide a budget equally among sources, none read more than `max_epochs` times (Chung et al. 2023).

    What a small source cannot take goes to the larger ones.

    ```toml
    [[stage]]
    mix = "unimax"
    max_epochs = 4
    ```
    """

    max_epochs: Annotated[float, Field(gt=0, allow_inf_nan=False)] = 1.0
    """How often a source is read at most; the paper finds 1 to 4 best, and 10 harmful."""

    total: Annotated[float, Field(gt=0, allow_inf_nan=False)] | None = None
    """The budget, in `unit`; by default all that the sources have. No more is drawn than repetition allows."""

    unit: str = "characters"
    """What the budget counts: `records`, `characters` or a numeric column such as `tokens`."""

    @hookimpl
    def mix(self, sources: Sequence[Source]) -> Draw:
        """Epochs of each source."""
        there = amounts(sources, self.unit)
        taken = self.taken(there)
        return Draw({source.name: taken[source.name] / there[source.name] for source in sources}, self.unit)

    def taken(self, there: Mapping[str, float]) -> dict[str, float]:
        """How much of each source is taken: the smallest first, each an equal share of what is left."""
        left = sum(there.values()) if self.total is None else self.total
        taken: dict[str, float] = {}
        for name in sorted(there, key=lambda name: (there[name], name)):
            taken[name] = min(left / (len(there) - len(taken)), there[name] * self.max_epochs)
            left -= taken[name]
        return taken
