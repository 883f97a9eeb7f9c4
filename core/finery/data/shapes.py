"""The shapes of records: which columns each has, how they are recognised, and rows brought into one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import orjson
import pyarrow as pa
import pyarrow.compute as pc

from finery.data.columns import Flaw, column, is_string, plain, stored
from finery.data.fields import READERS, Field, as_list, kept_whole
from finery.data.messages import parsed
from finery.data.rows import RAW_BYTES, Broken, Raw, Rows, Values

TURNS = ("messages", "conversation", "conversations")
"""What data sets call a dialogue."""

RESERVED = frozenset({"id", "source", "parent", "split"})
"""Columns of the kernel's own: a field of the data with such a name is kept as `original_...`."""

TEXT_FIELD = Field("text", "text")
ALPACA = (
    Field("instruction", "text"),
    Field("input", "text", required=False),
    Field("output", "text"),
    Field("history", "pairs", required=False),
)

SHAPES: Mapping[str, tuple[Field, ...]] = {
    "text": (TEXT_FIELD,),
    "alpaca": ALPACA,
    "ranked": (*ALPACA[:2], Field("output", "texts")),
    "preference": (
        Field("prompt", "either", required=False, aliases=TURNS),
        Field("chosen", "either"),
        Field("rejected", "either"),
    ),
    "messages": (Field("messages", "messages", aliases=TURNS[1:]),),
    "classification": (TEXT_FIELD, Field("label", "label", required=False)),
    "prompt": (Field("prompt", "either"),),
    "table": (),
}
"""The columns of each shape; those that are not required may be null. A `table` has any: it is never guessed."""


def guessed(columns: Mapping[str, Values]) -> str | None:
    """The shape of some rows by the names and first values of their columns, None where there is none."""
    first = {name: first_value(values) for name, values in columns.items()}
    if {"chosen", "rejected"} <= first.keys():
        return "preference"
    if any(is_dialogue(first.get(name)) for name in TURNS):
        return "messages"
    if {"instruction", "output"} <= first.keys():
        return "ranked" if isinstance(first["output"], list) else "alpaca"
    if "text" not in first:
        return "prompt" if isinstance(first.get("prompt"), str | list) else None
    labelled = "label" in first and not isinstance(first["label"], (list, dict))
    return "classification" if labelled else "text"


def first_value(values: Values) -> Any:
    """The first value that is not null."""
    if isinstance(values, pa.Array):
        values = as_list(values.drop_null().slice(0, 1))[0]
    return next((value for value in values if value is not None), None)


def is_dialogue(value: Any) -> bool:
    """Whether a value is a list of objects, or JSON text of one."""
    try:
        value = parsed(value)
    except ValueError:
        return False
    return isinstance(value, list) and bool(value) and isinstance(value[0], dict)


def lacking(columns: Mapping[str, Values], shape: str) -> list[str]:
    """The required columns of a shape that some rows do not have."""
    fields = [field for field in SHAPES[shape] if field.required]
    return [field.name for field in fields if not {field.name, *field.aliases} & columns.keys()]


def shaped(raw: Raw, mapping: Mapping[str, str], shape: str) -> Rows:
    """Rows in their shape: its columns first, then all others. A row that does not fit is Broken, with the
    field's name.

    `mapping` is our name of a column to theirs.
    """
    columns = renamed(raw.columns, mapping, len(raw))
    made: dict[str, pa.Array] = {}
    flaws: list[Flaw] = []
    for field in SHAPES[shape]:
        name = found_name(columns, field)
        values = columns.pop(name, None)
        made[field.name], some = checked(field, values, len(raw))
        flaws += some
        if values is not None and field.kind in ("messages", "either"):
            columns |= {free_name(whole, columns): kept for whole, kept in kept_whole(name, values).items()}
    for name, values in columns.items():
        made[free_name(name, made)], some = named_flaws(name, *column(values))
        flaws += some
    if not made:
        flaws = [Flaw(index, "missing-field", "the record is empty") for index in range(len(raw))]
        made = {"nothing": pa.nulls(len(raw))}
    return without(raw, made, flaws)


