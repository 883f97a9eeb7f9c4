"""The order in which candidates of a dedupe would survive: by what is preferred, then by id."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from finery.context import Context
from finery.data.shards import Group, Shard, ShardReader
from finery.errors import PipelineError, did_you_mean
from finery.plan import Step

NODES = """
create temp table nodes as
select row_number() over (order by {prefer} id) as node, shard, row, id, null::uuid as other
from records {those}
"""


def order_of(prefer: str | None) -> str:
    """What comes before the id in the order of candidates, as SQL."""
    return f"prefer {'asc' if (prefer or '').startswith('-') else 'desc'} nulls last," if prefer else ""


def record_schema(kind: pa.DataType | None) -> pa.Schema:
    """What is known of a record to rank it; its column of type `kind` where there is one to prefer by."""
    schema = pa.schema([("shard", pa.int64()), ("row", pa.int64()), ("id", pa.uuid())])
    return schema if kind is None else schema.append(pa.field("prefer", kind))


def located(number: int, group: Group, column: str) -> pa.Table:
    """Where each record of a group stands, with its id and the column that is preferred by."""
    table = {
        "shard": pa.array(np.full(len(group.rows), number)),
        "row": pa.array(group.rows),
        "id": group.batch["id"],
    }
    if column:
        present = column in group.batch.column_names
        table["prefer"] = comparable(group.batch[column]) if present else pa.nulls(len(group.rows))
    return pa.table(table)


def comparable(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """A column with nulls for NaN, which DuckDB takes for the largest number."""
    if not pa.types.is_floating(column.type):
        return column
    return pc.if_else(pc.is_nan(column), pa.scalar(None, column.type), column)


def preferred_type(context: Context, step: Step, shards: list[tuple[int, Shard]]) -> pa.DataType | None:
    """The type to compare a preferred column in, None for none. Raises PipelineError where no source has it."""
    column = (step.configured.words.prefer or "").removeprefix("-")
    if not column:
        return None
    known: set[str] = set()
    for _, shard in shards:
        known |= set(shard.columns)
        if column in shard.columns:
            group = next(ShardReader(context.artifacts, shard, [column]).groups(), None)
            kind = group.batch.schema.field(column).type if group else pa.null()
            numeric = pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_boolean(kind)
            if not pa.types.is_null(kind):
                return pa.float64() if numeric else pa.large_string()
    fault = f"stage '{step.stage.id}': no column '{column}' to prefer by{did_you_mean(column, known)}"
    raise PipelineError.at(step.configured.place, fault, f"columns are {', '.join(sorted(known))}")
