"""Small web archives, record by record, as crawlers write them."""

from __future__ import annotations

import gzip
from collections.abc import Sequence

HTTP = b"application/http; msgtype=response"


def record(
    kind: str, url: str, content: bytes, type_: bytes = HTTP, length: int | None = None, more: str = ""
) -> bytes:
    """One WARC record; `length` is what it says of itself."""
    said = len(content) if length is None else length
    head = f"WARC/1.0\r\nWARC-Type: {kind}\r\nWARC-Target-URI: {url}\r\nWARC-Date: 2024-05-01T00:00:00Z\r\n{more}"
    return head.encode() + b"Content-Type: %s\r\nContent-Length: %d\r\n\r\n%s\r\n\r\n" % (type_, said, content)


def answer(body: bytes, type_: str = "text/html; charset=utf-8", status: str = "200 OK", more: str = "") -> bytes:
    """What a server sent."""
    return f"HTTP/1.1 {status}\r\nContent-Type: {type_}\r\n{more}\r\n".encode() + body


def response(number: int, length: int | None = None) -> bytes:
    """A response with a page."""
    return record("response", f"http://example.org/{number}", answer(page(number).encode()), length=length)


def page(number: int) -> str:
    """A page with navigation around its main content."""
    return (
        f'<!doctype html><html lang="en-GB"><head><title>Page {number}</title></head><body>'
        '<nav><ul><li><a href="/">Home</a></li><li><a href="/all">All pages</a></li></ul></nav>'
        f"<article>{''.join(f'<p>{sentence(number, part)}</p>' for part in range(6))}</article>"
        "<footer>Imprint and privacy</footer></body></html>"
    )


def sentence(number: int, part: int) -> str:
    """One paragraph of a page."""
    return f"This is paragraph {part} of document {number}, which says something of its own at some length."


def text(number: int) -> str:
    """The main content of a page."""
    return "\n".join(sentence(number, part) for part in range(6))


def conversion(number: int) -> bytes:
    """A record of a WET file."""
    more = "WARC-Identified-Content-Language: deu,eng\r\n"
    return record("conversion", f"http://example.org/{number}", f"Größe {number}".encode(), b"text/plain", more=more)


def crawl(pages: int) -> list[bytes]:
    """The records of a crawl: what it is, then a request and a response a page."""
    made = [record("warcinfo", "", b"software: test\r\n", b"application/warc-fields")]
    for number in range(pages):
        asked = record("request", f"http://example.org/{number}", b"GET / HTTP/1.1\r\n\r\n", b"application/http")
        made += [asked, response(number)]
    return made


def zipped(records: Sequence[bytes]) -> bytes:
    """A gzip member a record, as archives are."""
    return b"".join(gzip.compress(one, mtime=0) for one in records)
