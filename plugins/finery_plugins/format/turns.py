"""Turns of dialogues in columns: where they stand, who speaks, and a column with some of them."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from finery import Batch, PipelineError
from finery_plugins.format.chat import ROLES
from finery_plugins.text.content import is_list, listed, one_chunk, place

COLUMNS = ("messages", "conversations", "conversation", "prompt")
"""The columns that may hold turns."""


def turn_column(batch: Batch) -> str | None:
    """The column of a batch that holds turns, if one does."""
    kinds = {field.name: field.type for field in batch.schema}
    return next((name for name in COLUMNS if name in kinds and holds_turns(kinds[name])), None)


def holds_turns(kind: pa.DataType) -> bool:
    """Whether values are lists of turns: who, and what was said."""
    return is_list(kind) and pa.types.is_struct(kind.value_type) and None not in keys(kind.value_type)


def keys(turn: pa.StructType) -> tuple[str | None, str | None]:
    """The fields of a turn that say who speaks and what was said, None where there is no such field."""
    names = {field.name for field in turn}
    who = next((name for name in ("role", "from") if name in names), None)
    return who, next((name for name in ("content", "value") if name in names), None)


def roles(turns: pa.Array) -> list[str]:
    """Who speaks in each turn, by the usual name; empty where the name is not known."""
    who, _ = keys(turns.type)
    return [ROLES.get((name or "").strip().lower(), "") for name in turns.field(who).to_pylist()]


def contents_of(turns: pa.Array) -> pa.Array:
    """`large_string` (n,): what was said in each turn, null as empty."""
    _, said = keys(turns.type)
    return turns.field(said).cast(pa.large_string()).fill_null("")


def bounds(column: pa.Array) -> list[tuple[int, int]]:
    """Where each list of a column starts and ends among its items; a null is an empty list."""
    lengths = pc.list_value_length(column).fill_null(0).to_pylist()
    ends = np.cumsum([0, *lengths]).tolist()
    return list(pairwise(ends))


def with_items(column: pa.Array, rows: Sequence[Sequence[int]]) -> pa.Array:
    """A list column with the items at some positions in each row; type and nulls stay."""
    flat = pa.array([position for row in rows for position in row], pa.int64())
    large = pa.types.is_large_list(column.type)
    ends = np.cumsum([0, *map(len, rows)])
    offsets = pa.array(ends, pa.int64() if large else pa.int32())
    whole = pa.LargeListArray if large else pa.ListArray
    mask = column.is_null() if column.null_count else None
    return whole.from_arrays(offsets, column.flatten().take(flat), type=column.type, mask=mask)


def turns_of(batch: Batch, name: str) -> pa.Array:
    """A column of turns as one array."""
    return one_chunk(batch.column(name))


def replaced(batch: Batch, name: str, column: pa.Array) -> Batch:
    """The batch with another column under a name that it has."""
    return batch.set_column(batch.column_names.index(name), batch.schema.field(name).with_type(column.type), column)


def no_dialogue(batch: Batch, plugin: str, takes: str) -> Exception:
    """The error for a batch that a plugin finds no dialogue in."""
    columns: list[Any] = [name for name in batch.column_names if name not in ("id", "source")]
    fault = f"'{plugin}' finds no dialogue in {listed(columns)}"
    return PipelineError.at(place(batch), fault, f"it takes {takes}: name the sources it is for with only = [...]")
