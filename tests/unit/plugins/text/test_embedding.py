"""Embeddings: texts that say the same are near, whatever stands beside them."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from finery_plugins.text.embedding import (
    RELATED,
    Embedding,
    add_frequencies,
    bands_for,
    cosines,
    document_frequencies,
    fitted_weights,
    keys,
    levelled,
    products,
)


def cosine(left: str, right: str, embedding: Embedding | None = None) -> float:
    both = (embedding or Embedding()).vectors(pa.array([left, right], pa.large_string()))
    return float(cosines(both[:1], both[1:])[0])


def test_order_case_and_punctuation_do_not_matter() -> None:
    assert cosine("The mill stood above the weir.", "above the weir THE MILL stood") == 1.0
    assert cosine("春天，水会涨。", "春天水会涨") > 0.85


def test_little_changes_move_texts_little_and_others_are_far() -> None:
    text = "A lighthouse keeper trims the wick, winds the clockwork and writes the weather into the log."
    assert cosine(text, text.replace("keeper", "keepers").replace("weather", "wind")) > 0.8
    assert abs(cosine(text, "Copper melts at 1085 degrees, tin at 232, and bronze between.")) < 0.3
    assert abs(cosine("灯台守は毎日、天気を日誌に書きます。", "春天的时候，水会涨到楼梯的第三级台阶。")) < 0.3


def test_words_that_are_frequent_everywhere_count_little() -> None:
    assert cosine("the of and to in a is that for it", "the of and to in a is that for it bronze") < 0.95
    assert cosine("copper bronze", "the copper and the bronze") > cosine("copper bronze", "copper bronze tin iron")


def test_fitted_weights_fall_with_the_texts_that_have_a_feature() -> None:
    texts = pa.array([f"common rare{number}" for number in range(50)], pa.large_string())
    counts = document_frequencies()
    add_frequencies(counts, texts)
    embedding = Embedding(weights=fitted_weights(counts, 50))
    assert cosine("common rare1", "rare1", embedding) > 0.95
    assert cosine("common rare1", "common", embedding) < cosine("common rare1", "common")
    assert fitted_weights(counts, 50).min() >= 1


def test_a_text_without_words_is_all_zero() -> None:
    vectors = Embedding().vectors(pa.array(["", "!!! ...", "a"], pa.large_string()))
    assert vectors.any(axis=1).tolist() == [False, False, True]
    assert cosines(vectors, vectors).tolist() == [0.0, 0.0, 1.0]


@given(st.lists(st.text("aé 春!\n", max_size=8), max_size=5))
def test_a_vector_depends_on_its_text_only(texts: list[str]) -> None:
    alone = [Embedding().vectors(pa.array([text], pa.large_string()))[0].tolist() for text in texts]
    assert Embedding().vectors(pa.array(texts, pa.large_string())).tolist() == alone


def test_products_are_exact() -> None:
    draw = np.random.default_rng(3)
    left, right = (draw.integers(-127, 128, (20, 1024), np.int64).astype(np.int8) for _ in range(2))
    expected = left.astype(np.int64) @ right.astype(np.int64).T
    assert (products(left, right) == expected).all()


@pytest.mark.parametrize("size", [256, 384])
@pytest.mark.parametrize("threshold", [0.8, 0.9])
def test_bands_give_the_recall_that_they_promise(size: int, threshold: float) -> None:
    draw = np.random.default_rng(4)
    first, noise = draw.standard_normal((2, 2000, size))
    noise -= first * ((first * noise).sum(1) / (first * first).sum(1))[:, None]
    noise *= np.linalg.norm(first, axis=1, keepdims=True) / np.linalg.norm(noise, axis=1, keepdims=True)
    second = threshold * first + np.sqrt(1 - threshold**2) * noise
    bands = bands_for(threshold, 0.9, 2, size)
    left, right = (keys(levelled(vectors), bands, 2) for vectors in (first, second))
    # Three standard errors of a share of 0.9 among 2,000 are 0.02.
    assert abs((left == right).any(axis=1).mean() - 0.9) < 0.025


def test_bands_grow_with_recall_and_fall_with_the_threshold() -> None:
    assert [bands_for(threshold, 0.95, 2, 256) for threshold in (0.8, 0.9, 0.95, 1.0)] == [50, 18, 9, 1]
    assert bands_for(0.9, 0.99, 2, 256) > bands_for(0.9, 0.95, 2, 256) > bands_for(0.9, 0.95, 1, 256)
    assert bands_for(RELATED[0], 0.5, 1, 1024) >= 1
