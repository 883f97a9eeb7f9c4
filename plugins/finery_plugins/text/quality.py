"""What the rule-set filters ask of the kernels: texts in, counts out; numba is loaded at the first question."""

from __future__ import annotations

import functools
import importlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa

from finery_plugins.text.kinds import MARK, SYMBOL
from finery_plugins.text.kinds import kinds as table_of
from finery_plugins.text.measures import View, kernels, view

CITATIONS = ("[edit]", "[citation needed]")
"""Citation marks besides numbers in brackets."""


@dataclass(frozen=True)
class Marked:
    """Texts and what each of their bytes is."""

    offsets: np.ndarray
    data: np.ndarray
    kinds: np.ndarray
    """`uint16`: the bits of `kinds.py`, from the first text's first byte on."""

    @property
    def texts(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """What each kernel takes first."""
        return self.offsets, self.data, self.kinds

    @property
    def longest(self) -> int:
        """Bytes of the longest text."""
        return int(np.diff(self.offsets).max(initial=0))

    def rows(self, columns: int) -> np.ndarray:
        """`int64` (n, columns) of zeros, to be filled."""
        return np.zeros((len(self.offsets) - 1, columns), np.int64)

    def spans(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Room for the starts and ends of lines, and for a hash table of them."""
        lines = self.longest + 2
        return np.empty(lines, np.int64), np.empty(lines, np.int64), np.empty(4 * lines, np.uint64)


def loaded(name: str) -> Any:
    """A module of kernels. Raises MissingExtra without numba."""
    kernels()
    return importlib.import_module(f"finery_plugins.text.{name}")


def marked(texts: pa.Array, chosen: str = "") -> Marked:
    """The kinds of all bytes of a `large_string` array without nulls; the characters of `chosen` are CHOSEN."""
    seen: View = view(texts)
    first, last = int(seen.offsets[0]), int(seen.offsets[-1])
    kinds = np.empty(last - first, np.uint16)
    loaded("words").marked(seen.data, first, last, table_of(chosen), kinds)
    kinds.setflags(write=False)
    return Marked(seen.offsets, seen.data, kinds)


@dataclass(frozen=True)
class Gopher:
    """What Gopher's quality rules look at, `int64` (n,) each."""

    words: np.ndarray
    letters: np.ndarray
    """Characters of the words."""
    with_letter: np.ndarray
    """Words with at least one letter."""
    counted: np.ndarray
    """Words that count in number and length: with `fine`, those that are not punctuation alone."""
    stop_words: np.ndarray
    """Different stop words."""
    lines: np.ndarray
    bullets: np.ndarray
    """Lines that begin with a bullet."""
    trailing: np.ndarray
    """Lines that end in an ellipsis."""
    hashes: np.ndarray
    """Number signs."""
    ellipses: np.ndarray


def gopher(texts: pa.Array, fine: bool, stop_words: Sequence[str], bullets: str) -> Gopher:
    """Words, stop words, lines and symbols; `fine` words and lines as datatrove has them."""
    seen, names = marked(texts, bullets), sorted(set(stop_words))
    words, lines = seen.rows(5), seen.rows(5)
    kernel, starts, ends = loaded("words"), *seen.spans()[:2]
    longest = max((len(name.encode()) for name in names), default=0)
    kernel.described(*seen.texts, fine, not fine, stop_hashes(tuple(names), not fine), longest, words)
    loaded("lines").decorated(*seen.texts, fine, starts, ends, lines)
    return Gopher(*words.T, *lines.T)


@functools.cache
def stop_hashes(names: tuple[str, ...], folded: bool) -> np.ndarray:
    """`uint64` (m,): the hashes of stop words, in lower case of A to Z where `folded`."""
    blobs = [np.frombuffer(name.encode(), np.uint8) for name in names]
    found = {loaded("words").hashed(frozen(blob), 0, len(blob), folded) for blob in blobs}
    return frozen(np.array(sorted(found), np.uint64))


def frozen(array: np.ndarray) -> np.ndarray:
    """The array, read-only."""
    array = array.view()
    array.setflags(write=False)
    return array


@dataclass(frozen=True)
class Repeats:
    """How many lines or paragraphs repeat an earlier one, `int64` (n,) each."""

    all: np.ndarray
    again: np.ndarray
    characters: np.ndarray
    """Characters of those that repeat."""
    whole: np.ndarray
    """Characters of all."""


@dataclass(frozen=True)
class Repetition:
    """What Gopher's repetition rules look at."""

    lines: Repeats
    paragraphs: Repeats
    characters: np.ndarray
    """`int64` (n,): of the document."""
    letters: np.ndarray
    """`int64` (n,): of its words."""
    ngrams: dict[tuple[str, int], np.ndarray]
    """`int64` (n,): characters in the `top` or `duplicate` n-grams of a size."""


def repetition(texts: pa.Array, fine: bool, tops: Sequence[int], duplicates: Sequence[int]) -> Repetition:
    """Repeated lines, paragraphs and n-grams; `fine`: as datatrove defines them."""
    seen = marked(texts)
    rows = seen.rows(9)
    loaded("lines").repeated(*seen.texts, fine, *seen.spans(), rows)
    letters, ngrams = said_again(seen, fine, tops, duplicates)
    columns = rows.T
    return Repetition(Repeats(*columns[:4]), Repeats(*columns[4:8]), columns[8], letters, ngrams)


def said_again(
    seen: Marked, fine: bool, tops: Sequence[int], duplicates: Sequence[int]
) -> tuple[np.ndarray, dict[tuple[str, int], np.ndarray]]:
    """Characters of all words, and those in n-grams by kind and size."""
    asked = sorted([(size, "top") for size in tops] + [(size, "duplicate") for size in duplicates])
    sizes = np.array([size for size, _ in asked], np.int64)
    kinds = np.array([kind == "top" for _, kind in asked], bool)
    ends, hashes, lengths = words(seen, fine)
    most, out = int(np.diff(ends, prepend=0).max(initial=0)), seen.rows(len(asked) + 1)
    before, slots, counts = np.empty(most + 1, np.int64), np.empty(most, np.int64), np.empty(4 * most + 4, np.int32)
    grams, keys = np.empty(most, np.uint64), np.empty(4 * most + 4, np.uint64)
    loaded("ngrams").repeated(ends, hashes, lengths, sizes, kinds, fine, before, grams, keys, counts, slots, out)
    columns = out.T
    named = {(kind, size): column for (size, kind), column in zip(asked, columns, strict=False)}
    return columns[-1], named


def words(seen: Marked, fine: bool) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Where each text's words end, `int64` (n,), and hashes and characters of all words one after the other."""
    room = len(seen.kinds) if fine else len(seen.kinds) + len(seen.offsets)
    ends = np.zeros(len(seen.offsets) - 1, np.int64)
    hashes, lengths = np.empty(room, np.uint64), np.empty(room, np.int32)
    loaded("words").tokenised(*seen.texts, fine, ends, hashes, lengths)
    return ends, hashes, lengths


@dataclass(frozen=True)
class FineWeb:
    """What FineWeb's rules look at, `int64` (n,) each."""

    lines: np.ndarray
    """Lines that are not blank."""
    closed: np.ndarray
    """Lines that end in an end mark."""
    short: np.ndarray
    """Short lines."""
    repeated: np.ndarray
    """Characters of lines that repeat an earlier one."""
    characters: np.ndarray
    """Characters but for newlines."""
    newlines: np.ndarray
    words: np.ndarray


def fineweb(texts: pa.Array, short: int, end_marks: str) -> FineWeb:
    """Lines by how they end, how long they are and whether they repeat; and words as in `gopher` with `fine`."""
    seen = marked(texts, end_marks)
    rows, described = seen.rows(6), seen.rows(5)
    loaded("lines").punctuated(*seen.texts, short, *seen.spans(), rows)
    loaded("words").described(*seen.texts, True, False, stop_hashes((), False), 0, described)
    return FineWeb(*np.column_stack([rows, described[:, 0]]).T)


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
    loaded("pages").cleaned(*seen.texts, rules.words_first, bounds, found, ends, initials, line, marks, out)
    return Page(*out.T)


def long_lines(texts: pa.Array, least: int) -> np.ndarray:
    """`int64` (n,): lines of at least `least` characters, an empty text is one empty line."""
    seen = marked(texts)
    out = np.zeros(len(texts), np.int64)
    loaded("pages").long_lines(*seen.texts, least, out)
    return out


@dataclass(frozen=True)
class Marks:
    """Punctuation and symbols, `int64` (n,) each."""

    solid: np.ndarray
    """Characters that are no white space."""
    marks: np.ndarray
    """Unicode categories P and S."""
    symbols: np.ndarray
    """Category S."""
    longest_run: np.ndarray
    """The most times that a mark follows itself."""


def marks(texts: pa.Array) -> Marks:
    """Marks of each text, and the longest run of one."""
    seen = marked(texts)
    out = seen.rows(4)
    loaded("lines").runs(*seen.texts, MARK, SYMBOL, out)
    return Marks(*out.T)


def share(part: np.ndarray, whole: np.ndarray) -> np.ndarray:
    """`float64` (n,): part of whole, NaN where the whole is nothing."""
    out = np.full(len(whole), np.nan)
    np.divide(part, whole, out=out, where=whole > 0)
    return out
