"""The filter that a profile bounds its work with: some records of each source, chosen by their ids."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import pyarrow as pa
import pyarrow.compute as pc
from pydantic import Field

from finery.data.identity import chance
from finery.plugins import plugin
from finery.specs import hookimpl
from finery.types import Dataset, Stage, State

if TYPE_CHECKING:
    from finery.types import Batch


@plugin(releases_gil=True)
class Sample:
    """Keep about so many records of each source.

    A record stays or goes by a hash of its id, so that equal data have equal samples.
    """

    records: Annotated[int, Field(ge=1)] = 20_000
    """Records of each source to keep."""

    @hookimpl
    def prepare(self, dataset: Dataset, stage: Stage) -> State:
        """The share of each source that stays, 0 to 1."""
        counts = {name: sum(len(batch) for batch in dataset.batches([], [name])) for name in dataset.sources}
        return {name: min(1.0, self.records / max(count, 1)) for name, count in counts.items()}

    @hookimpl
    def filter(self, batch: Batch, state: State, stage: Stage) -> pa.Array:
        """`not-sampled`."""
        share = state[batch.column("source")[0].as_py()] if len(batch) else 1.0
        gone = chance(batch, stage) >= share
        return pc.if_else(pa.array(gone), "not-sampled", pa.scalar(None, pa.string()))
