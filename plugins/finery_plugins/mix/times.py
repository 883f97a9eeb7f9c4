"""The mix `times`: records as often as a column says."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated

import pyarrow as pa
from pydantic import Field

from finery import Dataset, Draw, Fault, PipelineError, Source, hookimpl, plugin
from finery_plugins.mix.amounts import refuse
from finery_plugins.mix.balance import NONE, values


@plugin
class Times:
    """Read each record as often as a column says, once where it says nothing.

    `score = "listed"` leaves such a column; 0 leaves a record out. Sources without the column are read once.

    ```toml
    [[stage]]
    mix = "times"
    column = "times"
    ```
    """

    column: Annotated[str, Field(min_length=1)] = "times"
    """A column of whole numbers."""

    @hookimpl
    def prepare(self, dataset: Dataset) -> dict[str, list[str]]:
        """The values that each source has. Raises PipelineError for those that are no number of times."""
        found: dict[str, set[str]] = {name: set() for name in dataset.sources}
        for name, seen in found.items():
            if self.column in dataset.columns(name):
                for batch in dataset.batches(columns=[self.column], only=[name]):
                    self.check(name, batch.column(self.column).type)
                    seen.update(values(batch.column(self.column)))
        refuse([self.negative(name, v) for name, seen in found.items() for v in sorted(seen) if v.startswith("-")])
        return {name: sorted(seen) for name, seen in found.items() if seen}

    def check(self, source: str, kind: pa.DataType) -> None:
        """Raise PipelineError for a column that does not count."""
        if not pa.types.is_integer(kind) and not pa.types.is_null(kind):
            fault = f"its column '{self.column}' is {kind}"
            raise PipelineError.at(f"source '{source}'", fault, "name a column of whole numbers")

    def negative(self, source: str, value: str) -> Fault:
        """The fault of a number that is no number of times."""
        return Fault(f"source '{source}'", f"its column '{self.column}' has {value}", "give 0 or more")

    @hookimpl
    def mix(self, sources: Sequence[Source], state: Mapping[str, Sequence[str]]) -> Draw:
        """Each value as often as it says."""
        epochs: dict[str, float | Mapping[str, float]] = {source.name: 1.0 for source in sources}
        for name, seen in state.items():
            epochs[name] = {value: 1.0 if value == NONE else float(value) for value in seen}
        return Draw(epochs, by=self.column)
