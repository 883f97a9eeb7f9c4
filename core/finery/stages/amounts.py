"""How much there is of a source: records, characters, and the sums of its numeric columns."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from finery.context import Context
from finery.data.artifacts import Artifacts
from finery.data.identity import one_chunk
from finery.data.shards import Shard, ShardReader
from finery.types import Source


def weighed(context: Context, names: Sequence[str], shards: Sequence[Shard]) -> list[Source]:
    """Sources with the sums of their numeric columns and their characters: shard by shard, and in their order."""
    answers = dict(context.executor.run([WeighTask(context.artifacts, shard) for shard in shards], threads=True))
    found = []
    for name in names:
        records, totals = 0, {"characters": 0.0}
        for number, shard in enumerate(shards):
            if shard.source == name:
                [amounts] = answers[number]
                records += amounts["records"]
                for column, amount in amounts["totals"].items():
                    totals[column] = totals.get(column, 0) + amount
        found.append(Source(name, records, totals))
    return found


@dataclass(frozen=True)
class WeighTask:
    """How much there is in one shard."""

    artifacts: Artifacts
    shard: Shard

    def run(self) -> list[dict[str, Any]]:
        """Its records, and the sums."""
        totals: dict[str, float] = {"characters": 0.0}
        records = 0
        for group in ShardReader(self.artifacts, self.shard).groups():
            records += len(group.batch)
            totals["characters"] += float(weights(group.batch, "characters").sum())
            for column in group.batch.column_names[2:]:
                if column != "characters":
                    add_up(totals, column, group.batch.column(column))
        return [{"records": records, "totals": totals}]


def add_up(totals: dict[str, float], name: str, column: pa.ChunkedArray) -> None:
    """Add a column's sum, where it has one."""
    if pa.types.is_integer(column.type) or pa.types.is_floating(column.type):
        totals[name] = totals.get(name, 0) + (pc.sum(column).as_py() or 0)


def characters(column: pa.ChunkedArray) -> np.ndarray:
    """How many characters of text each record (n,) has in a column, nested text included."""
    column = one_chunk(column)
    kind = column.type
    if pa.types.is_large_string(kind) or pa.types.is_string(kind):
        found: np.ndarray = pc.fill_null(pc.utf8_length(column), 0).to_numpy(zero_copy_only=False)
        return found
    if pa.types.is_struct(kind):
        parts = [characters(column.field(i)) for i in range(kind.num_fields)]
        return added(parts, len(column))
    if pa.types.is_list(kind) or pa.types.is_large_list(kind):
        inner = characters(pc.list_flatten(column))
        return np.bincount(pc.list_parent_indices(column).to_numpy(), weights=inner, minlength=len(column))
    return np.zeros(len(column))


def added(parts: Sequence[np.ndarray], length: int) -> np.ndarray:
    """The sum of arrays (n,)."""
    return np.asarray(np.sum(parts, axis=0, dtype=np.float64)) if parts else np.zeros(length)


def weights(batch: pa.Table, unit: str) -> np.ndarray:
    """What each record (n,) counts in a unit."""
    if unit == "records":
        return np.ones(len(batch))
    if unit == "characters" and "characters" not in batch.column_names:
        parts = [characters(batch.column(name)) for name in batch.column_names[2:]]
        return added(parts, len(batch))
    column = pc.fill_null(batch.column(unit).cast(pa.float64()), 0.0)
    found: np.ndarray = one_chunk(column).to_numpy(zero_copy_only=False)
    return found
