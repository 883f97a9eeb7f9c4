"""The lines and sentences that C4 counts agree with plain Python on any text."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from finery_plugins.text import c4, kinds
from finery_plugins.text.c4 import LineRules
from finery_plugins.text.traits import UNSPACED

CITATION = re.compile(r"\[\d*]|\[edit]|\[citation needed]")
PIECES = [
    "One two three four five.", "a b", "Lorem ip", "sum", "Lorem ipsum dolor sit amet.", "{", "x [1] y z.",
    "java[12]script",     "JavaScript is here now.", "\n", "\n", "\r\n", "\x85", "\u2028", " ",
    "use coo\u212aies today, please!", "[edit]",
    "[citation needed]", "[", "]", "[٣]", "...", "e.g. this one.", '"Is it?"', "'", "中文字。中文。", "a.b.c",
    "longlonglongword end.", "!?", "We use cookies.", "\x00", "(So it is.)", "?”",
]  # fmt: skip
TEXTS = st.lists(
    st.one_of(st.text(max_size=40), st.lists(st.sampled_from(PIECES), max_size=12).map("".join)), max_size=6
)
RULES = st.builds(
    LineRules,
    min_words=st.sampled_from([None, 0, 2, 3, 5]),
    max_word_length=st.sampled_from([None, 3, 12]),
    end_marks=st.sampled_from(["", '.?!"', ".?!\"'", "。"]),
    citations=st.booleans(),
    words_first=st.booleans(),
    phrases=st.sampled_from([("javascript", "use cookies", "policy"), ("", "e.g."), ("javascript",), ("",)]),
)


def is_alone(character: str) -> bool:
    inside = any(first <= ord(character) <= last for first, last in UNSPACED)
    category = unicodedata.category(character)
    return inside and category[0] not in "PS" and category not in ("Cc", "Cf") and not character.isspace()


def words(text: str) -> list[str]:
    return "".join(f" {c} " if is_alone(c) else c for c in text).split()


def is_stop(character: str) -> bool:
    return any(first <= ord(character) <= last for first, last in kinds.STOPS)


def sentences(line: str) -> int:
    count, at, rest = 0, 0, False
    while at < len(line):
        if not is_stop(line[at]):
            rest = rest or not line[at].isspace()
            at += 1
            continue
        alone = at > 0 and is_alone(line[at - 1])
        while at < len(line) and (is_stop(line[at]) or line[at] in kinds.EDGES):
            at += 1
        ended = at == len(line) or alone or line[at].isspace()
        count, rest = count + ended, not ended
    return count + rest


def page(text: str, rules: LineRules) -> list[int]:
    """Sentences and lines kept, lines with lorem ipsum, lines with curly brackets: C4's clean_page, all lines read."""
    lorem: list[str] = []
    braces: list[str] = []
    kept = kept_lines(text, rules, lorem, braces)
    return [sum(map(sentences, kept)), len(kept), len(lorem), len(braces)]


def kept_lines(text: str, rules: LineRules, lorem: list[str], braces: list[str]) -> list[str]:
    """The lines kept; those that the rules on pages look at are put into the lists."""
    kept = []
    for line in map(str.strip, text.splitlines()):
        before = words(line)
        if rules.max_word_length is not None and any(len(word) > rules.max_word_length for word in before):
            continue
        if rules.citations:
            line = CITATION.sub("", line)
        if rules.end_marks and (not line.endswith(tuple(rules.end_marks)) or line.endswith("...")):
            continue
        if len(before if rules.words_first else words(line)) < (rules.min_words or 0):
            continue
        lowered = line.lower()
        lorem += [line] * ("lorem ipsum" in lowered)
        if rules.phrases[0] and rules.phrases[0] in lowered:
            continue
        braces += [line] * ("{" in line)
        if any(phrase and phrase in lowered for phrase in rules.phrases):
            continue
        kept.append(line)
    return kept


def large(texts: Sequence[str]) -> pa.Array:
    return pa.array(texts, pa.large_string())


def measured(texts: Sequence[str], rules: LineRules) -> list[list[int]]:
    seen = c4.page(large(texts), rules)
    rows: list[list[int]] = np.stack([seen.sentences, seen.lines, seen.lorem, seen.braces], 1).tolist()
    return rows


@settings(max_examples=300)
@given(TEXTS, RULES)
def test_lines_and_sentences_agree_with_python(texts: list[str], rules: LineRules) -> None:
    assert measured(texts, rules) == [page(text, rules) for text in texts]


@settings(max_examples=300)
@given(TEXTS, RULES)
def test_rewritten_pages_agree_with_python(texts: list[str], rules: LineRules) -> None:
    expected = ["\n".join(kept_lines(text, rules, [], [])).strip() for text in texts]
    assert c4.kept_lines(large(texts), rules).to_pylist() == expected


@settings(max_examples=50)
@given(TEXTS, RULES, st.integers(0, 5), st.integers(0, 5))
def test_neighbours_do_not_change_a_rewritten_page(texts: list[str], rules: LineRules, at: int, taken: int) -> None:
    whole, part = (c4.kept_lines(some, rules) for some in (large(texts), large(texts).slice(at, taken)))
    assert part.to_pylist() == whole.slice(at, taken).to_pylist()


def test_a_word_begins_anew_behind_a_character_that_is_one() -> None:
    rules = LineRules(None, 3, "", citations=False, words_first=False, phrases=("",))
    assert measured(["中000", "中0000"], rules) == [[1, 1, 0, 0], [0, 0, 0, 0]]


@given(TEXTS, st.integers(1, 20))
def test_long_lines_agree_with_python(texts: list[str], least: int) -> None:
    expected = [sum(len(line) >= least for line in text.split("\n")) for text in texts]
    assert c4.long_lines(large(texts), least).tolist() == expected


@pytest.mark.parametrize(
    ("line", "count"),
    [
        ("One. Two! Three?", 3),
        ('He said "Go." Then he went.', 2),
        ("Version 3.14 is out", 1),
        ("春天来了。花开了！", 2),
        ("Wait... what?!", 2),
        ("", 0),
    ],
)
def test_sentences_end_in_marks_before_a_space(line: str, count: int) -> None:
    rules = LineRules(None, None, "", citations=False, words_first=False, phrases=("",))
    assert measured([line], rules)[0][0] == count == sentences(line)


@given(st.lists(st.binary(max_size=30), max_size=5))
def test_bytes_that_are_no_text_are_read_within_bounds(blobs: list[bytes]) -> None:
    texts = pa.array(blobs, pa.large_binary()).view(pa.large_string())
    c4.page(texts, LineRules(3, 10, ".", citations=True, words_first=False, phrases=("javascript",)))
    c4.kept_lines(texts, LineRules(0, 10, "", citations=True, words_first=False, phrases=("javascript",)))
    assert len(c4.long_lines(texts, 3)) == len(blobs)
