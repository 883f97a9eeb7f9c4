"""What the filter `c4` asks of the kernels: texts in, counts out; numba is loaded at the first question."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa

from finery_plugins.text.measures import kernels
from finery_plugins.text.quality import marked

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
    needles = [b"lorem ipsum", b"{", *(phrase.encode() for phrase in rules.phrases), *(c.encode() for c in CITATIONS)]
    drops = sum(1 << 2 + number for number, phrase in enumerate(rules.phrases) if phrase)
    asked = (rules.min_words, rules.max_word_length)
    limits = [*(-1 if bound is None else bound for bound in asked), bool(rules.end_marks), rules.citations, drops]
    initials = np.zeros(256, bool)
    initials[[needle[0] for needle in needles[:-2] if needle]] = True
    line, marks = np.empty(seen.longest + 1, np.uint8), np.empty(seen.longest + 1, np.uint16)
    found, out = np.frombuffer(b"".join(needles), np.uint8), seen.rows(4)
    ends, bounds = np.cumsum([len(needle) for needle in needles]), np.array(limits, np.int64)
    page_kernels().cleaned(*seen.texts, rules.words_first, bounds, found, ends, initials, line, marks, out)
    return Page(*out.T)


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
