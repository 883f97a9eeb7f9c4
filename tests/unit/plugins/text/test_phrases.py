"""Phrases are found whole, in any case, and wherever they stand in scripts without spaces."""

from __future__ import annotations

import sys
import unicodedata
from pathlib import Path

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from finery import MissingExtra, UsageError
from finery_plugins.text import phrases
from finery_plugins.text.phrases import counted, hits, lowered, named, normal, read_phrases, unique
from finery_plugins.text.traits import UNSPACED

LETTERS = "abAB é\u0301éÉİß中文カナ한1_-. 😀"


def large(*texts: str | None) -> pa.Array:
    return pa.array(texts, pa.large_string())


def is_inner(character: str) -> bool:
    """Whether a character is part of a word that a boundary must not cut."""
    if character.isspace() or unicodedata.category(character)[0] in "PS":
        return False
    alone = any(first <= ord(character) <= last for first, last in UNSPACED)
    return not alone and unicodedata.category(character) not in ("Cc", "Cf")


def reference(text: str, listed: tuple[str, ...], bounded: bool) -> list[tuple[int, int]]:
    """Start and phrase of each occurrence, place by place."""
    plain, found = lowered(text), []
    for number, phrase in enumerate(listed):
        for start in range(len(plain)):
            end = start + len(phrase)
            if plain[start:end] == phrase:
                cuts = [at for at in (start, end) if 0 < at < len(plain)]
                glued = any(is_inner(plain[at - 1]) and is_inner(plain[at]) for at in cuts)
                found += [] if bounded and glued else [(start, number)]
    return found


def tallied(texts: list[str], listed: tuple[str, ...], bounded: bool) -> list[list[int]]:
    """How often each phrase stands in each text."""
    found = hits(large(*texts), listed, bounded)
    table = [[0] * len(listed) for _ in texts]
    for row, phrase in zip(found.rows.tolist(), found.phrases.tolist(), strict=True):
        table[row][phrase] += 1
    return table


@given(
    st.lists(st.text(LETTERS, max_size=24), max_size=5),
    st.lists(st.text(LETTERS, min_size=1, max_size=3), min_size=1, max_size=6),
    st.booleans(),
)
def test_hits_agree_with_python(texts: list[str], listed: list[str], bounded: bool) -> None:
    known = unique(listed)
    expected = [[0] * len(known) for _ in texts]
    for row, text in enumerate(texts):
        for _, number in reference(text, known, bounded):
            expected[row][number] += 1
    assert tallied(texts, known, bounded) == expected


@pytest.mark.parametrize(
    ("phrase", "text", "times"),
    [
        ("ass", "grass, ASS; class", 1),
        ("free money", "Free  money! FREE MONEY", 1),
        ("бар", "барабан. Бар", 1),
        ("傻瓜", "你这傻瓜啊", 1),
        ("ばか", "おばかさん", 1),
        ("한국", "한국어 한국", 1),
        ("c++", "c++ and c++11, abc++", 2),
        ("x", "中x文 x_x ax", 3),
        ("aa", "aaa aa", 1),
    ],
)
def test_a_phrase_stands_whole_where_its_script_has_spaces(phrase: str, text: str, times: int) -> None:
    assert tallied([text], unique([phrase]), True) == [[times]]


def test_neighbours_in_memory_do_not_matter() -> None:
    known = unique(["ab", "cd", "bc"])
    texts = ["x ab", "cd", "a", "b", "", "abc"]
    assert tallied(texts, known, True) == [[1, 0, 0], [0, 1, 0], [0, 0, 0], [0, 0, 0], [0, 0, 0], [0, 0, 0]]
    part = large("ab ab", "cd", None, "ab").slice(1)
    assert hits(part, known).rows.tolist() == [0, 2]


def test_no_texts_and_no_phrases_have_no_hits() -> None:
    assert len(hits(large(), ("a",)).rows) == 0
    assert len(hits(large("a"), ()).rows) == 0


def test_weights_are_summed_a_text() -> None:
    found = hits(large("a b", "", "b"), ("a", "b"))
    assert counted(found, 3).tolist() == [2, 0, 1]
    assert counted(found, 3, [0.5, 2]).tolist() == [2.5, 0, 2]


def test_phrases_are_told_frequent_first_and_the_rest_counted() -> None:
    found = hits(large("b a b", "a b c d"), ("a", "b", "c", "d"))
    assert named(found, ("a", "b", "c", "d"), 2) == {0: "'b' 2, 'a' 1", 1: "'a' 1, 'b' 1 and 2 more"}


def test_phrases_are_compared_in_one_form() -> None:
    assert normal(" Cafe\u0301  AU\tlait ") == "café au lait"
    assert unique(["A", "a ", "", " "]) == ("a",)


def test_a_file_has_a_phrase_a_line_and_comments(tmp_path: Path) -> None:
    path = tmp_path / "words.txt"
    path.write_text("\ufeff# ours\nfree money\n\n 中文 \n", encoding="utf-8")
    assert read_phrases(path) == ["free money", "中文"]


def test_a_file_that_cannot_be_read_is_a_usage_error(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="No such file"):
        read_phrases(tmp_path / "none.txt")
    (tmp_path / "latin.txt").write_bytes("café".encode("latin-1"))
    with pytest.raises(UsageError, match="is not UTF-8"):
        read_phrases(tmp_path / "latin.txt")


def test_without_the_library_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ahocorasick_rs", None)
    with pytest.raises(MissingExtra, match=r"pip install 'finery\[text\]'"):
        phrases.automaton.__wrapped__(("a",))
