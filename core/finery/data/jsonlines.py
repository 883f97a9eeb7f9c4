"""JSON Lines: an object a line."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import chain
from typing import Any

import orjson

from finery.data.lines import LineBatch, Lines
from finery.data.rows import MAX_ROWS, RAW_BYTES, Broken, Raw, only_broken
from finery.errors import DataError

MAX_COLUMNS = 4_096
"""Different field names among rows that travel together at most: a table of more would not fit in memory."""


def json_rows(batches: Iterable[LineBatch], file: str, max_rows: int = MAX_ROWS) -> Iterator[Raw]:
    """The objects in batches of lines. Blank lines are no rows; what is no JSON object is Broken."""
    for batch in batches:
        if isinstance(batch, Broken):
            yield only_broken(batch)
            continue
        for start in range(0, len(batch.lines), max_rows):
            yield parsed(Lines(batch.first + start, batch.lines[start : start + max_rows]), file)


def parsed(batch: Lines, file: str) -> Raw:
    """The objects in some lines."""
    records, broken = loaded(batch.lines)
    if records is None:
        return parsed_singly(batch, file)
    numbers = range(batch.first, batch.first + len(records))
    return columnar(records, file, numbers, broken, sum(map(len, batch.lines)))


def loaded(lines: Sequence[bytes]) -> tuple[list[dict[str, Any]] | None, list[Broken]]:
    """The objects where every line is one, else None: the common case in one sweep."""
    try:
        records = [orjson.loads(line) for line in lines]
    except orjson.JSONDecodeError:
        return None, []
    return (records, []) if set(map(type, records)) <= {dict} else (None, [])


def parsed_singly(batch: Lines, file: str) -> Raw:
    """The objects in some lines, where some are none."""
    records, numbers, broken = [], [], []
    for number, line in enumerate(batch.lines, batch.first):
        found = record(line, file, number)
        if isinstance(found, Broken):
            broken.append(found)
        elif found is not None:
            records.append(found)
            numbers.append(number)
    return columnar(records, file, numbers, broken, sum(map(len, batch.lines)))


def record(text: bytes, file: str, row: int) -> dict[str, Any] | Broken | None:
    """The object in a line or element, None for a blank one, Broken for anything else."""
    if not text.strip():
        return None
    try:
        value = orjson.loads(text)
    except orjson.JSONDecodeError as error:
        return Broken(file, row, *fault(text, error), text[:RAW_BYTES])
    if isinstance(value, dict):
        return value
    detail = f"a JSON {json_type(value)} where an object should be"
    return Broken(file, row, "not-object", detail, text[:RAW_BYTES])


def fault(text: bytes, error: orjson.JSONDecodeError) -> tuple[str, str]:
    """Code and detail of what orjson could not read."""
    said = str(error)
    if "depth limit" in said or "ecursion" in said:
        return "too-deep", "nested more than 1,024 deep"
    try:
        text.decode()
    except UnicodeDecodeError as undecodable:
        return "not-utf8", f"byte {undecodable.start + 1}: {undecodable.reason}"
    return "not-json", said


def json_type(value: object) -> str:
    """What JSON calls a value."""
    names = {list: "array", str: "string", bool: "boolean", type(None): "null", dict: "object"}
    return names.get(type(value), "number")


def columnar(
    records: Sequence[dict[str, Any]], file: str, numbers: Sequence[int], broken: list[Broken], size: int
) -> Raw:
    """Objects as columns, in order of first appearance. Raises DataError where there are too many of them."""
    names = list(dict.fromkeys(chain.from_iterable(records)))
    if len(names) > MAX_COLUMNS:
        fault = f"row {numbers[0]} and the {len(records) - 1:,} after it have {len(names):,} different fields"
        raise DataError.at(file, fault, "keep free keys in one nested object")
    columns = {name: [record.get(name) for record in records] for name in names}
    return Raw(columns, [file] * len(records), list(numbers), broken, size)
