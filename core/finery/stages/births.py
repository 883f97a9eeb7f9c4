"""Records born of others: a format that splits, merges or multiplies makes a new base and says who came from whom."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from uuid import UUID

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from finery.data.identity import as_bytes, child_ids, one_chunk
from finery.data.shards import Group
from finery.stages.answers import parent_lists, plain
from finery.stages.layers import ShardOutput


def bear(
    output: ShardOutput, stage_id: str, group: Group, table: pa.Table, childless: Mapping[UUID, str] | None = None
) -> Group:
    """Records born of others: they get ids from their parents, who live on in them or leave with a decision.

    `childless` says why some bear none; for the others the reason is `no-output`.
    """
    parents = parent_lists(table)
    flat = pc.list_flatten(parents)
    ids = child_ids_of(parents, stage_id)
    base = table.drop_columns([n for n in ("parent", "id", "source") if n in table.column_names])
    base = base.add_column(0, "id", ids)
    output.columns = tuple(base.column_names)
    start = output.counts.born
    output.counts.born += len(base)
    output.file("data", base.schema).write(pa.table({n: plain(one_chunk(base.column(n))) for n in base.column_names}))
    kinship = pa.table({"child": ids.take(pc.list_parent_indices(parents)), "parent": flat})
    output.file("parents", kinship.schema).write(kinship)
    leave(output, group, flat, childless or {})
    source = pa.DictionaryArray.from_arrays(pa.array(np.zeros(len(base), np.int32)), [source_of(group)])
    batch = base.add_column(1, "source", source)
    rows = np.arange(start, start + len(base), dtype=np.int64)
    return Group(group.number, start, len(base), rows, batch)


def leave(output: ShardOutput, group: Group, parents: pa.Array, why: Mapping[UUID, str]) -> None:
    """Count parents as merged into their children; the others are dropped with a reason."""
    living = pc.is_in(group.batch.column("id").cast(pa.binary(16)), value_set=parents.cast(pa.binary(16)))
    output.counts.merged += pc.sum(living).as_py() or 0
    gone = pc.invert(living)
    childless = group.batch.filter(gone).column("id")
    rows = pa.array(group.rows[gone.to_numpy()])
    if len(childless):
        reason = pa.array([why.get(record, "no-output") for record in childless.to_pylist()])
        output.drop(pa.table({"row": rows, "record": childless, "reason": reason}))


def source_of(group: Group) -> str:
    """The source of a group, also where no record is left in it."""
    chunk = one_chunk(group.batch.column("source"))
    return str(chunk.dictionary[0].as_py()) if len(chunk.dictionary) else ""


def child_ids_of(parents: pa.Array, salt: str) -> pa.Array:
    """Ids of born records: from the first parent, how many this parent bore before, and the stage."""
    offsets = parents.offsets.to_numpy()
    flat = pc.list_flatten(parents)
    raw = as_bytes(flat)
    first = flat.take(pa.array(offsets[:-1] - offsets[0]))
    return child_ids(
        first, salt, occurrences([raw[o * 16 : o * 16 + 16] for o in (offsets[:-1] - offsets[0]).tolist()])
    )


def occurrences(values: Sequence[bytes]) -> np.ndarray:
    """How often each value (n,) stood before."""
    seen: dict[bytes, int] = {}
    return np.fromiter(counted(values, seen), np.int64, len(values))


def counted(values: Sequence[bytes], seen: dict[bytes, int]) -> Iterator[int]:
    """The running count of each value."""
    for value in values:
        seen[value] = seen.get(value, -1) + 1
        yield seen[value]
