"""All text of each record: its columns and what is nested in them, on lines of their own."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pyarrow as pa

NOT_TEXT = ("id", "source")
"""Columns that the kernel keeps, which are no text of a record."""


def texts_of(batch: pa.Table) -> Iterator[str]:
    """The text of each record of a batch; empty where it has none."""
    columns = [
        batch.column(name).to_pylist()
        for name, kind in zip(batch.column_names, batch.schema.types, strict=True)
        if name not in NOT_TEXT and holds_text(kind)
    ]
    for values in zip(*columns, strict=True) if columns else [()] * len(batch):
        yield "\n".join(part for value in values for part in parts(value))


def holds_text(kind: pa.DataType) -> bool:
    """Whether there can be text in values of a type."""
    if pa.types.is_dictionary(kind):
        return holds_text(kind.value_type)
    if pa.types.is_struct(kind):
        return any(holds_text(field.type) for field in kind)
    if pa.types.is_list(kind) or pa.types.is_large_list(kind):
        return holds_text(kind.value_type)
    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind))


def parts(value: Any) -> Iterator[str]:
    """The texts in a value; who says a message is none."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        yield from (part for name, inner in value.items() if name != "role" for part in parts(inner))
    elif isinstance(value, list):
        yield from (part for inner in value for part in parts(inner))
