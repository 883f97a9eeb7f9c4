"""What reading yields: rows as they stood, rows in their shape, and rows that could not be read."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeAlias

if TYPE_CHECKING:
    import pyarrow as pa

MAX_ROWS = 8_192
"""Rows that travel together at most."""
MAX_BYTES = 32 << 20
"""Bytes of text that travel together at most, unless one row is larger."""
MAX_LINE = 64 << 20
"""Bytes of one line, element or document at most: longer ones are kept out of memory and reported `too-
long`."""
RAW_BYTES = 1024
"""Bytes kept of a row that could not be read."""

Values: TypeAlias = Any
"""One column: a list of Python values, or a `pyarrow.Array`."""


@dataclass(frozen=True)
class Broken:
    """A row that could not be read or does not fit its shape."""

    file: str
    row: int
    """From 1: the line of a line-wise file, the row or element of any other; 1 for a whole file."""
    code: str
    """Why, in kebab case: `not-json`, `not-object`, `not-utf8`, `not-csv`, `wrong-fields`, `missing-field`,
    `wrong-type`, `truncated`, `damaged`, `too-deep` or `too-long`."""
    detail: str
    raw: bytes
    """The first 1,024 bytes of it, or of its JSON where it came from a table."""


@dataclass(frozen=True)
class Rows:
    """Rows in their shape: at most 8,192, or about 32 MB of text."""

    table: pa.Table
    """The shape's columns first, then the others; neither `id` nor `source`."""
    files: pa.Array
    """`string` (n,): the file each row came from."""
    rows: pa.Array
    """`int64` (n,): its line or row there, from 1."""
    broken: tuple[Broken, ...] = ()


@dataclass
class Raw:
    """Rows as they stood in one or more files, column by column, before any shape is asked of them."""

    columns: dict[str, Values]
    files: Sequence[str]
    """(n,) the file of each row."""
    rows: Sequence[int]
    """(n,) the line or row there, from 1."""
    broken: list[Broken] = field(default_factory=list)
    size: int = 0
    """Bytes of input they took."""

    def __len__(self) -> int:
        return len(self.rows)


def only_broken(*broken: Broken) -> Raw:
    """No rows, only what could not be read."""
    return Raw({}, [], [], list(broken))


def gathered(raws: Iterable[Raw], max_rows: int = MAX_ROWS, max_bytes: int = MAX_BYTES) -> Iterator[Raw]:
    """The same rows in the same order, small neighbours joined; what holds Arrow columns is left as it is."""
    held: list[Raw] = []
    rows = size = broken = 0
    for raw in raws:
        full = rows + len(raw) > max_rows or size + raw.size > max_bytes or broken > max_rows
        if held and (full or not is_plain(raw)):
            yield joined(held)
            held, rows, size, broken = [], 0, 0, 0
        if is_plain(raw):
            held.append(raw)
            rows, size, broken = rows + len(raw), size + raw.size, broken + len(raw.broken)
        else:
            yield raw
    if held:
        yield joined(held)


def is_plain(raw: Raw) -> bool:
    """Whether all columns are Python lists."""
    return all(isinstance(values, list) for values in raw.columns.values())


def joined(raws: Sequence[Raw]) -> Raw:
    """Several raws of Python lists as one; a column that one lacks is null there."""
    if len(raws) == 1:
        return raws[0]
    names = dict.fromkeys(name for raw in raws for name in raw.columns)
    columns = {name: chained(raw.columns.get(name, [None] * len(raw)) for raw in raws) for name in names}
    return Raw(
        columns,
        chained(raw.files for raw in raws),
        chained(raw.rows for raw in raws),
        chained(raw.broken for raw in raws),
        sum(raw.size for raw in raws),
    )


def chained(lists: Iterable[Sequence[Any]]) -> list[Any]:
    """One list of the values of all."""
    return [value for values in lists for value in values]
