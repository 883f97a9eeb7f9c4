"""What a plugin answered for a batch, checked against its hook and brought into one form: a table."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import pyarrow as pa

from finery.data.identity import one_chunk
from finery.errors import PluginError
from finery.types import Reasons

RESERVED = ("id", "source")
REASONS = pa.schema([("code", pa.string()), ("value", pa.float64()), ("bound", pa.float64()), ("detail", pa.string())])


def reasons_table(answer: Any, batch: pa.Table) -> pa.Table:
    """A filter's answer as `code, value, bound, detail`, a row a record."""
    reasons = answer if isinstance(answer, Reasons) else Reasons(answer)
    parts = {name: reasons_column(getattr(reasons, name), len(batch), name) for name in REASONS.names}
    return pa.table(parts, schema=REASONS)


def reasons_column(values: Any, length: int, name: str) -> pa.Array:
    """One part of the reasons as an array of the batch's length; one number stands for all records."""
    kind = REASONS.field(name).type
    if values is None:
        return pa.nulls(length, kind)
    if isinstance(values, int | float):
        return pa.repeat(pa.scalar(float(values), kind), length)
    return aligned(values, length, f"'{name}' of the reasons").cast(kind)


def columns_table(answer: Any, batch: pa.Table) -> pa.Table:
    """A score's answer as a table, a row a record. Raises PluginError for columns that are not the plugin's."""
    columns = dict(zip(answer.column_names, answer.columns, strict=True)) if isinstance(answer, pa.Table) else answer
    if not isinstance(columns, Mapping):
        raise PluginError.at("", f"'score' answered {type(answer).__name__}", "return a mapping of name to array")
    if taken := [name for name in columns if name in RESERVED]:
        raise PluginError.at("", f"'score' may not write '{taken[0]}'", "choose another name")
    return pa.table({name: plain(aligned(values, len(batch), f"'{name}'")) for name, values in columns.items()})


def keys_table(answer: Any, batch: pa.Table) -> pa.Table:
    """A dedupe's answer as one column `keys`: a list of keys a record."""
    keys = plain(aligned(answer, len(batch), "the keys"))
    if not pa.types.is_list(keys.type) and not pa.types.is_large_list(keys.type):
        offsets = pa.array(range(len(keys) + 1), pa.int32())
        keys = pa.ListArray.from_arrays(offsets, keys)
    return pa.table({"keys": keys.cast(pa.large_list(keys.type.value_type))})


def records_table(answer: Any, batch: pa.Table) -> pa.Table:
    """A format's answer: the same records in the same order, or records that name their parents."""
    if not isinstance(answer, pa.Table):
        raise PluginError.at("", f"'format' answered {type(answer).__name__}", "return a pyarrow.Table")
    if "parent" not in answer.column_names:
        same = len(answer) == len(batch) and answer.column("id").equals(batch.column("id"))
        if not same:
            remedy = "return as many records, in order, or add a 'parent' column"
            raise PluginError.at("", f"'format' made {len(answer)} records of {len(batch)}", remedy)
    return answer


FORMS: Mapping[str, Callable[[Any, pa.Table], pa.Table]] = {
    "filter": reasons_table,
    "score": columns_table,
    "dedupe": keys_table,
    "format": records_table,
}


def aligned(values: Any, length: int, what: str) -> pa.Array:
    """An array of one value a record. Raises PluginError for another length."""
    array = values if isinstance(values, pa.Array | pa.ChunkedArray) else pa.array(values)
    if len(array) != length:
        raise PluginError.at("", f"{what} has {len(array)} values for {length} records", "return one a record")
    return one_chunk(array)


def plain(column: pa.Array) -> pa.Array:
    """A column without dictionary encoding, whose order would depend on the batch."""
    return column.dictionary_decode() if pa.types.is_dictionary(column.type) else column
