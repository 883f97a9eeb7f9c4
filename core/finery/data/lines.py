"""The lines of a byte stream in batches, with their numbers, in constant memory whatever a line's length."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import TypeAlias

from finery.data.decompress import Damaged
from finery.data.rows import MAX_LINE, RAW_BYTES, Broken

BOM = b"\xef\xbb\xbf"


@dataclass(frozen=True)
class Lines:
    """Neighbouring lines without their newlines (a carriage return stays)."""

    first: int
    """The number of the first one, from 1."""
    lines: list[bytes]


LineBatch: TypeAlias = Lines | Broken


@dataclass
class Tail:
    """The line that no newline has ended yet."""

    number: int
    """Its number."""
    parts: list[bytes] = field(default_factory=list)
    size: int = 0
    skipping: bool = False
    """It was too long, has been reported, and is being passed over."""

    def take(self, chunk: bytes) -> None:
        """Grow by `chunk`, which holds no newline."""
        if chunk and not self.skipping:
            self.parts.append(chunk)
            self.size += len(chunk)

    def skip(self) -> None:
        """Pass over the rest of it."""
        self.parts, self.size, self.skipping = [], 0, True

    def text(self) -> bytes:
        """What there is of it; it is empty afterwards."""
        text = b"".join(self.parts)
        self.parts, self.size = [], 0
        return text


def line_batches(chunks: Iterable[bytes], file: str, first: int = 1, max_line: int = MAX_LINE) -> Iterator[LineBatch]:
    """Every line once, in order: batches of them, and a Broken for each that is too long and where the file
    breaks off.

    `first` is the number of the first line. A byte order mark before line 1 is dropped. The line that a break
    in a compressed file cuts is the Broken's; a last line without newline is a line.
    """
    tail = Tail(first)
    chunks = without_mark(chunks) if first == 1 else chunks
    try:
        for chunk in chunks:
            yield from advanced(tail, chunk, file, max_line)
    except Damaged as damage:
        yield Broken(file, tail.number, damage.code, damage.detail, tail.text()[:RAW_BYTES])
        return
    if tail.size:
        yield Lines(tail.number, [tail.text()])


def advanced(tail: Tail, chunk: bytes, file: str, max_line: int) -> Iterator[LineBatch]:
    """The lines that `chunk` ends; `tail` holds what is left."""
    cut = chunk.rfind(b"\n")
    if cut >= 0:
        tail.take(chunk[:cut]) if not tail.skipping else None
        yield from ended(tail, chunk[:cut], file, max_line)
    tail.take(chunk[cut + 1 :])
    if tail.size > max_line:
        yield too_long(file, tail.number, b"".join(tail.parts), max_line)
        tail.skip()


def ended(tail: Tail, body: bytes, file: str, max_line: int) -> Iterator[LineBatch]:
    """The lines up to a newline; `body` is the newest part of them."""
    first = tail.number
    if tail.skipping:
        _, *lines = body.split(b"\n")
        first += 1
    else:
        text = tail.text()
        lines = text.split(b"\n")
    tail.number = first + len(lines)
    tail.skipping = False
    yield from within(Lines(first, lines), file, max_line)


def within(batch: Lines, file: str, max_line: int) -> Iterator[LineBatch]:
    """The batch, broken where a line is too long."""
    start = 0
    if sum(map(len, batch.lines)) > max_line:
        for index, line in enumerate(batch.lines):
            if len(line) > max_line:
                yield Lines(batch.first + start, batch.lines[start:index])
                yield too_long(file, batch.first + index, line, max_line)
                start = index + 1
    if batch.lines[start:]:
        yield Lines(batch.first + start, batch.lines[start:] if start else batch.lines)


def too_long(file: str, row: int, raw: bytes, limit: int) -> Broken:
    """A line of more than `limit` bytes."""
    return Broken(file, row, "too-long", f"longer than {limit:,} bytes", raw[:RAW_BYTES])


def without_mark(chunks: Iterable[bytes]) -> Iterator[bytes]:
    """The same bytes without a byte order mark at their beginning."""
    chunks = iter(chunks)
    head = b""
    try:
        while len(head) < len(BOM) and BOM.startswith(head):
            head += next(chunks)
    except StopIteration:
        pass
    except Damaged:
        yield head.removeprefix(BOM)
        raise
    yield head.removeprefix(BOM)
    yield from chunks
