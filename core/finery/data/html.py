"""Web pages: bytes to text in the charset they are in, and HTML to its main content."""

from __future__ import annotations

import codecs
import functools
import importlib
import logging
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

MARKS = ((codecs.BOM_UTF8, "utf-8-sig"), (codecs.BOM_UTF16_LE, "utf-16"), (codecs.BOM_UTF16_BE, "utf-16"))
"""Byte order marks, and what they say."""

META = re.compile(rb"<meta[^>]{0,200}?charset\s*=\s*[\"']?\s*([\w:.-]{2,40})", re.IGNORECASE)

META_BYTES = 4096
"""Bytes of a page in which its charset has to be declared; the standard has 1,024, and pages do not keep to it."""

WIDER = {
    "ascii": "cp1252",
    "iso8859-1": "cp1252",
    "iso8859-9": "cp1254",
    "gb2312": "gb18030",
    "gbk": "gb18030",
    "big5": "big5hkscs",
    "shift_jis": "cp932",
    "euc_kr": "cp949",
}
"""What pages mean that name a charset, by Python's names: browsers read them so (WHATWG Encoding Standard)."""


class Undecodable(ValueError):
    """Bytes that are not in the charset they are said to be in."""


class Extractor:
    """trafilatura, and lxml's view of a page."""

    def __init__(self) -> None:
        self.library: Any = importlib.import_module("trafilatura")
        # It tells of every page without content; here that is a decision.
        logging.getLogger("trafilatura").setLevel(logging.CRITICAL)

    def tree(self, text: str) -> Any:
        """A page as lxml has it; None where nothing can be made of it."""
        return self.library.load_html(text)

    def main_content(self, tree: Any) -> str | None:
        """The text of a page without navigation, comments and the like; None where there is none."""
        found: str | None = self.library.extract(tree, include_comments=False)
        return found


@functools.cache
def extractor() -> Extractor:
    """trafilatura, loaded once."""
    return Extractor()


@dataclass(frozen=True)
class Page:
    """What an HTML page holds."""

    text: str | None
    """Its main content."""
    title: str | None
    language: str | None
    """As declared: `en-GB`."""
    url: str | None
    """What the page says that its address is."""


def page(text: str) -> Page:
    """The main content of an HTML page and what it declares. The same for the same text, always."""
    tree = extractor().tree(text)
    if tree is None:
        return Page(None, None, None, None)
    root = tree.getroottree().getroot()
    title = first(root.xpath("//head/title/text()")) or first(root.xpath("//title/text()"))
    language = first(root.xpath("/html/@lang")) or first(root.xpath("/html/@*[local-name()='lang']"))
    url = first(root.xpath("//link[@rel='canonical']/@href"))
    return Page(extractor().main_content(tree), title, language, url)


def first(found: list[str]) -> str | None:
    """The first text without the white space around it; None where there is none, or nothing in it."""
    return " ".join(str(found[0]).split()) or None if found else None


def decoded(data: bytes, declared: str | None) -> str:
    """Bytes of a page as text: as its byte order mark says, its server, the page itself, as UTF-8, or at last, where
    nobody says anything, as charset_normalizer guesses.

    Raises Undecodable where they are in none of these.
    """
    named = list(charsets(data, declared))
    said = []
    for name in dict.fromkeys([*named, "utf-8"]):
        try:
            return data.decode(name)
        except (UnicodeDecodeError, LookupError) as error:
            said.append(f"{name}: {fault(error)}")
    if not named and (guess := guessed(data)) is not None:
        return guess
    raise Undecodable("; ".join(said))


def charsets(data: bytes, declared: str | None) -> Iterator[str]:
    """The charsets that a page is said to be in, by Python's names, the likeliest first."""
    marked = next((name for mark, name in MARKS if data.startswith(mark)), None)
    meta = META.search(data, 0, META_BYTES)
    for name in (marked, declared, meta[1].decode() if meta else None):
        if name:
            yield wider(name)


def wider(name: str) -> str:
    """What a charset's name means; a name that nobody knows stays."""
    try:
        known = codecs.lookup(name.strip().strip("\"'")).name
    except (LookupError, ValueError):
        return name
    return WIDER.get(known, known)


def guessed(data: bytes) -> str | None:
    """Text whose charset nobody names, as charset_normalizer reads it; None where it cannot tell."""
    best = importlib.import_module("charset_normalizer").from_bytes(data).best()
    return None if best is None else str(best)


def fault(error: Exception) -> str:
    """Where bytes leave a charset, or that there is no such charset."""
    if isinstance(error, UnicodeDecodeError):
        return f"byte {error.start + 1}: {error.reason}"
    return "no such charset"
