"""What the rule-set filters ask of the kernels: texts in, counts out; numba is loaded at the first question."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa

from finery_plugins.text.content import Keep, inner, starts, worked_out
from finery_plugins.text.kinds import MARK, SYMBOL
from finery_plugins.text.kinds import kinds as table_of
from finery_plugins.text.measures import View, kernels, view


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


def word_kernels() -> Any:
    """The kernels over words; an import statement, because that is what the digest of a plugin's code follows."""
    kernels()
    import finery_plugins.text.words as module

    return module


def line_kernels() -> Any:
    """The kernels over lines."""
    kernels()
    import finery_plugins.text.lines as module

    return module


def ngram_kernels() -> Any:
    """The kernels over n-grams."""
    kernels()
    import finery_plugins.text.ngrams as module

    return module


def marked(texts: pa.Array, chosen: str = "") -> Marked:
    """The kinds of all bytes of a `large_string` array without nulls; the characters of `chosen` are CHOSEN."""
    seen: View = view(texts)
    first, last = int(seen.offsets[0]), int(seen.offsets[-1])
    kinds = np.empty(last - first, np.uint16)
    word_kernels().marked(seen.data, first, last, table_of(chosen), kinds)
    kinds.setflags(write=False)
    return Marked(seen.offsets, seen.data, kinds)


@dataclass(frozen=True)
class Words:
    """The words of texts, those of one behind those of the other, read-only."""

    ends: np.ndarray
    """`int64` (n,): where the words of each text end."""
    hashes: np.ndarray
    """`uint64` (words,)."""
    faces: np.ndarray
    """`uint32` (words,): number and kind of characters, as `words.py` has them."""


def words(texts: pa.Array, fine: bool, keep: Keep = worked_out) -> Words:
    """The words of texts; `fine`: those of datatrove, else what white space parts."""
    listed = keep(f"finery.words.{'fine' if fine else 'plain'}", lambda: word_lists(marked(texts), fine))
    fields = inner(listed)
    hashes, faces = (frozen(fields.field(index).to_numpy()) for index in range(2))
    return Words(frozen(starts(listed).to_numpy()[1:]), hashes, faces)


def word_lists(seen: Marked, fine: bool) -> pa.Array:
    """`large_list<struct<hash, face>>` (n,): the words of each text."""
    room = len(seen.kinds) if fine else len(seen.kinds) // 2 + len(seen.offsets)
    ends, hashes, faces = np.zeros(len(seen.offsets), np.int64), np.empty(room, np.uint64), np.empty(room, np.uint32)
    word_kernels().tokenised(*seen.texts, fine, ends[1:], hashes, faces)
    columns = [pa.array(hashes[: ends[-1]]), pa.array(faces[: ends[-1]])]
    return pa.LargeListArray.from_arrays(pa.array(ends), pa.StructArray.from_arrays(columns, ["hash", "face"]))


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


def gopher(texts: pa.Array, fine: bool, stop_words: Sequence[str], bullets: str, keep: Keep = worked_out) -> Gopher:
    """Words, stop words, lines and symbols; `fine` words and lines as datatrove has them."""
    seen, names = marked(texts, bullets), sorted(set(stop_words))
    rows, lines, stops = seen.rows(5), seen.rows(5), stop_hashes(tuple(names), not fine)
    kernel, found = word_kernels(), np.empty(len(stops), np.int64)
    if fine:
        said = words(texts, True, keep)
        kernel.summed(said.ends, said.hashes, said.faces, stops, found, rows)
    else:
        longest = max((len(name.encode()) for name in names), default=0)
        kernel.described(*seen.texts, stops, longest, found, rows)
    line_kernels().decorated(*seen.texts, fine, *seen.spans()[:2], lines)
    return Gopher(*rows.T, *lines.T)


@functools.cache
def stop_hashes(names: tuple[str, ...], folded: bool) -> np.ndarray:
    """`uint64` (m,): the hashes of stop words, in lower case of A to Z where `folded`."""
    blobs = [np.frombuffer(name.encode(), np.uint8) for name in names]
    found = {word_kernels().hashed(frozen(blob), 0, len(blob), folded) for blob in blobs}
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


def repetition(
    texts: pa.Array, fine: bool, tops: Sequence[int], duplicates: Sequence[int], keep: Keep = worked_out
) -> Repetition:
    """Repeated lines, paragraphs and n-grams; `fine`: as datatrove defines them."""
    seen = marked(texts)
    rows = seen.rows(9)
    line_kernels().repeated(*seen.texts, fine, *seen.spans(), rows)
    letters, ngrams = said_again(words(texts, fine, keep), fine, tops, duplicates)
    columns = rows.T
    return Repetition(Repeats(*columns[:4]), Repeats(*columns[4:8]), columns[8], letters, ngrams)


def said_again(
    words: Words, joined: bool, tops: Sequence[int], duplicates: Sequence[int]
) -> tuple[np.ndarray, dict[tuple[str, int], np.ndarray]]:
    """Characters of all words, and those in n-grams by kind and size."""
    asked = sorted([(size, "top") for size in tops] + [(size, "duplicate") for size in duplicates])
    sizes = np.array([size for size, _ in asked], np.int64)
    kinds = np.array([kind == "top" for _, kind in asked], bool)
    out = np.zeros((len(words.ends), len(asked) + 1), np.int64)
    most = int(np.diff(words.ends, prepend=0).max(initial=0))
    before, places, slots = np.empty(most + 1, np.int64), np.empty(most, np.int64), np.empty(most, np.int64)
    grams, keys, counts = np.empty(most, np.uint64), np.empty(4 * most + 4, np.uint64), np.empty(4 * most + 4, np.int32)
    scratch = (before, grams, places, keys, counts, slots)
    ngram_kernels().repeated(words.ends, words.hashes, words.faces, sizes, kinds, joined, *scratch, out)
    columns = out.T
    named = {(kind, size): column for (size, kind), column in zip(asked, columns, strict=False)}
    return columns[-1], named


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


def fineweb(texts: pa.Array, short: int, end_marks: str, keep: Keep = worked_out) -> FineWeb:
    """Lines by how they end, how long they are and whether they repeat; and words as in `gopher` with `fine`."""
    seen = marked(texts, end_marks)
    rows = seen.rows(6)
    line_kernels().punctuated(*seen.texts, short, *seen.spans(), rows)
    found = np.diff(words(texts, True, keep).ends, prepend=0)
    return FineWeb(*np.column_stack([rows, found]).T)


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
    line_kernels().runs(*seen.texts, MARK, SYMBOL, out)
    return Marks(*out.T)


def share(part: np.ndarray, whole: np.ndarray) -> np.ndarray:
    """`float64` (n,): part of whole, NaN where the whole is nothing."""
    out = np.full(len(whole), np.nan)
    np.divide(part, whole, out=out, where=whole > 0)
    return out
