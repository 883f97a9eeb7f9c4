"""The mix `cap`: some sources at most a share of the whole."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated

from pydantic import Field, model_validator

from finery import Draw, Source, hookimpl, plugin
from finery_plugins.mix.amounts import amounts, refuse, stranger


@plugin
class Cap:
    """Keep some sources to a share of the mix at most; everything else is read once.

    In continued pre-training, 15 % of domain text is a common bound: more, and general ability is forgotten. A
    source with less than its share is read once and not repeated.

    ```toml
    [[stage]]
    mix = "cap"
    shares = { domain = 0.15 }
    ```
    """

    shares: dict[str, Annotated[float, Field(ge=0, lt=1)]]
    """The largest share of each source that is capped, of the mix as it comes out."""

    unit: str = "characters"
    """What shares count: `records`, `characters` or a numeric column such as `tokens`."""

    @model_validator(mode="after")
    def shares_leave_room(self) -> Cap:
        """Raise ValueError where the capped sources could be all there is."""
        if sum(self.shares.values()) >= 1:
            raise ValueError(f"shares add up to {sum(self.shares.values()):g}: leave room for the other sources")
        return self

    @hookimpl
    def mix(self, sources: Sequence[Source]) -> Draw:
        """Epochs of each source. Raises PipelineError for shares of no source."""
        names = [source.name for source in sources]
        refuse([stranger(name, names) for name in self.shares if name not in names])
        there = amounts(sources, self.unit)
        taken = self.taken(there)
        return Draw({name: taken[name] / there[name] for name in names}, self.unit)

    def taken(self, there: Mapping[str, float]) -> dict[str, float]:
        """How much of each source is taken: with the caps that bind, T = (what is free) / (1 - their sum).

        A cap that does not bind makes the mix smaller than thought, and others bind again: one goes at a time, the
        one furthest from binding first.
        """
        binding = dict(self.shares)
        while True:
            free = sum(size for name, size in there.items() if name not in binding)
            whole = free / (1 - sum(binding.values()))
            loose = [name for name, share in binding.items() if there[name] <= share * whole]
            if not loose:
                return {name: binding[name] * whole if name in binding else size for name, size in there.items()}
            del binding[min(loose, key=lambda name: (there[name] / binding[name], name))]
