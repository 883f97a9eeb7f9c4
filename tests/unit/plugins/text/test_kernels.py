"""The kernels agree with plain Python on any text, bit for bit."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from finery_plugins.text import measures
from finery_plugins.text.traits import ALONE, FOLD, MARK, POINTS, SPACE, UNSPACED, traits

MASK = (1 << 64) - 1
ODD = (
    " \t\n\r\x0b\x0c\x1c\x85\xa0\u1680\u2003\u2028\u202f\u3000\u200b\u00ad\ufeff\x00\x7f"
    "ßİıΣσςéŒÆ中文字。、カなㄅกำ၁ꯍ한ﬁ👍🏽\u0301\U0010ffff𝔸𐐀𠀀"
)
TEXTS = st.lists(
    st.one_of(st.text(max_size=40), st.text(ODD + "abAB .,-\n", max_size=60)), max_size=8
)  # fmt: skip


def is_mark(character: str) -> bool:
    return unicodedata.category(character)[0] in "PS"


def is_hidden(character: str) -> bool:
    return unicodedata.category(character) in ("Cc", "Cf")


def is_alone(character: str) -> bool:
    inside = any(first <= ord(character) <= last for first, last in UNSPACED)
    return inside and not (is_mark(character) or is_hidden(character) or character.isspace())


def words(text: str) -> list[str]:
    return "".join(f" {c} " if is_alone(c) else c for c in text).split()


def folded_words(text: str) -> list[str]:
    kept = ["".join(lower(c) for c in word if not (is_mark(c) or is_hidden(c))) for word in words(text)]
    return [word for word in kept if word]


def lower(character: str) -> str:
    lowered = character.lower()
    return lowered if len(lowered) == 1 else character


def stripped_lines(text: str) -> list[str]:
    return [line.strip() for line in text.split("\n") if line.strip()]


def mixed(x: int) -> int:
    x = (x ^ x >> 30) * 0xBF58476D1CE4E5B9 & MASK
    x = (x ^ x >> 27) * 0x94D049BB133111EB & MASK
    return x ^ x >> 31


def fnv(values: Sequence[int]) -> int:
    state = 0xCBF29CE484222325
    for value in values:
        state = (state ^ value) * 0x100000001B3 & MASK
    return mixed(state)


def chained(values: Sequence[int], start: int) -> int:
    for value in values:
        start = (start * 0x9E3779B97F4A7C15 + value) & MASK
    return mixed(start)


def shingles(text: str, ngram: int) -> set[int]:
    hashes = [fnv([ord(c) for c in word]) for word in folded_words(text)]
    if not hashes:
        return {fnv(text.encode()) ^ 0xA0761D6478BD642F}
    if len(hashes) < ngram:
        return {chained(hashes, 0xD6E8FEB86659FD93)}
    return {chained(hashes[i : i + ngram], 0xCBF29CE484222325) for i in range(len(hashes) - ngram + 1)}


def band_keys(text: str, ngram: int, bands: int, rows: int) -> list[int]:
    found = shingles(text, ngram)
    if len(folded_words(text)) < ngram:
        return [mixed(next(iter(found)))]
    numbers = [mixed(1 + 0x9E3779B97F4A7C15 * i & MASK) for i in range(1, 2 * bands * rows + 1)]
    permutations = zip(numbers[: bands * rows], numbers[bands * rows :], strict=True)
    least = [min((factor | 1) * x + term & MASK for x in found) for factor, term in permutations]
    return [chained(least[band * rows : (band + 1) * rows], band) for band in range(bands)]


def large(texts: Sequence[str]) -> pa.Array:
    return pa.array(texts, pa.large_string())


@given(TEXTS)
def test_counts_agree_with_python(texts: list[str]) -> None:
    counts = measures.counts(large(texts))
    assert counts.characters.tolist() == [len(text) for text in texts]
    assert counts.words.tolist() == [len(words(text)) for text in texts]
    assert counts.lines.tolist() == [text.count("\n") + (text[-1:] not in ("", "\n")) for text in texts]
    assert counts.marks.tolist() == [sum(map(is_mark, text)) for text in texts]
    assert counts.spaces.tolist() == [sum(map(str.isspace, text)) for text in texts]


@given(TEXTS)
def test_words_are_those_of_str_split_where_scripts_have_spaces(texts: list[str]) -> None:
    spaced = ["".join(c for c in text if not is_alone(c)) for text in texts]
    assert measures.counts(large(spaced)).words.tolist() == [len(text.split()) for text in spaced]


@given(TEXTS)
def test_distinct_words_agree_with_python(texts: list[str]) -> None:
    count, different = measures.distinct_words(large(texts))
    assert count.tolist() == [len(folded_words(text)) for text in texts]
    assert different.tolist() == [len(set(folded_words(text))) for text in texts]


@given(TEXTS)
def test_distinct_lines_agree_with_python(texts: list[str]) -> None:
    count, different = measures.distinct_lines(large(texts))
    assert count.tolist() == [len(stripped_lines(text)) for text in texts]
    assert different.tolist() == [len(set(stripped_lines(text))) for text in texts]


@settings(max_examples=50)
@given(TEXTS, st.integers(1, 6))
def test_minhash_keys_agree_with_python(texts: list[str], ngram: int) -> None:
    keys = measures.minhash_keys(large(texts), ngram, 3, 2)
    assert keys.type == pa.large_list(pa.uint64())
    assert keys.to_pylist() == [band_keys(text, ngram, 3, 2) for text in texts]


@given(TEXTS, st.integers(1, 3))
def test_similarity_is_the_jaccard_index_of_python_sets(texts: list[str], ngram: int) -> None:
    turned = texts[::-1]
    pairs = [(shingles(a, ngram), shingles(b, ngram)) for a, b in zip(texts, turned, strict=True)]
    alike = measures.similarities(large(texts), large(turned), ngram)
    assert alike.tolist() == [len(a & b) / len(a | b) for a, b in pairs]


@given(TEXTS, st.integers(0, 3), st.integers(0, 3))
def test_a_slice_is_measured_like_a_copy(texts: list[str], skipped: int, taken: int) -> None:
    part = large(texts).slice(skipped, taken)
    copied = large(part.to_pylist())
    assert measures.counts(part).words.tolist() == measures.counts(copied).words.tolist()
    assert measures.minhash_keys(part, 2, 2, 2).equals(measures.minhash_keys(copied, 2, 2, 2))


@given(st.lists(st.binary(max_size=30), max_size=5))
def test_bytes_that_are_no_text_are_measured_within_bounds(blobs: list[bytes]) -> None:
    texts = pa.array(blobs, pa.large_binary()).view(pa.large_string())
    assert (measures.counts(texts).characters <= [len(blob) for blob in blobs]).all()
    assert len(measures.minhash_keys(texts, 2, 2, 2)) == len(blobs)
    measures.distinct_lines(texts)


@pytest.mark.parametrize("text", ["ab" * 50_000, "a " * 50_000, "中a" * 50_000, "a\n" * 50_000])
def test_scratch_holds_the_words_and_lines_of_any_text(text: str) -> None:
    texts = large([text])
    assert measures.distinct_words(texts)[0].tolist() == [len(folded_words(text))]
    assert measures.distinct_lines(texts)[0].tolist() == [len(stripped_lines(text))]


def test_traits_hold_of_every_character() -> None:
    table = traits()
    characters = [chr(point) for point in range(POINTS) if not 0xD800 <= point < 0xE000]
    found = table[[ord(c) for c in characters]]
    assert np.array_equal(found & SPACE != 0, [c.isspace() for c in characters])
    assert np.array_equal(found & MARK != 0, [is_mark(c) for c in characters])
    assert np.array_equal(found & ALONE != 0, [is_alone(c) for c in characters])
    kept = [0 if is_mark(c) or is_hidden(c) or c.isspace() else ord(lower(c)) for c in characters]
    assert np.array_equal(found & FOLD, kept)


def test_traits_know_the_scripts_without_spaces() -> None:
    table = traits()
    unspaced = "中国語カタカナひらがなภาษาไทยㄅ𠀀"
    assert all(table[ord(c)] & ALONE for c in unspaced)
    assert not any(table[ord(c)] & ALONE for c in "한국어 english русский 、。「」")


def test_no_texts_have_no_counts() -> None:
    empty = large([])
    assert measures.counts(empty).words.tolist() == []
    assert measures.minhash_keys(empty, 5, 14, 8).to_pylist() == []
    assert measures.similarities(empty, empty, 5).tolist() == []


def test_kernels_work_where_no_folder_can_hold_their_cache() -> None:
    """As where the package, and the user's home, cannot be written to."""
    from finery_plugins.text.kernels import kernel

    source = "def double(x):\n    return 2 * x\n"
    names: dict[str, object] = {}
    exec(compile(source, "<nowhere>", "exec"), names)
    double = kernel(names["double"])  # type: ignore[type-var]
    assert double(21) == 42


def test_the_pattern_of_unspaced_scripts_is_in_order() -> None:
    assert list(UNSPACED) == sorted(UNSPACED)
    assert not re.search("[a-zа-яα-ω가-힣]", "".join(chr(first) for first, _ in UNSPACED))
