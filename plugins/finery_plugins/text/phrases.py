"""Where listed words and phrases stand in texts: all of them at once, by Aho-Corasick over Arrow's own buffers."""

from __future__ import annotations

import functools
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from finery import UsageError, missing_extra
from finery_plugins.text.content import filled
from finery_plugins.text.measures import View, view
from finery_plugins.text.traits import ALONE, FOLD, MARK, SPACE, traits


@dataclass(frozen=True)
class Hits:
    """Occurrences of phrases, in the order in which they end."""

    rows: np.ndarray
    """`int64` (n,): the text."""
    phrases: np.ndarray
    """`int64` (n,): the phrase's place in the list."""


def normal(phrase: str) -> str:
    """A phrase as it is compared: NFC, in lower case, white space as single blanks."""
    return " ".join(lowered(unicodedata.normalize("NFC", phrase)).split())


def lowered(text: str) -> str:
    """Lower case as Arrow has it, a character for a character, and so for texts and phrases alike."""
    return str(pc.utf8_lower(pa.scalar(text, pa.large_string())).as_py())


def read_phrases(path: str | Path) -> list[str]:
    """One phrase a line of a UTF-8 file; blank lines and those that begin with `#` are left out.

    Raises UsageError for a file that is not there or no text.
    """
    place = f"file '{path}'"
    try:
        lines = Path(path).read_text(encoding="utf-8-sig").splitlines()
    except OSError as error:
        raise UsageError.at(
            place, str(error.strerror), "give its path from the pipeline's folder, or in full"
        ) from None
    except UnicodeDecodeError:
        raise UsageError.at(place, "is not UTF-8", "save it as UTF-8, a phrase a line") from None
    return [line.strip() for line in lines if line.strip() and not line.startswith("#")]


def unique(phrases: Iterable[str]) -> tuple[str, ...]:
    """The phrases as they are compared, each once."""
    return tuple(dict.fromkeys(filter(None, map(normal, phrases))))


def hits(texts: pa.Array, phrases: tuple[str, ...], bounded: bool = True) -> Hits:
    """Every occurrence of every phrase (from `unique`) in `large_string` texts, those within others too.

    With `bounded`, a letter or digit may not stand directly before or behind a phrase, but of scripts written
    without spaces (Han, kana, Thai and others), in the text or in the phrase, it may.
    """
    plain = pc.utf8_lower(filled(texts))
    seen = view(plain)
    if not phrases or not len(texts):
        return Hits(np.zeros(0, np.int64), np.zeros(0, np.int64))
    first, last = int(seen.offsets[0]), int(seen.offsets[-1])
    found = automaton(phrases).find_matches_as_indexes(seen.data[first:last].tobytes(), overlapping=True)
    which, starts, ends = np.array(found, np.int64).reshape(-1, 3).T
    starts, ends = starts + first, ends + first
    rows = np.searchsorted(seen.offsets, starts, "right") - 1
    inside = ends <= seen.offsets[rows + 1]
    if bounded:
        inside &= ~glued(seen, rows, starts, before=True) & ~glued(seen, rows, ends, before=False)
    return Hits(rows[inside], which[inside])


@functools.lru_cache(maxsize=8)
def automaton(phrases: tuple[str, ...]) -> Any:
    """The automaton over the phrases' UTF-8. Raises MissingExtra without ahocorasick_rs."""
    try:
        from ahocorasick_rs import BytesAhoCorasick
    except ImportError:
        raise missing_extra("phrase lists", "ahocorasick_rs", "text") from None
    return BytesAhoCorasick([phrase.encode() for phrase in phrases])


def glued(seen: View, rows: np.ndarray, edges: np.ndarray, before: bool) -> np.ndarray:
    """`bool` (n,): whether the characters on both sides of an edge make one word of it."""
    inner = edges != (seen.offsets[rows] if before else seen.offsets[rows + 1])
    at = edges[inner]
    inner[inner] = in_word(seen.data, beginning(seen.data, at - 1)) & in_word(seen.data, at)
    return np.asarray(inner)


def beginning(data: np.ndarray, at: np.ndarray) -> np.ndarray:
    """Where the character that each byte belongs to begins."""
    for _ in range(3):
        at = at - (data[at] & 0xC0 == 0x80)
    return at


def in_word(data: np.ndarray, at: np.ndarray) -> np.ndarray:
    """`bool` (n,): whether a letter, a digit or what combines with them begins there, of a script with spaces."""
    known = traits()[points(data, at)]
    return np.asarray((known & (ALONE | MARK | SPACE) == 0) & (known & FOLD != 0))


def points(data: np.ndarray, at: np.ndarray) -> np.ndarray:
    """`int64` (n,): the code point that begins at each byte of UTF-8."""
    one = data[at].astype(np.int64)
    two, three, four = (data[np.minimum(at + step, len(data) - 1)].astype(np.int64) & 0x3F for step in (1, 2, 3))
    values = [one, (one & 0x1F) << 6 | two, (one & 0x0F) << 12 | two << 6 | three]
    widest = (one & 0x07) << 18 | two << 12 | three << 6 | four
    return np.asarray(np.select([one < 0x80, one < 0xE0, one < 0xF0], values, widest))


def counted(found: Hits, records: int, weights: Sequence[float] | np.ndarray | None = None) -> np.ndarray:
    """`float64` (records,): how many hits each text has, or the sum of their phrases' weights."""
    each = None if weights is None else np.asarray(weights, np.float64)[found.phrases]
    return np.bincount(found.rows, each, minlength=records).astype(np.float64)


def named(found: Hits, phrases: Sequence[str], most: int = 5) -> dict[int, str]:
    """The phrases that each text has, for a reader, the frequent ones first: `'free money' 2, 'casino' 1`."""
    told: dict[int, dict[int, int]] = {}
    for row, phrase in zip(found.rows.tolist(), found.phrases.tolist(), strict=True):
        told.setdefault(row, {})[phrase] = told.get(row, {}).get(phrase, 0) + 1
    return {row: said(counts, phrases, most) for row, counts in told.items()}


def said(counts: dict[int, int], phrases: Sequence[str], most: int) -> str:
    """Some phrases with their counts."""
    ordered = sorted(counts.items(), key=lambda item: (-item[1], phrases[item[0]]))
    more = f" and {len(ordered) - most} more" if len(ordered) > most else ""
    return ", ".join(f"'{phrases[index]}' {count}" for index, count in ordered[:most]) + more
