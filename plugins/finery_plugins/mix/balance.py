"""The mix `balance`: no task or label may have more than so many records."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Annotated, Any

import pyarrow.compute as pc
from pydantic import Field

from finery import Dataset, Draw, PipelineError, Source, Stage, did_you_mean, hookimpl, plugin

NONE = "null"
"""What a record without a value counts under."""


@plugin
class Balance:
    """Keep each source's records of one value of a column, such as a task or a label, to a number.

    Values with fewer records keep all of them; of the others a sample by chance stays. Over-large tasks drown small
    ones in instruction tuning: FLAN (Wei et al. 2022) keeps 30,000 examples of a task.

    ```toml
    [[stage]]
    mix = "balance"
    by = "label"
    max_records = 30_000
    ```
    """

    by: Annotated[str, Field(min_length=1)]
    """The column whose values are balanced; records without a value are a group of their own."""

    max_records: Annotated[int, Field(ge=1)] = 30_000
    """Records of one value at most, in each source."""

    @hookimpl
    def prepare(self, dataset: Dataset) -> dict[str, dict[str, int]]:
        """Records by source and value."""
        counts: dict[str, Counter[str]] = {name: Counter() for name in dataset.sources}
        for name, counted in counts.items():
            self.check(name, dataset.columns(name))
            for batch in dataset.batches(columns=[self.by], only=[name]):
                counted.update(values(batch.column(self.by)))
        return {name: dict(sorted(counted.items())) for name, counted in counts.items()}

    def check(self, source: str, columns: Sequence[str]) -> None:
        """Raise PipelineError where a source lacks the column."""
        if self.by not in columns:
            fault = f"has no column '{self.by}'{did_you_mean(self.by, columns)}"
            raise PipelineError.at(f"source '{source}'", fault, f"it has {', '.join(columns)}; only = chooses sources")

    @hookimpl
    def mix(self, sources: Sequence[Source], state: Mapping[str, Mapping[str, int]], stage: Stage) -> Draw:
        """A share of each value that has too many records, all of the others."""
        shares = {
            source.name: {value: min(1.0, self.max_records / count) for value, count in state[source.name].items()}
            for source in sources
        }
        return Draw(shares, by=self.by)


def values(column: Any) -> Mapping[str, int]:
    """How often each value stands in a column, as text."""
    counted = pc.value_counts(pc.fill_null(column.cast("string"), NONE).combine_chunks())
    return {entry["values"]: entry["counts"] for entry in counted.to_pylist()}
