"""Formats whose `gather` answers what it may not."""

import pyarrow as pa
from bad_case import Case

from finery import Batch, hookimpl, plugin


@plugin
class FloatKeys:
    """Gather by a fraction."""

    @hookimpl
    def gather(self, batch: Batch) -> pa.Array:
        return pa.array([0.5] * len(batch), pa.float64())

    @hookimpl
    def format(self, batch: Batch) -> Batch:
        return batch.rename_columns(["parent" if name == "id" else name for name in batch.column_names])


@plugin
class Numbering:
    """Gather by the place in the batch."""

    @hookimpl
    def gather(self, batch: Batch) -> pa.Array:
        return pa.array([i // 2 for i in range(len(batch))], pa.int64())

    @hookimpl
    def format(self, batch: Batch) -> Batch:
        return batch.rename_columns(["parent" if name == "id" else name for name in batch.column_names])


@plugin
class Parentless:
    """Gather, and leave the records as they are."""

    @hookimpl
    def gather(self, batch: Batch) -> pa.Array:
        return pa.array([1] * len(batch), pa.int64())

    @hookimpl
    def format(self, batch: Batch) -> Batch:
        return batch


CASES = [Case("gather-keys", FloatKeys()), Case("gather-alone", Numbering()), Case("gather-births", Parentless())]
