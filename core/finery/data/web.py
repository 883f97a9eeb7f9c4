"""Web archives and HTML files as rows: a document a response or conversion record, or a file."""

from __future__ import annotations

import importlib
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

from finery.data.archive import Frame
from finery.data.html import Undecodable, decoded, page
from finery.data.plaintext import whole
from finery.data.rows import MAX_LINE, RAW_BYTES, Broken, Raw, only_broken

COLUMNS = ("text", "url", "date", "title", "language", "status", "content_type")
"""What is known of a document; null where it is not.

`date` is when it was archived, `language` what the page declares or the archive found, `status` HTTP's.
"""

DOCUMENTS = frozenset({"response", "resource", "conversion"})
"""The types of record that hold documents; how many of the others there are is counted."""

HTML = frozenset({"text/html", "application/xhtml+xml"})
PLAIN = frozenset({"text/plain", "text/markdown"})

BATCH = 128
"""Documents that are handed on together: what main content is found in is found at some hundred a second."""


class Left(Exception):
    """A record without a document, or whose document cannot be had."""

    def __init__(self, code: str, detail: str) -> None:
        super().__init__(detail)
        self.code = code
        """As in `Broken`."""
        self.detail = detail


@dataclass
class Gathered:
    """Documents at hand, on their way to be rows."""

    file: str
    documents: list[tuple[int, dict[str, Any]]] = field(default_factory=list)
    broken: list[Broken] = field(default_factory=list)
    tally: Counter[str] = field(default_factory=Counter)
    size: int = 0

    def leave(self, row: int, left: Left, data: bytes) -> None:
        """Keep why there is no document, as a decision."""
        self.broken.append(Broken(self.file, row, left.code, left.detail, data[:RAW_BYTES]))

    def taken(self) -> Raw:
        """All of it as rows, then forgotten."""
        columns = {name: [document.get(name) for _, document in self.documents] for name in COLUMNS}
        rows = [row for row, _ in self.documents]
        made = Raw(columns, [self.file] * len(rows), rows, self.broken, self.size, self.tally)
        self.documents, self.broken, self.tally, self.size = [], [], Counter(), 0
        return made


def archive_rows(frames: Iterable[Frame | Broken], file: str) -> Iterator[Raw]:
    """The documents of an archive; a row is the byte at which its record begins."""
    records: Any = importlib.import_module("fastwarc.warc").WarcRecord
    found = Gathered(file)
    for frame in frames:
        if isinstance(frame, Broken):
            found.broken.append(frame)
        else:
            take(frame, records, found)
        if len(found.documents) >= BATCH or len(found.broken) >= BATCH or found.size > MAX_LINE:
            yield found.taken()
    yield found.taken()


def take(frame: Frame, records: Any, found: Gathered) -> None:
    """One record: its document, why it has none, or only that there was one of its type."""
    try:
        record = records.from_bytes(frame.data)
        kind = str(record.headers.get("WARC-Type", "unknown")).lower()
        if kind not in DOCUMENTS:
            found.tally[f"record {kind}"] += 1
            return
        found.documents.append((frame.offset, document(record, kind)))
        found.size += len(frame.data)
    except Left as left:
        found.leave(frame.offset, left, frame.data)
    except (OSError, ValueError) as error:
        found.leave(frame.offset, Left("not-warc", str(error)), frame.data)


def document(record: Any, kind: str) -> dict[str, Any]:
    """A record's document. Raises Left where it has none."""
    headers = record.headers
    found = answered(record) if record.is_http else read_as(headers.get("Content-Type"), payload(record), None)
    if kind == "conversion":
        found["language"] = headers.get("WARC-Identified-Content-Language")
    url = headers.get("WARC-Target-URI")
    return {**found, "url": url.strip("<>") if url else found.get("url"), "date": headers.get("WARC-Date")}


def answered(record: Any) -> dict[str, Any]:
    """The document that a server answered with. Raises Left where it sent none."""
    record.parse_http(auto_decode="all")
    http = record.http_headers
    if http is None or http.status_code is None:
        raise Left("not-http", "no status line")
    status = int(http.status_code)
    if 300 <= status < 400:
        raise Left("redirect", f"{status} to {http.get('Location', 'nowhere')}")
    declared = record.http_content_type or record.headers.get("WARC-Identified-Payload-Type")
    found = read_as(declared, payload(record), record.http_charset)
    return {"language": http.get("Content-Language"), **found, "status": status}


def payload(record: Any) -> bytes:
    """What a record holds, its transfer and content encodings undone. Raises Left where it is too much to hold."""
    data: bytes = record.reader.read(MAX_LINE + 1)
    if len(data) > MAX_LINE:
        raise Left("too-long", f"longer than {MAX_LINE:,} bytes")
    return data


def read_as(content_type: str | None, data: bytes, charset: str | None) -> dict[str, Any]:
    """The text in a payload, its type, and what it declares of itself. Raises Left where it is no document."""
    kind, _, parameters = (content_type or sniffed(data)).partition(";")
    kind = kind.strip().lower()
    if not charset and "charset=" in parameters.lower():
        charset = parameters.lower().partition("charset=")[2].partition(";")[0].strip("\"' ")
    reader = html_document if kind in HTML else plain_document if kind in PLAIN else None
    if reader is None:
        raise Left("not-text", kind or "no content type")
    if not data.strip():
        raise Left("no-text", "nothing is in it")
    try:
        return {**reader(decoded(data, charset)), "content_type": kind}
    except Undecodable as error:
        raise Left("wrong-charset", str(error)) from None


def sniffed(data: bytes) -> str:
    """The type of a payload that nobody names."""
    return "text/html" if data[:512].lstrip()[:1] == b"<" else ""


def plain_document(text: str) -> dict[str, Any]:
    """Plain text as it stands."""
    return {"text": text}


def html_document(text: str) -> dict[str, Any]:
    """The main content of a page. Raises Left where there is none."""
    try:
        found = page(text)
    except Exception as error:
        raise Left("not-html", f"{type(error).__name__}: {error}"[:200]) from error
    if not found.text:
        raise Left("no-text", f"no main content under the title '{found.title}'" if found.title else "no main content")
    said = {"title": found.title, "language": found.language, "url": found.url}
    return {"text": found.text, **{name: value for name, value in said.items() if value}}


def page_rows(chunks: Iterable[bytes], file: str) -> Iterator[Raw]:
    """An HTML file as one document; an empty one is none."""
    data = whole(chunks, file)
    if isinstance(data, Broken):
        yield only_broken(data)
        return
    found = Gathered(file, size=len(data))
    try:
        found.documents.append((1, read_as("text/html", data, None)))
    except Left as left:
        found.leave(1, left, data)
    yield found.taken()
