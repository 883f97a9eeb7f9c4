"""Numbers of a data set's records, from so many row groups that it takes a moment however large the data set is."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from finery.data.dataset import ShardedDataset
from finery.data.shards import Shard, ShardReader
from finery.stages.amounts import weights

MOST = 200_000
"""Records that are looked at, more or less: a histogram of more looks the same."""

Place = tuple[Shard, int, int, int]
"""A row group: its shard, number, first row and rows."""


@dataclass(frozen=True)
class Numbers:
    """What was measured of each source's records."""

    values: dict[str, dict[str, np.ndarray]]
    """By measure and source: an array (n,)."""
    every: int
    """1 where every record was looked at, 3 for every third row group."""

    def of(self, measure: str) -> np.ndarray:
        """A measure over all sources."""
        found = list(self.values.get(measure, {}).values())
        return np.concatenate(found) if found else np.empty(0)


def numbers(dataset: ShardedDataset, measures: Sequence[str], most: int = MOST) -> Numbers:
    """The measures that a data set has; `characters` is counted where it is no column."""
    found: dict[str, dict[str, list[np.ndarray]]] = {name: {} for name in measures}
    places = [place for shard in dataset.all_shards() for place in row_groups(dataset, shard)]
    every = max(1, math.ceil(sum(length for *_, length in places) / most))
    for shard, number, start, length in places[::every]:
        has = {"characters"} | set(shard.columns)
        wanted = [name for name in measures if name in has]
        columns = None if "characters" in wanted and "characters" not in shard.columns else wanted
        reader = ShardReader(dataset.artifacts, shard, columns)
        batch = reader.group(number, start, length).batch
        reader.close()
        for name in wanted:
            found[name].setdefault(shard.source, []).append(weights(batch, name))
    joined = {name: {source: np.concatenate(parts) for source, parts in by.items()} for name, by in found.items()}
    return Numbers(joined, every)


def row_groups(dataset: ShardedDataset, shard: Shard) -> Iterator[Place]:
    """The row groups of a shard that has records."""
    if not shard.records:
        return
    reader = ShardReader(dataset.artifacts, shard, [])
    metadata, start = reader.file(shard.base).metadata, 0
    for number in range(metadata.num_row_groups):
        length = metadata.row_group(number).num_rows
        yield shard, number, start, length
        start += length
    reader.close()
