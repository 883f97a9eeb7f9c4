"""Columns of one type each, from whatever values stood in the input.

The types are `null`, `bool`, `int64`, `double` and `large_string`; anything nested is JSON text with sorted
keys. Text made of a number or truth value is what `finery.data.identity` hashes for it, so that a record's id
does not depend on the type its neighbours gave the column.
"""

from __future__ import annotations

import base64
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import orjson
import pyarrow as pa
import pyarrow.compute as pc

from finery.data.rows import Values

TEXT = pa.large_string()
EXACT = 2**53
"""Integers up to here are doubles without loss."""


@dataclass(frozen=True)
class Flaw:
    """What is wrong with one value of a column."""

    index: int
    """Its row in the batch, from 0."""
    code: str
    detail: str


def column(values: Values) -> tuple[pa.Array, list[Flaw]]:
    """Values as one column of our types, and the flaws of those that cannot be kept (null in the column)."""
    return from_arrow(values) if isinstance(values, pa.Array) else from_values(values)


def from_values(values: Sequence[Any]) -> tuple[pa.Array, list[Flaw]]:
    """Python values, as JSON has them, as one column: text where they are of several types or nested."""
    first = next((value for value in values if value is not None), None)
    if isinstance(first, (dict, list)):
        return texts(values)
    try:
        array = pa.array(values, TEXT if isinstance(first, str) else None)
    except (pa.ArrowException, TypeError, ValueError, OverflowError):
        return texts(values)
    return (array, []) if is_ours(array.type) else texts(values)


def is_ours(type_: pa.DataType) -> bool:
    """Whether a column may have this type."""
    return type_ in (pa.null(), pa.bool_(), pa.int64(), pa.float64(), TEXT)


def texts(values: Sequence[Any]) -> tuple[pa.Array, list[Flaw]]:
    """Each value as text; null stays."""
    found: list[str | None] = []
    flaws = []
    for index, value in enumerate(values):
        try:
            found.append(text(value))
        except (TypeError, ValueError, RecursionError):
            found.append(None)
            flaws.append(Flaw(index, "too-deep", "nested more than 250 deep"))
    return pa.array(found, TEXT), flaws


def text(value: Any) -> str | None:
    """A value as text: JSON where it is nested, a number as Arrow prints it. Raises TypeError where it is too
    deep."""
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(value)
    if isinstance(value, float):
        return str(pa.scalar(value).cast(TEXT).as_py())
    if isinstance(value, bytes):
        return bytes_text(value)
    return orjson.dumps(value, default=plain, option=orjson.OPT_SORT_KEYS | orjson.OPT_NON_STR_KEYS).decode()


def plain(value: Any) -> Any:
    """What JSON cannot hold, as text."""
    return bytes_text(value) if isinstance(value, bytes) else str(value)


def bytes_text(value: bytes) -> str:
    """Bytes as text: what they say in UTF-8, else in base64."""
    try:
        return value.decode()
    except UnicodeDecodeError:
        return base64.b64encode(value).decode()


def from_arrow(array: pa.Array) -> tuple[pa.Array, list[Flaw]]:
    """An Arrow column of any type as a column of ours."""
    array = stored(array)
    kind = array.type
    if is_string(kind):
        return valid_text(array)
    if pa.types.is_floating(kind):
        return array.cast(pa.float64()), []
    if pa.types.is_integer(kind) or pa.types.is_decimal(kind):
        return number(array), []
    if is_ours(kind):
        return array, []
    if pa.types.is_temporal(kind):
        return temporal(array), []
    values, flaws = python_values(array)
    found, more = texts(values)
    return found, flaws + more


def python_values(array: pa.Array) -> tuple[list[Any], list[Flaw]]:
    """An Arrow column as Python values; one with bytes that are no UTF-8 is a flaw, and null."""
    try:
        return array.to_pylist(), []
    except UnicodeDecodeError:
        pass
    found, flaws = [], []
    for index, scalar in enumerate(array):
        try:
            found.append(scalar.as_py())
        except UnicodeDecodeError as error:
            found.append(None)
            flaws.append(Flaw(index, "not-utf8", f"byte {error.start + 1}: {error.reason}"))
    return found, flaws


def stored(array: pa.Array) -> pa.Array:
    """The values behind an extension or a dictionary; a UUID as its text."""
    if isinstance(array, pa.ExtensionArray):
        return pa.array(map_or_null(array.to_pylist()), TEXT) if array.type == pa.uuid() else stored(array.storage)
    if pa.types.is_dictionary(array.type):
        return stored(array.dictionary_decode())
    return array


def map_or_null(values: Iterable[Any]) -> list[str | None]:
    """Each value as `str` has it; null stays."""
    return [None if value is None else str(value) for value in values]


def is_string(kind: pa.DataType) -> bool:
    """Whether a type holds text."""
    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_string_view(kind))


def valid_text(array: pa.Array) -> tuple[pa.Array, list[Flaw]]:
    """Text as `large_string`. Files may hold bytes there that are no UTF-8: those are flaws."""
    raw = array.cast(pa.large_binary())
    try:
        return raw.cast(TEXT), []
    except pa.ArrowInvalid:
        return decoded(raw)


def decoded(raw: pa.Array) -> tuple[pa.Array, list[Flaw]]:
    """Bytes as text, value by value."""
    found: list[str | None] = []
    flaws = []
    for index, value in enumerate(raw.to_pylist()):
        try:
            found.append(None if value is None else value.decode())
        except UnicodeDecodeError as error:
            found.append(None)
            flaws.append(Flaw(index, "not-utf8", f"byte {error.start + 1}: {error.reason}"))
    return pa.array(found, TEXT), flaws


def number(array: pa.Array) -> pa.Array:
    """Integers and decimals: `int64` where they fit, else `double` for decimals and text for integers."""
    try:
        return array.cast(pa.int64())
    except pa.ArrowInvalid:
        return array.cast(pa.float64() if pa.types.is_decimal(array.type) else TEXT)


def temporal(array: pa.Array) -> pa.Array:
    """Dates and times as text."""
    try:
        return array.cast(TEXT)
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError):
        return pa.array(map_or_null(array.to_pylist()), TEXT)


def common_type(types: Iterable[pa.DataType]) -> pa.DataType:
    """The one type that columns of several batches can all have without loss that matters to an id.

    `null` gives way to all, `int64` to `double`, and anything else that differs becomes `large_string`.
    """
    found = set(types) - {pa.null()}
    if len(found) <= 1:
        return found.pop() if found else pa.null()
    return pa.float64() if found == {pa.int64(), pa.float64()} else TEXT


def as_type(array: pa.ChunkedArray | pa.Array, kind: pa.DataType) -> pa.ChunkedArray | pa.Array:
    """A column as the common type of several: text as Arrow prints it, JSON where it is nested.

    An integer beyond 2^53 becomes the nearest double.
    """
    if array.type == kind:
        return array
    if pa.types.is_nested(array.type) and kind == TEXT:
        return texts(array.to_pylist())[0]
    return pc.cast(array, kind, safe=False)
