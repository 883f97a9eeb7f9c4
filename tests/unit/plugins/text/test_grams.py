"""Hashed n-grams and the regression on them agree with plain Python, bit for bit."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from finery_plugins.text.linear import grams
from finery_plugins.text.measures import distinct_words
from finery_plugins.text.wordlists import Words, as_words, text_hashes, word_lists

MASK = (1 << 64) - 1
CHAIN, MIX = 0x9E3779B97F4A7C15, 0x94D049BB133111EB
TEXTS = st.lists(st.text("ab cd水涨.", max_size=40), max_size=6)


def texts(values: Sequence[str]) -> pa.Array:
    return pa.array(values, pa.large_string())


def lists(values: Sequence[str]) -> list[list[int]]:
    found: list[list[int]] = word_lists(texts(values)).to_pylist()
    return found


def buckets(words: Sequence[int], ngram: int, count: int) -> list[int]:
    """The bucket of each n-gram, by place and length."""
    found = []
    for at in range(len(words)):
        value = 0
        for word in words[at : at + ngram]:
            value = (value * CHAIN + word) * MIX & MASK
            found.append((value >> 16) % count)
    return found


def room(words: Words, ngram: int) -> np.ndarray:
    return np.empty(len(words.hashes) * ngram + 1, np.int64)


def test_words_are_told_apart_as_elsewhere() -> None:
    one, two, three = lists(["The mill, the MILL!", "水涨了 abc", ""])
    assert one[:2] == one[2:]
    assert len(two) == 4 and len(set(two)) == 4
    assert three == []


@given(TEXTS)
def test_each_text_has_its_words_wherever_it_stands(values: list[str]) -> None:
    together = lists(values)
    assert together == [lists([value])[0] for value in values]
    assert [len(words) for words in together] == distinct_words(texts(values))[0].tolist()


def test_lists_can_be_sliced_and_filtered() -> None:
    found = word_lists(texts(["a b", "c", "d e f"]))
    kept = as_words(found.filter(pa.array([False, True, True])).slice(1))
    assert kept.hashes[kept.offsets[0] : kept.offsets[1]].tolist() == lists(["d e f"])[0]


def test_equal_texts_have_equal_hashes_and_others_do_not() -> None:
    first, second, third = text_hashes(texts(["a b", "a  b", "a b"])).tolist()
    assert first == third != second


@given(TEXTS, st.integers(1, 3), st.sampled_from([16, 1000, 10_000]))
def test_counts_are_those_of_plain_python(values: list[str], ngram: int, size: int) -> None:
    words = as_words(word_lists(texts(values)))
    counts = np.zeros(size, np.int64)
    grams().counted(words.offsets, words.hashes, ngram, room(words, ngram), counts)
    expected = Counter(bucket for one in lists(values) for bucket in buckets(one, ngram, size))
    assert {at: n for at, n in enumerate(counts.tolist()) if n} == expected


@given(TEXTS, st.integers(1, 3))
def test_sums_are_those_of_plain_python(values: list[str], ngram: int) -> None:
    words, weights = as_words(word_lists(texts(values))), np.sin(np.arange(64.0))
    out = np.zeros(len(values))
    grams().summed(words.offsets, words.hashes, ngram, weights, room(words, ngram), out)
    expected = [0.0] * len(values)
    for row, one in enumerate(lists(values)):
        for bucket in buckets(one, ngram, 64):
            expected[row] += weights[bucket]
    assert out.tolist() == expected


@given(TEXTS, st.integers(1, 4))
def test_features_are_the_different_buckets_of_the_first_words(values: list[str], limit: int) -> None:
    words = as_words(word_lists(texts(values)))
    ends, out = np.zeros(len(values) + 1, np.int64), np.empty(len(words.hashes) * 2 + 1, np.int32)
    stamps = np.zeros(64, np.int64)
    grams().featured(words.offsets, words.hashes, limit, 2, stamps, room(words, 2), ends[1:], out)
    found = [out[ends[row] : ends[row + 1]].tolist() for row in range(len(values))]
    assert found == [list(dict.fromkeys(buckets(one[:limit], 2, 64))) for one in lists(values)]


def regression(rows: list[list[int]], labels: list[float], size: int, epochs: int, rate: float, l1: float, l2: float):  # type: ignore[no-untyped-def]
    """FTRL-Proximal as McMahan et al. (2013) write it, with a bias that l1 leaves alone."""
    z, n = [0.0] * (size + 1), [0.0] * (size + 1)

    def weight(at: int) -> float:
        own = 0.0 if at == size else l1
        if abs(z[at]) <= own:
            return 0.0
        return -(z[at] - math.copysign(own, z[at])) / ((1.0 + math.sqrt(n[at])) / rate + l2)

    for _ in range(epochs):
        for row, label in zip(rows, labels, strict=True):
            share = 1.0 / math.sqrt(max(len(row), 1))
            weights = {at: weight(at) for at in [size, *row]}
            total = weights[size]
            for at in row:
                total += weights[at] * share
            slope = (1.0 / (1.0 + math.exp(-total)) - label) * 1.0
            for at in [size, *row]:
                gradient = slope if at == size else slope * share
                sigma = (math.sqrt(n[at] + gradient * gradient) - math.sqrt(n[at])) / rate
                z[at] += gradient - sigma * weights[at]
                n[at] += gradient * gradient
    return [weight(at) for at in range(size + 1)]


@settings(max_examples=30)
@given(
    st.lists(st.tuples(st.lists(st.integers(0, 15), unique=True, max_size=5), st.booleans()), min_size=1, max_size=12),
    st.sampled_from([0.0, 0.3]),
)
def test_weights_are_those_of_plain_python(examples: list[tuple[list[int], bool]], l1: float) -> None:
    rows, labels = [row for row, _ in examples], [float(label) for _, label in examples]
    starts = np.cumsum([0, *map(len, rows)])
    features = np.array([bucket for row in rows for bucket in row], np.int32)
    z, n, weights = np.zeros((3, 17))
    order, shares = np.arange(len(rows)), np.ones(len(rows))
    grams().learnt(starts, features, order, np.array(labels), shares, 3, 0.5, 1.0, l1, 0.1, z, n, weights)
    assert weights.tolist() == pytest.approx(regression(rows, labels, 16, 3, 0.5, l1, 0.1), rel=1e-12, abs=1e-15)
