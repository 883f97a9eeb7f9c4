"""Lines, paragraphs, bullets and marks agree with plain Python on any text."""

from __future__ import annotations

import itertools
import re
import unicodedata
from collections.abc import Sequence

import numpy as np
import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st

from finery_plugins.text import quality

ODD = " \n\n\n\t\r\x0b\x1c\x85\u2028\u3000ab中é.…-•#!。'"
TEXTS = st.lists(
    st.one_of(
        st.text(max_size=40),
        st.text(ODD, max_size=60),
        st.lists(st.sampled_from(["a", "b.", "", " ", "- c…", "d...", "\r", "..", "中。"]), max_size=12).map("\n".join),
    ),
    max_size=6,
)


def repeats(pieces: Sequence[str]) -> list[int]:
    """Pieces, those that were there before, characters of those, characters of all."""
    seen: set[str] = set()
    again = [piece for piece in pieces if piece in seen or seen.add(piece)]  # type: ignore[func-returns-value]
    return [len(pieces), len(again), sum(map(len, again)), sum(map(len, pieces))]


def lines(text: str) -> list[str]:
    return [line.strip() for line in text.split("\n") if line.strip()]


def paragraphs(text: str) -> list[str]:
    return [part.strip() for part in re.split(r"\n\s*\n", text) if part.strip()]


def repeated(text: str, fine: bool) -> list[int]:
    if fine:
        return [*repeats(re.split("\n+", text)), *repeats(re.split("\n{2,}", text.strip())), len(text)]
    return [*repeats(lines(text)), *repeats(paragraphs(text)), len(text)]


def decorated(text: str, fine: bool, bullets: str) -> list[int]:
    found = [line.strip() for line in text.splitlines()] if fine else lines(text)
    bulleted = sum(line[:1] in tuple(bullets) for line in found)
    trailing = sum(line.endswith(("...", "…")) for line in found)
    return [len(found), bulleted, trailing, text.count("#"), text.count("...") + text.count("…")]


def punctuated(text: str, short: int, end_marks: str) -> list[int]:
    found = [line for line in text.split("\n") if line.strip()]
    closed = sum(line.endswith(tuple(end_marks)) for line in found)
    brief = sum(len(line) <= short for line in found)
    newlines = text.count("\n")
    return [len(found), closed, brief, repeats(found)[2], len(text) - newlines, newlines]


def marked(text: str) -> list[int]:
    categories = [unicodedata.category(c)[0] for c in text]
    runs = [len(list(run)) for c, run in itertools.groupby(text) if unicodedata.category(c)[0] in "PS"]
    solid = sum(not c.isspace() for c in text)
    return [solid, sum(c in "PS" for c in categories), categories.count("S"), max(runs, default=0)]


def large(texts: Sequence[str]) -> pa.Array:
    return pa.array(texts, pa.large_string())


@given(TEXTS, st.booleans())
def test_repeated_lines_and_paragraphs_agree_with_python(texts: list[str], fine: bool) -> None:
    seen = quality.repetition(large(texts), fine, [], [])
    parts = [
        column
        for some in (seen.lines, seen.paragraphs)
        for column in (some.all, some.again, some.characters, some.whole)
    ]
    assert np.stack([*parts, seen.characters], 1).tolist() == [repeated(text, fine) for text in texts]


@given(TEXTS, st.booleans())
def test_bullets_and_ellipses_agree_with_python(texts: list[str], fine: bool) -> None:
    seen = quality.gopher(large(texts), fine, [], "•-中")
    rows = np.stack([seen.lines, seen.bullets, seen.trailing, seen.hashes, seen.ellipses], 1)
    assert rows.tolist() == [decorated(text, fine, "•-中") for text in texts]


@given(TEXTS, st.integers(0, 10))
def test_ends_lengths_and_repeats_of_lines_agree_with_python(texts: list[str], short: int) -> None:
    seen = quality.fineweb(large(texts), short, ".!。")
    rows = np.stack([seen.lines, seen.closed, seen.short, seen.repeated, seen.characters, seen.newlines], 1)
    assert rows.tolist() == [punctuated(text, short, ".!。") for text in texts]


@given(TEXTS)
def test_marks_and_their_runs_agree_with_python(texts: list[str]) -> None:
    seen = quality.marks(large(texts))
    rows = np.stack([seen.solid, seen.marks, seen.symbols, seen.longest_run], 1)
    assert rows.tolist() == [marked(text) for text in texts]


def test_no_texts_have_no_lines() -> None:
    assert quality.repetition(large([]), False, [2], [5]).lines.all.tolist() == []
    assert quality.fineweb(large([]), 30, ".").words.tolist() == []


def test_scratch_holds_the_lines_of_any_text() -> None:
    for text in ("\n" * 1000, "a\n" * 1000, "\n中" * 1000, "\r" * 1000):
        assert quality.repetition(large([text]), True, [], []).lines.all.tolist() == [repeated(text, True)[0]]
        assert quality.gopher(large([text]), True, [], "").lines.tolist() == [len(text.splitlines())]
