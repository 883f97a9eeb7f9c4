"""Where personal data stands in texts: cheap passes over the bytes find places to look at, patterns look there only."""

from __future__ import annotations

import bisect
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple

import numpy as np
import pyarrow as pa

from finery_plugins.text.content import filled
from finery_plugins.text.measures import View, view
from finery_plugins.text.private_ids import IDENTITIES
from finery_plugins.text.private_names import people
from finery_plugins.text.private_patterns import KINDS, Family, Kind, Recogniser, recognisers

COUNTRIES = tuple(number.country for number in IDENTITIES)
"""The countries whose national numbers are known."""

PATTERNED: tuple[Kind, ...] = tuple(kind for kind in KINDS if kind != "name")
"""The kinds that are found by patterns; names need a model."""

DIGITS, GAP = 6, 4
"""A number to look at has six digits or more, each at most four bytes behind the one before, as in `+1 (415) 5`."""

TOKEN = 16
"""Bytes of the shortest secret."""

PLENTY = 99
"""Digits enough for any pattern, where nobody counts them."""


class Span(NamedTuple):
    """One piece of personal data in a text."""

    start: int
    """Its first byte in the text's UTF-8."""
    end: int
    kind: Kind


class Window(NamedTuple):
    """A place to look at, in bytes of the whole column."""

    row: int
    start: int
    end: int
    digits: int


Country = Literal[
    "CN", "US", "GB", "ES", "IT", "FR", "FI", "SE", "KR", "PL", "TR", "BR", "ZA", "TW", "SG", "IN", "CA"
]  # fmt: skip
"""What may be named of COUNTRIES."""


@dataclass(frozen=True)
class Search:
    """What to look for."""

    kinds: tuple[Kind, ...] = PATTERNED
    countries: tuple[str, ...] = COUNTRIES
    model: str | None = None
    """The folder or hub name of the model that finds names."""

    @property
    def looked_for(self) -> tuple[Kind, ...]:
        """The kinds that are looked for, in the order of KINDS."""
        return tuple(kind for kind in KINDS if kind in self.kinds)

    def spans(self, texts: pa.Array) -> dict[int, list[Span]]:
        """The personal data of each text that has any, in order and without overlaps. Texts are `large_string`."""
        texts = filled(texts)
        known = recognisers(self.kinds, self.countries)
        found = matches(based(view(texts)), known)
        for row, start, end in people(texts.to_pylist(), self.model) if self.model and "name" in self.kinds else ():
            found.setdefault(row, []).append(Span(start, end, "name"))
        return {row: apart(spans) for row, spans in sorted(found.items())}


def search(kinds: Sequence[Kind] | None, ids: Sequence[str] | None, model: str | None) -> Search:
    """The search that a plugin's options ask for. Raises ValueError for names without a model."""
    wanted = tuple(kinds or (KINDS if model else PATTERNED))
    if "name" in wanted and not model:
        raise ValueError('names are found by a model: ner = "folder or hub name"')
    return Search(wanted, COUNTRIES if ids is None else tuple(ids), model)


def kinds_said(spans: Sequence[Span]) -> str:
    """How many of each kind, for a reader: `2 email, 1 phone`."""
    counts = Counter(span.kind for span in spans)
    return ", ".join(f"{counts[kind]} {kind}" for kind in KINDS if counts[kind])


def matches(seen: View, known: Sequence[Recogniser]) -> dict[int, list[Span]]:
    """All matches by row, offsets from the beginning of the text."""
    found: dict[int, list[Span]] = {}
    data = seen.data.tobytes()
    for family in dict.fromkeys(one.family for one in known):
        those = [one for one in known if one.family == family]
        for window in merged(FAMILIES[family](seen)):
            piece, base = data[window.start : window.end], window.start - int(seen.offsets[window.row])
            for one in those:
                if window.digits >= one.digits:
                    found.setdefault(window.row, []).extend(shifted(one, piece, base))
    return {row: spans for row, spans in found.items() if spans}


def shifted(one: Recogniser, piece: bytes, base: int) -> Iterator[Span]:
    """What a recogniser finds in a piece of a text that begins at byte `base`."""
    for match in one.pattern.finditer(piece):
        start, end = match.span(one.group)
        if one.valid(piece[start:end]):
            yield Span(base + start, base + end, one.kind)


def apart(spans: Sequence[Span]) -> list[Span]:
    """Spans without overlaps, in order: the earlier kind of KINDS has the place, then the longer span."""
    taken: list[Span] = []
    for span in sorted(set(spans), key=lambda one: (KINDS.index(one.kind), one.start - one.end, one.start)):
        place = bisect.bisect(taken, span)
        free_before = not place or taken[place - 1].end <= span.start
        if free_before and (place == len(taken) or span.end <= taken[place].start):
            taken.insert(place, span)
    return taken


