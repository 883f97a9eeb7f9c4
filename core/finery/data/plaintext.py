"""Plain text and Markdown: a document a file, a line, or a block between blank lines."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

import pyarrow as pa

from finery.data.decompress import Damaged
from finery.data.lines import LineBatch, too_long, without_mark
from finery.data.rows import MAX_LINE, MAX_ROWS, RAW_BYTES, Broken, Raw, only_broken


def document_rows(chunks: Iterable[bytes], file: str, max_line: int = MAX_LINE) -> Iterator[Raw]:
    """The file as one document, as it stands. An empty file is none."""
    text = whole(without_mark(chunks), file, max_line)
    if isinstance(text, Broken):
        yield only_broken(text)
    elif text:
        yield documents([text], [1], file)


def whole(chunks: Iterable[bytes], file: str, limit: int = MAX_LINE) -> bytes | Broken:
    """A file's bytes, or what is wrong with them: they break off, or are more than `limit`."""
    text = b""
    try:
        for chunk in chunks:
            text += chunk
            if len(text) > limit:
                return too_long(file, 1, text, limit)
    except Damaged as damage:
        return Broken(file, 1, damage.code, damage.detail, text[:RAW_BYTES])
    return text


def line_rows(batches: Iterable[LineBatch], file: str) -> Iterator[Raw]:
    """A document a line; blank lines are none."""
    for batch in batches:
        if isinstance(batch, Broken):
            yield only_broken(batch)
            continue
        for start in range(0, len(batch.lines), MAX_ROWS):
            lines = batch.lines[start : start + MAX_ROWS]
            kept = [(line, row) for row, line in enumerate(lines, batch.first + start) if not line.isspace() and line]
            yield documents([line.removesuffix(b"\r") for line, _ in kept], [row for _, row in kept], file)


def block_rows(batches: Iterable[LineBatch], file: str, max_line: int = MAX_LINE) -> Iterator[Raw]:
    """A document a block; its row is its first line. Newlines within are line feeds."""
    block = Block(file, max_line)
    for batch in batches:
        if isinstance(batch, Broken):
            block.broken.append(batch)
            continue
        for number, line in enumerate(batch.lines, batch.first):
            block.take(number, line)
        yield block.finished()
    block.end()
    yield block.finished()


@dataclass
class Block:
    """The block at hand, and those that are complete."""

    file: str
    max_line: int
    first: int = 0
    lines: list[bytes] = field(default_factory=list)
    size: int = 0
    texts: list[bytes] = field(default_factory=list)
    rows: list[int] = field(default_factory=list)
    broken: list[Broken] = field(default_factory=list)

    def take(self, number: int, line: bytes) -> None:
        """One more line: a blank one ends the block."""
        if not line or line.isspace():
            self.end()
            return
        if not self.size:
            self.first = number
        self.size += len(line) + 1
        if self.size <= self.max_line:
            self.lines.append(line.removesuffix(b"\r"))

    def end(self) -> None:
        """The block is complete."""
        text = b"\n".join(self.lines)
        if self.size > self.max_line:
            self.broken.append(too_long(self.file, self.first, text, self.max_line))
        elif text:
            self.texts.append(text)
            self.rows.append(self.first)
        self.lines, self.size = [], 0

    def finished(self) -> Raw:
        """The complete blocks, which are then forgotten."""
        made = documents(self.texts, self.rows, self.file)
        made.broken = self.broken + made.broken
        self.texts, self.rows, self.broken = [], [], []
        return made


def documents(texts: list[bytes], rows: list[int], file: str) -> Raw:
    """Texts as rows; those that are not UTF-8 are Broken."""
    size = sum(map(len, texts))
    try:
        values = pa.array(texts, pa.large_binary()).cast(pa.large_string()).to_pylist()
    except pa.ArrowInvalid:
        return documents_singly(texts, rows, file, size)
    return Raw({"text": values}, [file] * len(rows), rows, [], size)


def documents_singly(texts: list[bytes], rows: list[int], file: str, size: int) -> Raw:
    """Texts as rows, where some are not UTF-8."""
    values, numbers, broken = [], [], []
    for text, row in zip(texts, rows, strict=True):
        try:
            values.append(text.decode())
            numbers.append(row)
        except UnicodeDecodeError as error:
            broken.append(Broken(file, row, "not-utf8", utf8_fault(text, error), text[:RAW_BYTES]))
    return Raw({"text": values}, [file] * len(numbers), numbers, broken, size)


def utf8_fault(text: bytes, error: UnicodeDecodeError) -> str:
    """Where a text stops being UTF-8, and what it may be instead."""
    if text[:2] in (b"\xff\xfe", b"\xfe\xff"):
        return "looks like UTF-16"
    return f"byte {error.start + 1}: {error.reason}"
