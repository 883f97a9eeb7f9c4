"""The shares of repeated n-grams agree with plain Python on any words."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import numpy as np
import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st

from finery_plugins.text import quality

WORDS = st.lists(st.sampled_from(["a", "bb", "ccc", "dé", "eeeee"]), max_size=40)
DOCUMENTS = st.lists(WORDS, max_size=5)


def grams(words: Sequence[str], size: int) -> list[tuple[str, ...]]:
    return [tuple(words[i : i + size]) for i in range(len(words) - size + 1)]


def letters(words: Sequence[str]) -> int:
    return sum(map(len, words))


def spread(words: Sequence[str], starts: Sequence[int], size: int) -> int:
    """The characters of the words in n-grams that start there, each counted once."""
    inside = {start + offset for start in starts for offset in range(size)}
    return sum(len(words[index]) for index in inside)


def top(words: Sequence[str], size: int, joined: bool) -> int:
    counts = Counter(grams(words, size))
    if not counts:
        return 0
    if joined:
        gram, count = counts.most_common(1)[0]
        return len(" ".join(gram)) * count
    most = max(counts.values())
    best = max((gram for gram in counts if counts[gram] == most), key=letters)
    return spread(words, [i for i, gram in enumerate(grams(words, size)) if gram == best], size) if most > 1 else 0


def again(words: Sequence[str], size: int) -> int:
    seen: set[tuple[str, ...]] = set()
    starts = []
    for index, gram in enumerate(grams(words, size)):
        if gram in seen:
            starts.append(index)
        seen.add(gram)
    return spread(words, starts, size)


def again_greedily(words: Sequence[str], size: int) -> int:
    seen: set[tuple[str, ...]] = set()
    total, index, found = 0, 0, grams(words, size)
    while index < len(found):
        if found[index] in seen:
            total += letters(found[index])
            index += size
        else:
            seen.add(found[index])
            index += 1
    return total


def expected(words: Sequence[str], fine: bool, tops: Sequence[int], duplicates: Sequence[int]) -> list[int]:
    repeated = again_greedily if fine else again
    return [*(top(words, size, fine) for size in tops), *(repeated(words, size) for size in duplicates), letters(words)]


def measured(documents: Sequence[Sequence[str]], fine: bool, tops: list[int], duplicates: list[int]) -> list[list[int]]:
    texts = pa.array([" ".join(words) for words in documents], pa.large_string())
    seen = quality.repetition(texts, fine, tops, duplicates)
    columns = [*(seen.ngrams["top", size] for size in tops), *(seen.ngrams["duplicate", size] for size in duplicates)]
    return [list(row) for row in np.stack([*columns, seen.letters], 1).tolist()]


@given(DOCUMENTS, st.booleans())
def test_shares_of_repeated_ngrams_agree_with_python(documents: list[list[str]], fine: bool) -> None:
    tops, duplicates = [2, 3, 4], [5, 6, 7, 8, 9, 10]
    rows = [expected(words, fine, tops, duplicates) for words in documents]
    assert measured(documents, fine, tops, duplicates) == rows


@given(DOCUMENTS, st.booleans(), st.sets(st.integers(1, 6)), st.sets(st.integers(1, 6)))
def test_any_sizes_may_be_asked_for(documents: list[list[str]], fine: bool, tops: set[int], others: set[int]) -> None:
    rows = [expected(words, fine, list(tops), list(others)) for words in documents]
    assert measured(documents, fine, list(tops), list(others)) == rows


def test_the_definitions_differ_in_overlaps() -> None:
    words = ["aaaa"] * 10
    assert measured([words], False, [2], [5]) == [[40, 36, 40]]
    assert measured([words], True, [2], [5]) == [[9 * 9, 20, 40]]


def test_characters_of_scripts_without_spaces_are_words() -> None:
    texts = pa.array(["中文" * 10], pa.large_string())
    seen = quality.repetition(texts, False, [2], [5])
    assert (seen.letters[0], seen.ngrams["top", 2][0], seen.ngrams["duplicate", 5][0]) == (20, 20, 18)
