"""The format `split`: which records are for training, validation and test."""

from __future__ import annotations

from typing import Annotated

import numpy as np
import pyarrow as pa
import xxhash
from pydantic import Field, model_validator

from finery import Batch, Stage, chance, hookimpl, plugin
from finery_plugins.text.content import column_of, one_chunk, plain

Share = Annotated[float, Field(ge=0, lt=1)]
Name = Annotated[str, Field(min_length=1)]


@plugin
class Split:
    """Add the column `split`, which says whether a record is for training, validation or test.

    Chance is a hash of the record's id, or of its `group`, with the pipeline's seed: it does not depend on
    what else is in the data, and records of one group never stand on both sides. Shares hold on average, of
    groups where there are groups. Split before a mix: what a mix draws twice gets an id of its own there.

    ```toml
    [[stage]]
    format = "split"
    validation = 0.02
    group = "package"
    ```
    """

    validation: Share = 0.01
    """The share for validation."""

    test: Share = 0.0
    """The share for test."""

    group: str | None = None
    """A column whose equal values stay together; a record with a null there is on its own."""

    names: Annotated[list[Name], Field(min_length=3, max_length=3)] = Field(
        default_factory=lambda: ["train", "validation", "test"]
    )
    """What the three are called in the column: training, validation, test."""

    @model_validator(mode="after")
    def something_is_left_to_train_on(self) -> Split:
        """Raise ValueError where validation and test take everything, or two splits share a name."""
        if self.validation + self.test >= 1:
            raise ValueError(f"validation = {self.validation}, test = {self.test} leave nothing to train on")
        if len(set(self.names)) < 3:
            raise ValueError(f"names must differ, not {self.names}")
        return self

    @hookimpl
    def format(self, batch: Batch, stage: Stage) -> Batch:
        """The same records with `split`."""
        drawn = chance(batch, stage) if self.group is None else group_chance(batch, self.group, stage)
        edges = np.array([1 - self.validation - self.test, 1 - self.test])
        places = np.searchsorted(edges, drawn, side="right")
        labels = pa.array(self.names, pa.large_string()).take(pa.array(places))
        if "split" in batch.column_names:
            return batch.set_column(batch.column_names.index("split"), "split", labels)
        return batch.append_column("split", labels)


def group_chance(batch: Batch, column: str, stage: Stage) -> np.ndarray:
    """`float64` (n,) in [0, 1): one for equal values of a column, a record's own where it is null."""
    values = plain(one_chunk(column_of(batch, column))).to_pylist()
    pairs = zip(values, chance(batch, stage).tolist(), strict=True)
    return np.array([own if value is None else unit(value, stage.seed) for value, own in pairs], np.float64)


def unit(value: str, seed: int) -> float:
    """A number in [0, 1): the top 53 bits of xxh3."""
    return (xxhash.xxh3_64_intdigest(value.encode(), seed & (1 << 64) - 1) >> 11) * 2.0**-53
