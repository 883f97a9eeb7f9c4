"""The kernels of the embedding agree with plain Python."""

from __future__ import annotations

import math
from collections import Counter
from itertools import pairwise

import numpy as np
import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st

from finery_plugins.text.embedding import (
    Embedding,
    add_frequencies,
    default_weights,
    document_frequencies,
    keys,
    levelled,
    sketches,
    turning,
)
from finery_plugins.text.traits import ALONE, FOLD, SPACE, traits

MASK = 2**64 - 1
BASIS, PRIME, CHAIN = 0xCBF29CE484222325, 0x100000001B3, 0x9E3779B97F4A7C15
TEXTS = st.lists(st.text("abÉß '-春天了。ก\u0301 \n\t9", max_size=30), max_size=5)


def mixed(x: int) -> int:
    for shift, factor in ((30, 0xBF58476D1CE4E5B9), (27, 0x94D049BB133111EB)):
        x = ((x ^ (x >> shift)) * factor) & MASK
    return x ^ (x >> 31)


def bucket(value: int, kind: int) -> int:
    return kind << 16 | mixed(value & MASK) >> 48


def word_features(word: list[int]) -> list[int]:
    value = BASIS
    for letter in word:
        value = (value ^ letter) * PRIME & MASK
    padded = [0, *word, 0]
    pieces = zip(padded, padded[1:], padded[2:], strict=False)
    return [bucket(value, 0), *(bucket(((a * PRIME & MASK ^ b) * PRIME & MASK) ^ c, 1) for a, b, c in pieces)]


def features(text: str) -> Counter[int]:
    """Words with their pieces, characters that are words, and pairs of those with nothing but space between."""
    runs: list[list[int]] = [[]]
    characters: list[int] = []
    found: list[int] = []
    for trait in (int(traits()[ord(character)]) for character in text):
        fold = trait & FOLD
        if trait & (SPACE | ALONE):
            runs.append([])
        if trait & ALONE:
            characters.append(fold)
        elif not trait & SPACE:
            characters.append(0)
            runs[-1] += [fold] if fold else []
    found += [bucket(one, 2) for one in characters if one]
    found += [bucket(a * PRIME & MASK ^ b, 3) for a, b in pairwise(characters) if a and b]
    return Counter([*found, *(one for run in runs if run for one in word_features(run))])


def sketch(text: str, weights: np.ndarray) -> np.ndarray:
    out = np.zeros(256, np.int64)
    for feature, count in features(text).items():
        value = int(weights[feature]) * round(64 * (1 + math.log(count)))
        bits = mixed((feature * CHAIN + BASIS) & MASK)
        for block in range(8):
            part = bits >> 6 * block & 63
            out[32 * block + part % 32] += value if part > 31 else -value
    return out


@given(TEXTS)
def test_vectors_are_signed_sums_of_weighted_features(texts: list[str]) -> None:
    expected = levelled(np.stack([sketch(text, default_weights()) for text in texts] or [np.zeros(256)]))
    found = sketches(pa.array(texts, pa.large_string()), default_weights())
    assert found.tolist() == (expected if texts else expected[:0]).tolist()


@given(TEXTS)
def test_frequencies_count_the_texts_that_have_a_feature(texts: list[str]) -> None:
    counts = document_frequencies()
    add_frequencies(counts, pa.array(texts, pa.large_string()))
    expected = Counter(feature for text in texts for feature in features(text))
    assert {place: int(counts[place]) for place in np.flatnonzero(counts).tolist()} == expected


def hadamard(size: int) -> np.ndarray:
    matrix = np.ones((1, 1), np.int64)
    while len(matrix) < size:
        matrix = np.block([[matrix, matrix], [matrix, -matrix]])
    return matrix


def test_keys_name_the_nearest_axes_of_turned_vectors() -> None:
    texts = pa.array(["one two three", "春天的水", "!"], pa.large_string())
    vectors = Embedding().vectors(texts)
    found = keys(vectors, bands=3, rows=2)
    signs, matrix = turning(6, 256), hadamard(256)
    for vector, of_vector in zip(vectors.astype(np.int64), found.tolist(), strict=True):
        for band in range(3):
            value = band
            for number in (2 * band, 2 * band + 1):
                turned = vector
                for turn in signs[number].astype(np.int64):
                    turned = matrix @ (turned * turn)
                axis = int(np.abs(turned).argmax())
                value = value * CHAIN + 2 * axis + int(turned[axis] < 0)
            assert of_vector[band] == mixed(value & MASK)


def test_turned_vectors_of_the_largest_numbers_do_not_overflow() -> None:
    for size in (256, 1024, 4096):
        vectors = np.full((1, size), 127, np.int8)
        wide = turning(1, size).astype(np.int64)[0]
        turned, matrix = vectors[0].astype(np.int64), hadamard(size)
        for turn in wide:
            turned = matrix @ (turned * turn)
        axis = int(np.abs(turned).argmax())
        assert keys(vectors, 1, 1).tolist() == [[mixed(2 * axis + int(turned[axis] < 0))]]


def test_vectors_and_keys_do_not_change_between_releases() -> None:
    """Keys of two runs can be compared: a change here needs a line in the changelog."""
    vectors = Embedding().vectors(pa.array(["one two three", "春天"], pa.large_string()))
    assert vectors[:, :6].tolist() == [[0, -76, 0, 0, 0, 0], [0, 0, 0, -127, 0, 0]]
    assert keys(vectors, 1, 2).tolist() == [[4677553319513099714], [15160742288717477165]]
