"""The dedupe `minhash` finds near-duplicates, and only those."""

from __future__ import annotations

import random
from collections.abc import Callable

import numpy as np
import pyarrow as pa

from finery_plugins.dedupe.minhash import MinHash

BatchOf = Callable[..., pa.Table]


def share_a_key(minhash: MinHash, left: pa.Table, right: pa.Table) -> list[bool]:
    keys = (minhash.dedupe(batch=batch).to_pylist() for batch in (left, right))
    return [bool(set(a) & set(b)) for a, b in zip(*keys, strict=True)]


def planted(count: int, changed: int) -> tuple[list[str], list[str]]:
    """Documents of 300 random words, and the same with some words in a row replaced."""
    draw = random.Random(1)
    documents = [[f"w{draw.randrange(10_000)}" for _ in range(300)] for _ in range(count)]
    copies = [[*words[:-changed], *(f"x{draw.randrange(10_000)}" for _ in range(changed))] for words in documents]
    return [" ".join(words) for words in documents], [" ".join(words) for words in copies]


def test_planted_near_duplicates_are_found(batch_of: BatchOf) -> None:
    # 15 of 296 shingles differ on each side: Jaccard 281/311 = 0.90, found with probability 0.9997.
    left, right = (batch_of(text=texts) for texts in planted(500, 15))
    assert np.mean(share_a_key(MinHash(), left, right)) > 0.99
    assert np.allclose(MinHash().same(left=left, right=right).to_pylist(), 281 / 311, atol=0.01)


def test_documents_alike_by_half_are_hardly_candidates_and_never_duplicates(batch_of: BatchOf) -> None:
    # Jaccard 0.33, a candidate with probability 0.002.
    left, right = (batch_of(text=texts) for texts in planted(500, 148))
    assert np.mean(share_a_key(MinHash(), left, right)) < 0.02
    assert MinHash().same(left=left, right=right).null_count == 500


def test_case_and_punctuation_do_not_tell_documents_apart(batch_of: BatchOf) -> None:
    left = batch_of(text=["One two, three four five six."])
    right = batch_of(text=["ONE TWO THREE four; five six"])
    assert MinHash().dedupe(batch=left).equals(MinHash().dedupe(batch=right))
    assert MinHash().same(left=left, right=right).to_pylist() == [1.0]


def test_short_documents_are_duplicates_only_where_their_words_are_equal(batch_of: BatchOf) -> None:
    left = batch_of(text=["yes please", "yes please", "yes", "!!!", "!!!", "", None])
    right = batch_of(text=["Yes, please!", "yes thanks", "yes yes", "???", "!!!", "", ""])
    expected = [True, False, False, False, True, True, True]
    assert share_a_key(MinHash(), left, right) == expected
    assert [value == 1.0 for value in MinHash().same(left=left, right=right).to_pylist()] == expected


def test_a_short_document_is_no_candidate_of_a_long_one(batch_of: BatchOf) -> None:
    left, right = batch_of(text=["a b c d"]), batch_of(text=["a b c d e"])
    assert share_a_key(MinHash(), left, right) == [False]
    assert MinHash().same(left=left, right=right).to_pylist() == [None]


def test_scripts_without_spaces_are_compared_by_character(batch_of: BatchOf) -> None:
    text = "春天的时候水会涨到楼梯的第三级台阶秋天的时候水又会退下去露出长满青苔的石头和旧木船"
    left, right = batch_of(text=[text]), batch_of(text=[text + "了"])
    assert share_a_key(MinHash(), left, right) == [True]
    shingles = len({text[i : i + 5] for i in range(len(text) - 4)})
    assert MinHash().same(left=left, right=right).to_pylist() == [shingles / (shingles + 1)]


def test_the_threshold_decides(batch_of: BatchOf) -> None:
    left, right = batch_of(text=["a b c d e f"]), batch_of(text=["a b c d e g"])
    assert MinHash(threshold=0.3).same(left=left, right=right).to_pylist() == [1 / 3]
    assert MinHash(threshold=0.34).same(left=left, right=right).to_pylist() == [None]


def test_bands_and_rows_decide_how_many_keys(batch_of: BatchOf) -> None:
    keys = MinHash(bands=3, rows=2, ngram=1).dedupe(batch=batch_of(text=["a b", "!"])).to_pylist()
    assert [len(of_record) for of_record in keys] == [3, 1]


def test_no_records_have_no_keys(batch_of: BatchOf) -> None:
    none = batch_of(text=["a"]).slice(0, 0)
    assert MinHash().dedupe(batch=none).type == pa.large_list(pa.uint64())
    assert len(MinHash().same(left=none, right=none)) == 0


def test_keys_do_not_change_between_releases(batch_of: BatchOf) -> None:
    """Keys of two runs can be compared: a change here needs a line in the changelog."""
    keys = MinHash(bands=2, rows=1).dedupe(batch=batch_of(text=["one two three four five"]))
    assert keys.to_pylist() == [[16594626436293182518, 3702618133665963775]]
