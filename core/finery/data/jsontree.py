"""JSON files: an array of objects, an object that holds one, or JSON Lines under another name."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, TypeAlias

from finery.data.decompress import Damaged
from finery.data.jsonarray import element_rows
from finery.data.jsonlines import columnar, json_rows, record
from finery.data.lines import line_batches, without_mark
from finery.data.rows import MAX_LINE, MAX_ROWS, RAW_BYTES, Broken, Raw, only_broken
from finery.errors import DataError

MAX_OBJECT = 256 << 20
"""Bytes of a JSON file that is one object at most, because it is read as a whole; arrays stream."""

TURNS = ("messages", "conversation", "conversations")
"""Fields whose list of objects is one dialogue, never a list of records."""

Chunks: TypeAlias = Callable[[], Iterator[bytes]]
"""Opens the file again, from its beginning."""


def tree_rows(chunks: Chunks, file: str, max_line: int = MAX_LINE) -> Iterator[Raw]:
    """The objects of a JSON file: elements of an array, of the one list in an object, lines, or the object
    itself.

    An array streams, and a broken element costs one row. Raises DataError for an object or element that is
    too large.
    """
    opening = head(chunks())
    if opening.startswith(b"["):
        return element_rows(without_mark(chunks()), file, max_line)
    if is_lines(opening):
        return json_rows(line_batches(chunks(), file, max_line=max_line), file)
    return whole(chunks(), file)


def head(chunks: Iterator[bytes], size: int = 4 << 20) -> bytes:
    """The first bytes that are not white space: at least `size` where the file has them."""
    text = b""
    try:
        for chunk in without_mark(chunks):
            text = (text + chunk).lstrip()
            if len(text) >= size:
                break
    except Damaged:
        pass
    return text


def is_lines(opening: bytes) -> bool:
    """Whether a file's first line is an object of its own and more follows."""
    first, _, rest = opening.partition(b"\n")
    return bool(rest.strip()) and isinstance(record(first, "", 1), dict)


def whole(chunks: Iterator[bytes], file: str) -> Iterator[Raw]:
    """The records of a file that is one object."""
    parts: list[bytes] = []
    try:
        parts.extend(limited(without_mark(chunks), file))
    except Damaged as damage:
        yield only_broken(Broken(file, 1, damage.code, damage.detail, b"".join(parts)[:RAW_BYTES]))
        return
    text = b"".join(parts)
    found = record(text, file, 1)
    if isinstance(found, Broken):
        yield only_broken(found)
    elif found is not None:
        yield from records_in(found, file, len(text))


def limited(chunks: Iterator[bytes], file: str) -> Iterator[bytes]:
    """The same chunks. Raises DataError where they are too many bytes to hold."""
    size = 0
    for chunk in chunks:
        size += len(chunk)
        if size > MAX_OBJECT:
            fault = f"is one JSON object of more than {MAX_OBJECT >> 20} MiB"
            raise DataError.at(file, fault, "make it an array or JSON Lines, which stream")
        yield chunk


def records_in(tree: dict[str, Any], file: str, size: int) -> Iterator[Raw]:
    """The objects of the only list of objects in an object, or the object."""
    lists = [value for name, value in tree.items() if name not in TURNS and is_objects(value)]
    records = lists[0] if len(lists) == 1 else [tree]
    share = size // len(records)
    for start in range(0, len(records), MAX_ROWS):
        some = records[start : start + MAX_ROWS]
        yield columnar(some, file, range(start + 1, start + 1 + len(some)), [], share * len(some))


def is_objects(value: object) -> bool:
    """Whether a value is a list of objects."""
    return isinstance(value, list) and bool(value) and all(isinstance(item, dict) for item in value)
