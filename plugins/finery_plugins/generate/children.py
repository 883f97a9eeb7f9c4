"""Records that were generated: children of their seeds, with who wrote them, what was asked and what it cost."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pyarrow as pa

from finery import Batch
from finery_plugins.format.ranked import put
from finery_plugins.generate.kept import Reply

PROVENANCE = ("generated_by", "prompt_id", "cost")


def children(batch: Batch, rows: Sequence[int], columns: Mapping[str, pa.Array], gone: Sequence[str] = ()) -> Batch:
    """A record for each of `rows`, its `parent` the record there, with the values of its parent but for `columns`."""
    born = batch.take(pa.array(rows, pa.int64()))
    born = born.drop_columns([name for name in dict.fromkeys(gone) if name in born.column_names])
    born = born.rename_columns([{"id": "parent"}.get(name, name) for name in born.column_names])
    for name, column in columns.items():
        born = put(born, name, column)
    return born


def texts(values: Sequence[str | None]) -> pa.Array:
    """A column of text."""
    return pa.array(values, pa.large_string())


def provenance(replies: Sequence[Sequence[Reply]]) -> dict[str, pa.Array]:
    """The columns `generated_by`, `prompt_id` (several joined by commas) and `cost` of each record's replies.

    All are null for a record without replies.
    """
    by = [", ".join(dict.fromkeys(reply.model for reply in row)) or None for row in replies]
    prompts = [",".join(reply.prompt_id for reply in row) or None for row in replies]
    costs = [sum(reply.cost for reply in row) if row else None for row in replies]
    return {"generated_by": texts(by), "prompt_id": texts(prompts), "cost": pa.array(costs, pa.float64())}