def merged(windows: Iterator[Window]) -> Iterator[Window]:
    """Windows in order, those that overlap as one."""
    last: Window | None = None
    for window in windows:
        if last and window.row == last.row and window.start <= last.end:
            last = Window(last.row, last.start, max(last.end, window.end), max(last.digits, window.digits))
            continue
        if last:
            yield last
        last = window
    if last:
        yield last


def numbers(seen: View) -> Iterator[Window]:
    """Runs of six digits or more that stand close together."""
    at = np.flatnonzero((seen.data - np.uint8(48)) < 10)
    breaks = np.flatnonzero((np.diff(at) > GAP) | (np.diff(row_of(seen, at)) > 0)) + 1
    edges = np.concatenate(([0], breaks, [len(at)]))
    long = np.flatnonzero(np.diff(edges) >= DIGITS)
    first, last = edges[long], edges[long + 1] - 1
    yield from windows(seen, at[first], at[last], 48, 32, last - first + 1)


def nets(seen: View) -> Iterator[Window]:
    """Two colons, two dots behind digits, or two hyphens three bytes apart, near each other."""
    colons, dots, hyphens = (np.flatnonzero(seen.data == ord(mark)) for mark in ":.-")
    dots = dots[(seen.data[dots - 1] - np.uint8(48)) < 10]
    near = [colons[1:][np.diff(colons) <= 5], dots[1:][np.diff(dots) <= 4], hyphens[1:][np.diff(hyphens) == 3]]
    at = np.sort(np.concatenate(near))
    yield from windows(seen, at, at, 48, 48)


def mails(seen: View) -> Iterator[Window]:
    """At each `@`."""
    at = np.flatnonzero(seen.data == ord("@"))
    yield from windows(seen, at, at, 224, 288)


def tokens(seen: View) -> Iterator[Window]:
    """Long runs of a secret's bytes with a digit or a capital in them."""
    breaks = np.concatenate(([-1], np.flatnonzero(SECRET[seen.data] == 0), [len(seen.data)]))
    long = np.flatnonzero(np.diff(breaks) > TOKEN)
    first, stop = uncrossed(seen, breaks[long] + 1, breaks[long + 1])
    marks = np.flatnonzero(SECRET[seen.data] == 2)
    marked = np.searchsorted(marks, first) < np.searchsorted(marks, stop)
    yield from windows(seen, first[marked], stop[marked] - 1, 80, 8)


def uncrossed(seen: View, first: np.ndarray, stop: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Runs of bytes cut where one text ends and the next begins; short pieces are left out."""
    inner = seen.offsets[1:-1]
    low, high = np.searchsorted(inner, first, "right"), np.searchsorted(inner, stop, "left")
    crossing = np.flatnonzero(high > low)
    cuts = np.unique(np.concatenate([inner[low[run] : high[run]] for run in crossing.tolist()] or [inner[:0]]))
    first, stop = np.sort(np.concatenate([first, cuts])), np.sort(np.concatenate([stop, cuts]))
    long = stop - first >= TOKEN
    return first[long], stop[long]


def headers(seen: View) -> Iterator[Window]:
    """Five hyphens with a `B` behind them, as far as a key of 8,192 bits reaches."""
    at = np.flatnonzero(seen.data == ord("-"))
    at = at[:-4][at[4:] - at[:-4] == 4]
    at = at[at + 5 < len(seen.data)]
    at = at[seen.data[at + 5] == ord("B")]
    yield from windows(seen, at, at, 0, 13_000)


def windows(
    seen: View, first: np.ndarray, last: np.ndarray, before: int, after: int, digits: np.ndarray | None = None
) -> Iterator[Window]:
    """A window from some bytes before each place to some behind it, within the text that the place is in."""
    rows = row_of(seen, first)
    start = np.maximum(first - before, seen.offsets[rows])
    end = np.minimum(last + after + 1, seen.offsets[rows + 1])
    count = np.full(len(first), PLENTY) if digits is None else digits
    yield from map(Window, rows.tolist(), start.tolist(), end.tolist(), count.tolist())


def row_of(seen: View, at: np.ndarray) -> np.ndarray:
    """The text that each byte is in."""
    return np.searchsorted(seen.offsets, at, "right") - 1


def based(seen: View) -> View:
    """The same texts with offsets that begin at 0, and no byte that is not theirs."""
    first, last = seen.offsets[0], seen.offsets[-1]
    return View(seen.offsets - first, seen.data[first:last])


def secret_bytes() -> np.ndarray:
    """`uint8` (256,): 1 for the bytes that secrets are made of, 2 for digits and capitals, which words lack."""
    known = np.zeros(256, np.uint8)
    known[list(b"abcdefghijklmnopqrstuvwxyz+/=._~-")] = 1
    known[list(b"ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789")] = 2
    known.setflags(write=False)
    return known


SECRET = secret_bytes()

FAMILIES: Mapping[Family, Callable[[View], Iterator[Window]]] = {
    "number": numbers,
    "net": nets,
    "mail": mails,
    "token": tokens,
    "header": headers,
}
