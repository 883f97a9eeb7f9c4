"""What reading yields: rows as they stood, rows in their shape, and rows that could not be read."""

from __future__ import annotations

from collections import Counter
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

LEFT_OUT = frozenset({"redirect", "not-text", "no-text"})
"""Codes of what could be read and holds no document: it is dropped, and does not count as a failure."""

Values: TypeAlias = Any
"""One column: a list of Python values, or a `pyarrow.Array`."""


@dataclass(frozen=True)
class Broken:
    """A row that could not be read or does not fit its shape."""

    file: str
    row: int
    """From 1: the line of a line-wise file, the row or element of any other; 1 for a whole file. From 0: the byte at
    which a record of a web archive begins."""
    code: str
    """Why, in kebab case: `not-json`, `not-object`, `not-utf8`, `not-csv`, `wrong-fields`, `missing-field`,
    `wrong-type`, `truncated`, `damaged`, `too-deep` or `too-long`; of the web also `not-warc`, `wrong-length`,
    `damaged-record`, `not-http`, `not-html`, `wrong-charset`, and those of LEFT_OUT."""
    detail: str
    raw: bytes
    """The first 1,024 bytes of it, or of its JSON where it came from a table."""

    @property
    def failed(self) -> bool:
        """Whether it counts as a failure."""
        return self.code not in LEFT_OUT


@dataclass(frozen=True)
class Rows:
    """Rows in their shape: at most 8,192, or about 32 MB of text."""

    table: pa.Table
    """The shape's columns first, then the others; neither `id` nor `source`."""
    files: pa.Array
    """`string` (n,): the file each row came from."""
    rows: pa.Array
    """`int64` (n,): its line or row there, as in `Broken`."""
    broken: tuple[Broken, ...] = ()
    tally: Counter[str] = field(default_factory=Counter)
    """Counts of what is neither a row nor a fault, such as the requests in a web archive."""


@dataclass
class Raw:
    """Rows as they stood in one or more files, column by column, before any shape is asked of them."""

    columns: dict[str, Values]
    files: Sequence[str]
    """(n,) the file of each row."""
    rows: Sequence[int]
    """(n,) the line or row there, as in `Broken`."""
    broken: list[Broken] = field(default_factory=list)
    size: int = 0
    """Bytes of input they took."""
    tally: Counter[str] = field(default_factory=Counter)
    """As in `Rows`."""

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
        sum((raw.tally for raw in raws), Counter()),
    )


def chained(lists: Iterable[Sequence[Any]]) -> list[Any]:
    """One list of the values of all."""
    return [value for values in lists for value in values]
