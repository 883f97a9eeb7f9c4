"""The text of the records that a sweep names."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import pyarrow as pa

from finery.data.shards import ShardReader
from finery.sweep.counts import Sample
from finery.sweep.grid import Grid


def texts(grid: Grid, samples: Sequence[Sample]) -> Iterator[str]:
    """The beginning of each sample's text: its first column that holds any."""
    shards = [shard for shard in grid.dataset.all_shards() if shard.records]
    for sample in samples:
        shard = shards[sample.shard]
        reader = ShardReader(grid.dataset.artifacts, shard)
        sizes = [reader.file(shard.base).metadata.row_group(n).num_rows for n in range(sample.group + 1)]
        group = reader.group(sample.group, sum(sizes[:-1]), sizes[-1])
        reader.close()
        yield text_of(group.batch.slice(sample.place, 1))


def text_of(record: pa.Table, most: int = 400) -> str:
    """The beginning of a record's text."""
    for name in record.column_names[2:]:
        kind = record.schema.field(name).type
        if pa.types.is_large_string(kind) or pa.types.is_nested(kind):
            found = record.column(name)[0].as_py()
            if found:
                return " ".join((found if isinstance(found, str) else spoken(found)).split())[:most]
    return ""


def spoken(value: Any) -> str:
    """The text in a nested value: of a dialogue, who says what."""
    if isinstance(value, dict):
        return f"{value['role']}: {value['content']}" if "role" in value else " ".join(map(spoken, value.values()))
    return " / ".join(map(spoken, value)) if isinstance(value, list) else str(value or "")
