"""The members of a compressed archive: where each begins in its file, and its bytes; a damaged one costs itself."""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import IO

from finery.data.decompress import CHUNK, GZIP, Damaged, chunks

MAGIC = b"\x1f\x8b\x08"
"""How a gzip member begins, and its one method."""

OPENING = b"WARC/"
"""How a record begins."""

HEADER = 4096
"""Bytes of a member's beginning that are looked at: a gzip header may hold a file's name."""

READ = 1 << 16
"""Bytes of the file that are read at once: a member of a crawl is a few kilobytes."""


@dataclass(frozen=True)
class Member:
    """A part of an archive that can be read without the others."""

    offset: int
    """The byte of the file at which it begins."""
    chunks: Iterator[bytes]
    """Its content; to be read before the next member. Raises Damaged behind the last chunk there is."""
    whole: bool = False
    """Whether its content is complete where it ends: a gzip member says so itself, the end of a file does not."""


def members(stream: IO[bytes], compression: str | None, start: int = 0, end: int | None = None) -> Iterator[Member]:
    """The members of an archive that begin from `start` up to `end`: those of a gzip file, else the file as one.

    After a member that raised Damaged comes the next one that can be found.
    """
    if compression == "gzip":
        return GzipMembers(stream).between(start, end)
    return iter([Member(0, chunks(stream, compression))])


class GzipMembers:
    """Walks through a gzip file, member by member."""

    def __init__(self, stream: IO[bytes]) -> None:
        self.stream = stream
        self.data = b""
        """Bytes of the file that are read and not yet done with."""
        self.offset = 0
        """Where `data` begins in the file."""

    def between(self, start: int, end: int | None) -> Iterator[Member]:
        """The members that begin from `start` up to `end`."""
        if start:
            self.search(start)
        while self.more() and (end is None or self.offset < end):
            begin, done = self.offset, Whole()
            yield Member(begin, self.content(done), whole=True)
            if not done:
                self.search(begin + 1)
                if self.data and end is not None and self.offset >= end:
                    # Whoever reads sees that the file goes on, though what comes is another unit's.
                    yield Member(self.offset, iter(()), whole=True)

    def content(self, done: Whole) -> Iterator[bytes]:
        """A member's bytes, decompressed. Raises Damaged where they end too early or do not decompress."""
        member = zlib.decompressobj(GZIP)
        while not member.eof:
            if not self.data and not self.grow():
                raise Damaged("truncated", "gzip: the file ends before its stream does")
            try:
                chunk = member.decompress(self.data, CHUNK)
            except zlib.error as error:
                raise Damaged("damaged", f"gzip: {error}") from error
            self.drop(len(self.data) - len(member.unused_data if member.eof else member.unconsumed_tail))
            if chunk:
                yield chunk
        done.said = True

    def more(self) -> bool:
        """Whether there is a next member; zero padding before it is passed over."""
        while self.data or self.grow():
            padding = len(self.data) - len(self.data.lstrip(b"\0"))
            self.drop(padding)
            if self.data:
                return True
        return False

    def search(self, start: int) -> None:
        """Go to the first member from `start` on that holds a record, or to the end of the file."""
        self.stream.seek(start)
        self.data, self.offset = b"", start
        while self.grow():
            while (at := self.data.find(MAGIC)) >= 0:
                self.drop(at)
                while len(self.data) < HEADER and self.grow():
                    pass
                if begins_record(self.data[:HEADER]):
                    return
                self.drop(1)
            self.drop(len(self.data) - len(MAGIC) + 1)
        self.drop(len(self.data))

    def grow(self) -> bool:
        """Read on; whether there was anything."""
        read = self.stream.read(READ)
        self.data += read
        return bool(read)

    def drop(self, length: int) -> None:
        """Be done with some bytes."""
        length = max(length, 0)
        self.data = self.data[length:]
        self.offset += length


@dataclass
class Whole:
    """Whether a member was read to its end."""

    said: bool = False

    def __bool__(self) -> bool:
        return self.said


def begins_record(data: bytes) -> bool:
    """Whether a gzip member that begins with `data` holds a record."""
    try:
        return zlib.decompressobj(GZIP).decompress(data, len(OPENING)) == OPENING
    except zlib.error:
        return False
