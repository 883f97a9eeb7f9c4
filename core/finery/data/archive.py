"""Web archives: the records of a WARC or WET file, told apart; one that is broken costs itself, not its file."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from finery.data.decompress import Damaged
from finery.data.members import OPENING, Member
from finery.data.rows import MAX_LINE, RAW_BYTES, Broken

ENDS = b"\r\n\r\n"
"""What ends a record's header, and stands behind its content."""

BETWEEN = re.compile(rb"[\r\n]*")
"""What may stand between two records."""

START = re.compile(rb"\r\n\r\n(?=WARC/\d)")
"""Where a record begins that nothing announces."""

LENGTH = re.compile(rb"\ncontent-length:[ \t]*(\d{1,18})[ \t]*\r?\n", re.IGNORECASE)

MARGIN = 64
"""Bytes behind a record in which the next one has to begin."""

MAX_HEADER = 1 << 16
"""Bytes of a record's header at most."""


@dataclass(frozen=True)
class Frame:
    """One record as it stands: header, blank line, content and a blank line."""

    offset: int
    """The byte of the file at which its member begins, and what stands before it there, decompressed."""
    data: bytes


def frames(members: Iterable[Member], file: str, limit: int = MAX_LINE) -> Iterator[Frame | Broken]:
    """Every record of an archive in order; a Broken for each whose length is wrong, or that cannot be read.

    fastwarc, which reads headers for us, takes what there is of a content that ends too early without a word, and a
    Content-Length that is too large swallows the records behind it: hence lengths are checked here. A record of more
    than `limit` bytes is passed over.
    """
    lost: Broken | None = None
    for member in members:
        if lost is not None:
            yield damaged_record(lost)
            lost = None
        scan = Scan(file, member, limit)
        try:
            yield from scan.frames()
        except Damaged as damage:
            lost = scan.broken(damage.code, damage.detail)
    if lost is not None:
        yield lost


def damaged_record(broken: Broken) -> Broken:
    """A break behind which the archive goes on: it stands for one record, not for the rest of the file."""
    return Broken(broken.file, broken.row, "damaged-record", broken.detail, broken.raw)


class Scan:
    """Goes through one member; memory holds one record, and what was read with it."""

    def __init__(self, file: str, member: Member, limit: int) -> None:
        self.file = file
        self.member = member
        self.limit = limit
        self.text = b""
        self.at = 0
        """Up to here the scan is done with `text`."""
        self.offset = member.offset
        """Where `text` begins."""
        self.lost = False
        """Whether the next record has to be searched for."""

    def frames(self) -> Iterator[Frame | Broken]:
        """Every record of the member. Raises Damaged."""
        for chunk in self.member.chunks:
            self.grow(chunk)
            yield from self.complete(ended=False)
        yield from self.complete(ended=True)

    def grow(self, chunk: bytes) -> None:
        """Go on with `chunk`, without what is done with."""
        self.offset += self.at
        self.text = self.text[self.at :] + chunk
        self.at = 0

    def complete(self, ended: bool) -> Iterator[Frame | Broken]:
        """The records that are there as a whole; all others too, as Broken, where the member has ended."""
        while (self.found() if self.lost else self.skipped()) and (made := self.next(ended)) is not None:
            yield made

    def found(self) -> bool:
        """Search for a record; whether there is one."""
        start = START.search(self.text, self.at)
        self.at = start.end() if start else max(self.at, len(self.text) - len(ENDS) - len(OPENING))
        self.lost = start is None
        return not self.lost

    def skipped(self) -> bool:
        """Pass over the blank lines between records; whether anything is left."""
        self.at = self.behind(self.at)
        return self.at < len(self.text)

    def behind(self, at: int) -> int:
        """Where the blank lines at a place end."""
        blank = BETWEEN.match(self.text, at)
        return blank.end() if blank else at

    def next(self, ended: bool) -> Frame | Broken | None:
        """The next record, or what is wrong with it; None where more has to be read."""
        opening = self.text[self.at : self.at + len(OPENING)]
        if opening != OPENING and (ended or not OPENING.startswith(opening)):
            return self.lose("not-warc", "no record begins here")
        head = self.text.find(ENDS, self.at, self.at + MAX_HEADER)
        if head < 0:
            return self.headless(ended)
        length = LENGTH.search(self.text, self.at, head + 2)
        if length is None:
            return self.lose("wrong-length", "no Content-Length")
        end = head + len(ENDS) + int(length[1])
        if end - self.at > self.limit:
            return self.lose("too-long", f"says that it is longer than {self.limit:,} bytes")
        if len(self.text) < end or not (ended or len(self.text) - self.behind(end) >= len(OPENING)):
            return self.unfinished(end) if ended else None
        return self.taken(end)

    def headless(self, ended: bool) -> Broken | None:
        """What is wrong with a record whose header has no end."""
        if len(self.text) - self.at >= MAX_HEADER:
            return self.lose("not-warc", f"a header of more than {MAX_HEADER:,} bytes")
        return self.unfinished(len(self.text) + 1) if ended else None

    def unfinished(self, end: int) -> Broken:
        """What is wrong with a record that the end of its member cuts."""
        if self.member.whole or START.search(self.text, self.at):
            return self.lose("wrong-length", f"{end - len(self.text):,} bytes less than it says are there")
        return self.lose("truncated", "the file ends before the record does")

    def taken(self, end: int) -> Frame | Broken:
        """The record that ends at `end`, if another one, or nothing, begins behind it."""
        next_ = self.behind(end)
        if next_ - end > MARGIN or self.text[next_ : next_ + len(OPENING)] not in (b"", OPENING):
            return self.lose("wrong-length", "does not end where it says")
        frame = Frame(self.offset + self.at, self.text[self.at : end] + ENDS)
        self.at = end
        return frame

    def lose(self, code: str, detail: str) -> Broken:
        """Give a record up: the next one has to be searched for."""
        broken = self.broken(code, detail)
        self.at += 1
        self.lost = True
        return broken

    def broken(self, code: str, detail: str) -> Broken:
        """What is wrong where the scan stands."""
        raw = self.text[self.at : self.at + RAW_BYTES]
        return Broken(self.file, self.offset + self.at, code, detail, raw)
