"""CSV and TSV as in RFC 4180: a header, quotes, newlines inside quotes; every field is text."""

from __future__ import annotations

import csv
from collections import Counter, deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from finery.data.lines import LineBatch
from finery.data.rows import MAX_BYTES, MAX_LINE, MAX_ROWS, RAW_BYTES, Broken, Raw
from finery.errors import DataError

LONE = "surrogateescape"
"""How bytes that are no UTF-8 pass through the parser, to be recognised behind it."""


@dataclass
class Feed:
    """Hands lines to the csv parser, and remembers which ones went into the row at hand."""

    batches: Iterator[LineBatch]
    taken: list[tuple[int, bytes]] = field(default_factory=list)
    """The lines of the row at hand, with their numbers."""
    waiting: deque[tuple[int, bytes]] = field(default_factory=deque)
    """Lines to be handed out, with their numbers."""
    broken: list[Broken] = field(default_factory=list)
    """Lines that are too long, and where the file breaks off."""
    held: int = 0
    """Bytes in `taken`."""
    cut: bool = False
    """The file broke off: a row that is open at its end is part of what the break cost."""

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        """The next line as text, with its newline, because quotes may hold it."""
        while not self.waiting:
            batch = next(self.batches)
            if isinstance(batch, Broken):
                self.broken.append(batch)
                self.cut = batch.code in ("truncated", "damaged")
            else:
                self.waiting.extend(enumerate(batch.lines, batch.first))
        number, line = self.waiting.popleft()
        self.taken.append((number, line))
        self.held += len(line)
        return line.decode(errors=LONE) + "\n"

    @property
    def first(self) -> int:
        """The number of the first line of the row at hand."""
        return self.taken[0][0]

    def clear(self) -> None:
        """The row at hand is done with."""
        self.taken, self.held = [], 0

    def restart(self) -> bytes:
        """Drop the first line of the row at hand, which it gives, and hand out the others again."""
        (_, line), *others = self.taken
        self.waiting.extendleft(reversed(others))
        self.clear()
        return line


def delimited_rows(
    batches: Iterable[LineBatch], file: str, delimiter: str = ",", max_line: int = MAX_LINE
) -> Iterator[Raw]:
    """The rows of a file. Blank lines are no rows; a row with too many or too few fields is Broken.

    Where quotes do not close, the line they open on is Broken and reading goes on behind it. Raises DataError
    for a header that cannot be one.
    """
    csv.field_size_limit(max_line)
    feed = Feed(iter(batches))
    rows = parsed(feed, file, delimiter)
    header = next(rows, None)
    if isinstance(header, Broken):
        raise DataError.at(file, f"has no readable header: {header.detail}")
    if header is None:
        yield Raw({}, [], [], feed.broken)
        return
    feed.clear()
    yield from batched(rows, feed, column_names(header[1], file), file)


def batched(rows: Iterator[tuple[int, list[str]] | Broken], feed: Feed, names: list[str], file: str) -> Iterator[Raw]:
    """Rows in batches, column by column."""
    batch = Batch(names, file)
    for row in rows:
        batch.take(row, feed)
        if len(batch.rows) >= MAX_ROWS or batch.size >= MAX_BYTES:
            yield batch.raw(feed)
            batch = Batch(names, file)
    yield batch.raw(feed)


@dataclass
class Batch:
    """Rows that will travel together."""

    names: list[str]
    file: str
    rows: list[list[str]] = field(default_factory=list)
    numbers: list[int] = field(default_factory=list)
    broken: list[Broken] = field(default_factory=list)
    size: int = 0

    def take(self, row: tuple[int, list[str]] | Broken, feed: Feed) -> None:
        """One more row, if it has as many fields as there are columns."""
        self.size += feed.held
        if isinstance(row, Broken):
            self.broken.append(row)
        elif len(row[1]) != len(self.names):
            detail = f"{len(row[1])} fields where the header has {len(self.names)}"
            self.broken.append(Broken(self.file, row[0], "wrong-fields", detail, raw(feed)))
        else:
            self.numbers.append(row[0])
            self.rows.append(row[1])
        feed.clear()

    def raw(self, feed: Feed) -> Raw:
        """The rows as columns, and what was broken on the way."""
        values = zip(*self.rows, strict=True) if self.rows else ([] for _ in self.names)
        columns = {name: list(column) for name, column in zip(self.names, values, strict=True)}
        broken, feed.broken = self.broken + feed.broken, []
        return Raw(columns, [self.file] * len(self.rows), self.numbers, broken, self.size)


def parsed(feed: Feed, file: str, delimiter: str) -> Iterator[tuple[int, list[str]] | Broken]:
    """Line number and fields of each row, or Broken; `feed` holds the row's lines until it is cleared."""
    reader = csv.reader(feed, delimiter=delimiter, strict=True)
    while True:
        try:
            fields = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            if feed.cut and not feed.waiting:
                return
            number = feed.first
            yield Broken(file, number, "not-csv", str(error), feed.restart()[:RAW_BYTES])
            reader = csv.reader(feed, delimiter=delimiter, strict=True)
            continue
        if not fields:
            feed.clear()
        elif undecodable(feed):
            yield Broken(file, feed.first, "not-utf8", "bytes that are no UTF-8", raw(feed))
        else:
            yield feed.first, fields


def undecodable(feed: Feed) -> bool:
    """Whether the row at hand holds bytes that are no UTF-8."""
    try:
        for _, line in feed.taken:
            line.decode()
    except UnicodeDecodeError:
        return True
    return False


def raw(feed: Feed) -> bytes:
    """The beginning of the row at hand."""
    return b"\n".join(line for _, line in feed.taken)[:RAW_BYTES]


def column_names(header: list[str], file: str) -> list[str]:
    """The names of the columns; one without a name is called by its number. Raises DataError for two of one
    name."""
    names = [name.strip() or f"column_{number}" for number, name in enumerate(header, 1)]
    twice = [name for name, count in Counter(names).items() if count > 1]
    if twice:
        raise DataError.at(file, f"has two columns '{twice[0]}'", "rename one in the first line")
    return names