def renamed(columns: Mapping[str, Values], mapping: Mapping[str, str], rows: int) -> dict[str, Values]:
    """The columns under our names: mapped ones moved (taken out of their object where the name is a path)."""
    found = {name: at_path(columns, path, rows) for name, path in mapping.items()}
    moved = {path for path in mapping.values() if path in columns}
    others = [name for name in columns if name not in moved]
    for name in sorted(others, key=lambda name: name in RESERVED or name in mapping):
        found[free_name(name, found)] = columns[name]
    return found


def free_name(name: str, taken: Mapping[str, object]) -> str:
    """A name for a field of the data that is neither reserved nor taken."""
    while name in RESERVED or name in taken:
        name = f"original_{name}"
    return name


def at_path(columns: Mapping[str, Values], path: str, rows: int) -> Values:
    """A column by its name, or by a path such as `meta.url` into its objects."""
    if path in columns:
        return columns[path]
    root, _, rest = path.partition(".")
    if not rest or root not in columns:
        return [None] * rows
    values = columns[root]
    return [inner(value, rest) for value in as_list(values)[0]]


def inner(value: Any, path: str) -> Any:
    """The value at a path in nested objects, null where there is none."""
    while isinstance(value, dict):
        if path in value:
            return value[path]
        root, _, path = path.partition(".")
        value = value.get(root)
    return None


def found_name(columns: Mapping[str, Values], field: Field) -> str:
    """The name under which the rows have a field."""
    names = (field.name, *field.aliases)
    return next((name for name in names if name in columns), field.name)


def checked(field: Field, values: Values | None, rows: int) -> tuple[pa.Array, list[Flaw]]:
    """A column of a shape, and the flaws of the values that do not fit it."""
    array, flaws = READERS[field.kind]([None] * rows if values is None else values, field.name)
    if field.required and array.null_count > len(flaws):
        known = {flaw.index for flaw in flaws}
        nulls = pc.indices_nonzero(array.is_null()).to_pylist()
        flaws += [Flaw(index, "missing-field", "") for index in nulls if index not in known]
    return named_flaws(field.name, array, flaws)


def named_flaws(name: str, array: pa.Array, flaws: Sequence[Flaw]) -> tuple[pa.Array, list[Flaw]]:
    """The same, each flaw with the name of its field."""
    return array, [Flaw(flaw.index, flaw.code, f"{name}: {flaw.detail}".removesuffix(": ")) for flaw in flaws]


def without(raw: Raw, made: Mapping[str, pa.Array], flaws: Sequence[Flaw]) -> Rows:
    """The table without the rows that have a flaw: those are Broken, each for its first one."""
    table = pa.table(dict(made))
    files, rows = pa.array(raw.files, pa.string()), pa.array(raw.rows, pa.int64())
    if not flaws:
        return Rows(table, files, rows, tuple(raw.broken), raw.tally)
    first = {flaw.index: flaw for flaw in reversed(flaws)}
    keep = pa.array([index not in first for index in range(len(raw))], pa.bool_())
    broken = [broken_row(raw, first[index]) for index in sorted(first)]
    return Rows(table.filter(keep), files.filter(keep), rows.filter(keep), (*raw.broken, *broken), raw.tally)


def broken_row(raw: Raw, flaw: Flaw) -> Broken:
    """A row that was read but does not fit, with the beginning of it as JSON."""
    at = flaw.index
    values = {name: shown(column, at) for name, column in raw.columns.items()}
    return Broken(raw.files[at], raw.rows[at], flaw.code, flaw.detail, json_bytes(values))


def shown(values: Values, at: int) -> Any:
    """One value as JSON may have it; text of an Arrow column as bytes, which need not be UTF-8."""
    if not isinstance(values, pa.Array):
        return values[at]
    one = stored(values.slice(at, 1))
    return as_list(one.cast(pa.large_binary()) if is_string(one.type) else one)[0][0]


def json_bytes(values: Mapping[str, Any]) -> bytes:
    """The beginning of a row as JSON; nothing where it is nested too deep for that."""
    try:
        return orjson.dumps(values, default=plain)[:RAW_BYTES]
    except TypeError:
        return b""
