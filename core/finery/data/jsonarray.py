"""JSON arrays, element by element: constant memory, and a broken element costs one row."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from finery.data.decompress import Damaged
from finery.data.jsonlines import columnar, record
from finery.data.rows import MAX_BYTES, MAX_LINE, MAX_ROWS, RAW_BYTES, Broken, Raw, only_broken
from finery.errors import DataError

TOKEN = re.compile(rb'[\[\]{}]|"[^"\\]*(?:\\.[^"\\]*)*("?)', re.DOTALL)
"""A bracket, or a string: closed if its group is not empty."""


@dataclass
class Scan:
    """Where the scan of an array stands."""

    file: str
    text: bytes = b""
    """Bytes not yet done with."""
    position: int = 0
    """Up to here `text` is scanned."""
    start: int = 0
    """Up to here it is done with: an element, or what stands between two, begins here."""
    depth: int = 0
    """Brackets that are open."""
    row: int = 0
    """Elements seen."""
    found: list[tuple[int, bytes]] = field(default_factory=list)
    """Elements at hand and their numbers."""
    size: int = 0
    """Their bytes."""

    def grow(self, chunk: bytes) -> None:
        """Go on with `chunk`, without what is done with."""
        self.text = self.text[self.start :] + chunk
        self.position -= self.start
        self.start = 0

    def rest(self) -> bytes:
        """What the scan is not done with."""
        return self.text[self.start :].strip()

    def take(self, element: bytes) -> None:
        """One more element."""
        self.row += 1
        self.size += len(element)
        self.found.append((self.row, element))


def element_rows(chunks: Iterable[bytes], file: str, max_line: int = MAX_LINE) -> Iterator[Raw]:
    """The objects in an array; what is no object is Broken. Raises DataError for an element that is too
    large."""
    scan = Scan(file)
    try:
        for chunk in chunks:
            scan.grow(chunk)
            yield from scanned(scan)
            check_length(scan, max_line)
        ending = unfinished(scan)
    except Damaged as damage:
        ending = Broken(file, scan.row + 1, damage.code, damage.detail, scan.rest()[:RAW_BYTES])
    yield from taken(scan)
    if ending is not None:
        yield only_broken(ending)


def scanned(scan: Scan) -> Iterator[Raw]:
    """Scan on to the end of the text, or to a string that does not end in it."""
    for token in TOKEN.finditer(scan.text, scan.position):
        mark = token[0][:1]
        if mark == b'"' and not token[1]:
            return
        scan.position = token.end()
        if mark in b"[{":
            opened(scan, token.start())
        elif mark in b"]}":
            closed(scan, token)
        elif scan.depth <= 1:
            lone(scan, token)
        if len(scan.found) >= MAX_ROWS or scan.size >= MAX_BYTES:
            yield from taken(scan)
    scan.position = len(scan.text)


def opened(scan: Scan, at: int) -> None:
    """A bracket opens: the array, an element, or something in one."""
    if scan.depth <= 1:
        between(scan, at)
        scan.start = at if scan.depth else at + 1
    scan.depth += 1


def closed(scan: Scan, token: re.Match[bytes]) -> None:
    """A bracket closes: something in an element, an element, or the array."""
    scan.depth -= 1
    if scan.depth > 1:
        return
    if scan.depth == 1:
        scan.take(scan.text[scan.start : token.end()])
    else:
        between(scan, token.start() if scan.depth == 0 else token.end())
    scan.start = token.end()
    scan.depth = max(scan.depth, 0)


def lone(scan: Scan, string: re.Match[bytes]) -> None:
    """A string that is an element."""
    between(scan, string.start())
    scan.take(string[0])
    scan.start = string.end()


def between(scan: Scan, end: int) -> None:
    """What stands between two elements: commas, and elements that are neither brackets nor strings."""
    for text in scan.text[scan.start : end].split(b","):
        if text.strip():
            scan.take(text.strip())


def check_length(scan: Scan, max_line: int) -> None:
    """Raises DataError where an element is too long to hold: behind it nothing can be told apart."""
    if len(scan.text) - scan.start > max_line:
        fault = f"element {scan.row + 1} is longer than {max_line:,} bytes"
        raise DataError.at(scan.file, fault, "take it out, or make the file JSON Lines")


def unfinished(scan: Scan) -> Broken | None:
    """What is wrong with an array's end."""
    if scan.depth > 0:
        return Broken(scan.file, scan.row + 1, "truncated", "the array is not closed", scan.rest()[:RAW_BYTES])
    if scan.rest():
        return Broken(scan.file, scan.row + 1, "not-json", "text behind the array", scan.rest()[:RAW_BYTES])
    return None


def taken(scan: Scan) -> Iterator[Raw]:
    """The elements at hand as rows."""
    elements, size = scan.found, scan.size
    scan.found, scan.size = [], 0
    made = [(row, record(text, scan.file, row)) for row, text in elements]
    records = [(row, found) for row, found in made if isinstance(found, dict)]
    broken = [found for _, found in made if isinstance(found, Broken)]
    if made:
        yield columnar([found for _, found in records], scan.file, [row for row, _ in records], broken, size)
