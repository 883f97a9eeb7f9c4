"""What the plugins `c4` ask of the kernels: texts in, counts or lines out; numba is loaded at the first question."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from finery_plugins.text.content import filled
from finery_plugins.text.measures import kernels
from finery_plugins.text.quality import Marked, marked

CITATIONS = ("[edit]", "[citation needed]")
"""Citation marks besides numbers in brackets."""


@dataclass(frozen=True)
class Page:
    """What C4's rules look at, `int64` (n,) each."""

    sentences: np.ndarray
    """Sentences in the lines that stay."""
    lines: np.ndarray
    """Lines that stay."""
    lorem: np.ndarray
    """Lines with lorem ipsum."""
    braces: np.ndarray
    """Lines with a curly bracket."""


@dataclass(frozen=True)
class LineRules:
    """Which lines C4 leaves out of a page; None and empty for no rule."""

    min_words: int | None
    max_word_length: int | None
    end_marks: str
    citations: bool
    """Citation marks are left out before a line is looked at."""
    words_first: bool
    """Words are counted before they are."""
    phrases: tuple[str, ...]
    """In lower case: a line with one of them goes. The first is javascript, or empty."""


def page(texts: pa.Array, rules: LineRules) -> Page:
    """The sentences of the lines that stay, and what drops a page."""
    seen = marked(texts, rules.end_marks)
    out = seen.rows(4)
    page_kernels().cleaned(*asked(seen, rules), out)
    return Page(*out.T)


def kept_lines(texts: pa.Array, rules: LineRules) -> pa.Array:
    """`large_string` (n,): the lines that stay, citation marks left out, as C4 joins them; null stays null, and it is
    the same array where nothing changes.

    What drops a page is not looked at.
    """
    seen = marked(filled(texts), rules.end_marks)
    ends, out = np.zeros(len(texts) + 1, np.int64), np.empty(len(seen.kinds), np.uint8)
    page_kernels().rewritten(*asked(seen, rules), ends[1:], out)
    made = pa.LargeStringArray.from_buffers(len(texts), pa.py_buffer(ends), pa.py_buffer(out[: ends[-1]]))
    made = pc.if_else(texts.is_valid(), made, pa.scalar(None, pa.large_string())) if texts.null_count else made
    return texts if made.equals(texts) else made


def asked(seen: Marked, rules: LineRules) -> tuple[Any, ...]:
    """What the kernels over pages take before their answers."""
    needles = [b"lorem ipsum", b"{", *(phrase.encode() for phrase in rules.phrases), *(c.encode() for c in CITATIONS)]
    drops = sum(1 << 2 + number for number, phrase in enumerate(rules.phrases) if phrase)
    bounds = [-1 if bound is None else bound for bound in (rules.min_words, rules.max_word_length)]
    limits = np.array([*bounds, bool(rules.end_marks), rules.citations, drops], np.int64)
    initials = np.zeros(256, bool)
    initials[[needle[0] for needle in needles[:-2] if needle]] = True
    line, marks = np.empty(seen.longest + 1, np.uint8), np.empty(seen.longest + 1, np.uint16)
    found, ends = np.frombuffer(b"".join(needles), np.uint8), np.cumsum([len(needle) for needle in needles])
    return *seen.texts, rules.words_first, limits, found, ends, initials, line, marks


def long_lines(texts: pa.Array, least: int) -> np.ndarray:
    """`int64` (n,): lines of at least `least` characters, an empty text is one empty line."""
    seen = marked(texts)
    out = np.zeros(len(texts), np.int64)
    page_kernels().long_lines(*seen.texts, least, out)
    return out


def page_kernels() -> Any:
    """The kernels over pages. Raises MissingExtra without numba."""
    kernels()
    from finery_plugins.text import pages

    return pages
