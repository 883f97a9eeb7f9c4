"""What a plugin answered for a batch, checked against its hook and brought into one form: a table."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any
from uuid import UUID

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from finery.data.identity import one_chunk
from finery.errors import FineryError, PluginError
from finery.plan import Step
from finery.types import Reasons

RESERVED = ("id", "source")
TEXTS = (pa.types.is_string, pa.types.is_large_string, pa.types.is_null)
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
    column = plain(aligned(values, length, f"'{name}' of the reasons"))
    if pa.types.is_string(kind) and not any(test(column.type) for test in TEXTS):
        raise PluginError.at("", f"'{name}' of the reasons is {column.type}", "return strings, null for what stays")
    return column.cast(kind)


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


def group_table(answer: Any, batch: pa.Table) -> pa.Table:
    """A gather's answer as one column `key`: an integer or a string a record. Raises PluginError for other types."""
    keys = plain(aligned(answer, len(batch), "the keys"))
    if pa.types.is_integer(keys.type):
        return pa.table({"key": keys.cast(pa.int64())})
    if not any(test(keys.type) for test in TEXTS):
        raise PluginError.at("", f"'gather' answered keys of type {keys.type}", "return integers or strings")
    return pa.table({"key": keys.cast(pa.large_string())})


def records_table(answer: Any, batch: pa.Table) -> pa.Table:
    """A format's answer: the same records in the same order, or records that name their parents."""
    if not isinstance(answer, pa.Table):
        raise PluginError.at("", f"'format' answered {type(answer).__name__}", "return a pyarrow.Table")
    if "parent" in answer.column_names:
        check_parents(parent_lists(answer), batch)
        return answer
    if lost := [name for name in RESERVED if name not in answer.column_names]:
        raise PluginError.at("", f"'format' took away the column '{lost[0]}'", "leave it as it is")
    if len(answer) != len(batch) or not answer.column("id").equals(batch.column("id")):
        remedy = "return as many records, in order, or add a 'parent' column"
        raise PluginError.at("", f"'format' made {len(answer)} other records of {len(batch)}", remedy)
    return answer


def cut_table(answer: Any, batch: pa.Table) -> pa.Table:
    """The columns that a `cut` changed, each typed as before. Raises PluginError for a column that is not there."""
    columns = dict(zip(answer.column_names, answer.columns, strict=True)) if isinstance(answer, pa.Table) else answer
    if not isinstance(columns, Mapping):
        raise PluginError.at("", f"'cut' answered {type(answer).__name__}", "return the columns that it changed")
    columns = {name: values for name, values in columns.items() if name not in RESERVED}
    if strange := [name for name in columns if name not in batch.column_names]:
        raise PluginError.at("", f"'cut' wrote a new column '{strange[0]}'", "change the columns that records have")
    if not columns:
        raise PluginError.at("", "'cut' answered no column", "return what it changes, the same columns every time")
    kinds = {name: batch.schema.field(name).type for name in columns}
    return pa.table({n: aligned(values, len(batch), f"'{n}'").cast(kinds[n]) for n, values in columns.items()})


def reasons_by_id(reasons: Any, batch: pa.Table) -> dict[UUID, str]:
    """Why records bear none, by id. Raises PluginError where there is not one a record."""
    column = plain(aligned(reasons, len(batch), "the reasons")).to_pylist()
    return {one: why for one, why in zip(batch.column("id").to_pylist(), column, strict=True) if why is not None}


def parent_lists(table: pa.Table) -> pa.Array:
    """Each born record's parents, as a list a record."""
    parents = one_chunk(table.column("parent"))
    if pa.types.is_list(parents.type) or pa.types.is_large_list(parents.type):
        return parents.cast(pa.list_(pa.uuid()))
    return pa.ListArray.from_arrays(pa.array(np.arange(len(parents) + 1, dtype=np.int32)), parents.cast(pa.uuid()))


def check_parents(parents: pa.Array, batch: pa.Table) -> None:
    """Raise PluginError for records born of nobody, or of records that are not in the batch."""
    ids = one_chunk(batch.column("id")).storage
    known = pc.is_in(pc.list_flatten(parents).storage, value_set=ids)
    if parents.null_count or (len(parents) and not pc.min(pc.list_value_length(parents)).as_py()):
        raise PluginError.at("", "'format' made a record without a parent", "name at least one")
    if not pc.all(known, min_count=0).as_py():
        raise PluginError.at("", "'format' named a parent that is not in its batch", "take it from the 'id' column")


@contextmanager
def blamed(step: Step) -> Iterator[None]:
    """Give what a plugin raises its stage and version; a FineryError says enough already."""
    try:
        yield
    except FineryError:
        raise
    except Exception as error:
        place = f"stage '{step.stage.id}' ({step.stage.plugin}, {step.entry.label})"
        raise PluginError.at(place, f"{type(error).__name__}: {error}") from error


FORMS: Mapping[str, Callable[[Any, pa.Table], pa.Table]] = {
    "filter": reasons_table,
    "score": columns_table,
    "dedupe": keys_table,
    "format": records_table,
    "gather": group_table,
    "cut": cut_table,
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
