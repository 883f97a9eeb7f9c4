"""Shared n-grams are those of Python sets of words."""

from __future__ import annotations

import unicodedata
from collections import Counter

import pyarrow as pa
from hypothesis import given, settings
from hypothesis import strategies as st

from finery_plugins.text.overlap import index, shared
from finery_plugins.text.traits import UNSPACED

TEXTS = st.lists(
    st.lists(st.sampled_from(["a", "B", "b,", "中文", "—", "c d", "x\n"]), max_size=9).map(" ".join), max_size=6
)


def words(text: str) -> list[str]:
    """Folded words: split at white space, no marks, each character of an unspaced script alone."""
    spaced = "".join(f" {c} " if any(a <= ord(c) <= b for a, b in UNSPACED) else c for c in text)
    kept = ["".join(c for c in word.lower() if unicodedata.category(c)[0] not in "PSC") for word in spaced.split()]
    return [word for word in kept if word]


def grams(text: str, length: int) -> set[tuple[str, ...]]:
    found = words(text)
    return {tuple(found[at : at + length]) for at in range(len(found) - length + 1)}


def reference(texts: list[str], items: list[str], ngram: int, least: int, common: int) -> dict[tuple[int, str], float]:
    """Row and item to the share of the item's n-grams that the row has."""
    lengths = [min(len(words(item)), ngram) for item in items]
    of = [grams(item, length) if length >= least else set() for item, length in zip(items, lengths, strict=True)]
    often = Counter(gram for found in of for gram in found)
    of = [{gram for gram in found if often[gram] <= common} for found in of]
    shares = {}
    for row, text in enumerate(texts):
        for number, (known, length) in enumerate(zip(of, lengths, strict=True)):
            both = known & grams(text, length) if known else set()
            if both:
                shares[row, f"set:{number}"] = len(both) / len(known)
    return shares


def found(texts: list[str], items: list[str], ngram: int, least: int, common: int) -> dict[tuple[int, str], float]:
    known = index(items, [f"set:{number}" for number in range(len(items))], ngram, least, common)
    answer = shared(pa.array(texts, pa.large_string()), known)
    return dict(zip(zip(answer.rows.tolist(), answer.items, strict=True), answer.shares.tolist(), strict=True))


@settings(max_examples=300)
@given(TEXTS, TEXTS, st.integers(2, 4), st.integers(1, 2), st.integers(1, 3))
def test_shares_agree_with_python(texts: list[str], items: list[str], ngram: int, least: int, common: int) -> None:
    assert found(texts, items, ngram, least, common) == reference(texts, items, ngram, least, common)


def test_more_hits_than_room_are_all_found() -> None:
    item = " ".join(f"w{number}" for number in range(6000))
    assert found([item, item], [item], 5, 1, 1) == {(0, "set:0"): 1.0, (1, "set:0"): 1.0}


def test_a_short_item_is_found_whole() -> None:
    items = ["one two three", "four"]
    assert found(["so one, Two three!", "one two", "four"], items, 8, 2, 10) == {(0, "set:0"): 1.0}


def test_what_many_items_share_says_nothing_of_one() -> None:
    items = [f"choose the best answer {letter}" for letter in "abc"]
    assert found(["choose the best answer"], items, 4, 1, 3) != {}
    assert found(["choose the best answer"], items, 4, 1, 2) == {}
    assert found(["the best answer b"], items, 4, 1, 2) == {(0, "set:1"): 1.0}


def test_no_items_share_nothing() -> None:
    assert found(["a b c"], [], 3, 1, 10) == {}
    assert found([], ["a b c"], 3, 1, 10) == {}
