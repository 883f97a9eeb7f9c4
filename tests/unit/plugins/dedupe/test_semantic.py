"""The dedupe `semantic` finds texts that say the same in another order or in slightly other words."""

from __future__ import annotations

import random
from collections.abc import Callable

import numpy as np
import pyarrow as pa
import pytest
from pydantic import ValidationError

from finery.testing import check
from finery_plugins.dedupe.minhash import MinHash
from finery_plugins.dedupe.semantic import Semantic
from finery_plugins.text.embedding import Embedding, cosines

BatchOf = Callable[..., pa.Table]


def share_a_key(semantic: Semantic, left: pa.Table, right: pa.Table) -> list[bool]:
    keys = (semantic.dedupe(batch=batch).to_pylist() for batch in (left, right))
    return [bool(set(a) & set(b)) for a, b in zip(*keys, strict=True)]


def documents(count: int, words: int = 60) -> list[list[str]]:
    draw = random.Random(1)
    return [[f"w{draw.randrange(10_000)}" for _ in range(words)] for _ in range(count)]


def test_another_order_is_a_duplicate_that_minhash_does_not_see(batch_of: BatchOf) -> None:
    words = documents(50)
    left, right = batch_of(text=[" ".join(w) for w in words]), batch_of(text=[" ".join(sorted(w)) for w in words])
    assert share_a_key(Semantic(), left, right) == [True] * 50
    assert Semantic().same(left=left, right=right).to_pylist() == [1.0] * 50
    assert MinHash().same(left=left, right=right).null_count == 50


def test_near_duplicates_are_found_as_often_as_promised(batch_of: BatchOf) -> None:
    words = documents(400)
    changed = [[*w[:-8], *other[:8]] for w, other in zip(words, words[1:] + words[:1], strict=True)]
    left, right = (batch_of(text=[" ".join(w) for w in some]) for some in (words, changed))
    vectors = [Embedding().vectors(pa.array(b["text"].to_pylist(), pa.large_string())) for b in (left, right)]
    near = cosines(*vectors) >= 0.8
    assert near.sum() > 200
    semantic = Semantic(threshold=0.8)
    assert np.mean(np.array(share_a_key(semantic, left, right))[near]) > 0.95
    assert np.array_equal(np.array(semantic.same(left=left, right=right).is_valid()), near)


def test_documents_with_nothing_in_common_are_hardly_candidates_and_never_duplicates(batch_of: BatchOf) -> None:
    words = documents(400)
    left, right = batch_of(text=[" ".join(w) for w in words[:200]]), batch_of(text=[" ".join(w) for w in words[200:]])
    assert np.mean(share_a_key(Semantic(), left, right)) < 0.02
    assert Semantic().same(left=left, right=right).null_count == 200


def test_records_without_words_are_duplicates_of_the_same_bytes(batch_of: BatchOf) -> None:
    left, right = batch_of(text=["!!!", "!!!", "", None, "!"]), batch_of(text=["???", "!!!", "", "", "a"])
    expected = [False, True, True, True, False]
    assert share_a_key(Semantic(), left, right) == expected
    assert [value == 1.0 for value in Semantic().same(left=left, right=right).to_pylist()] == expected


def test_the_threshold_decides_and_sets_the_bands(batch_of: BatchOf) -> None:
    left, right = batch_of(text=["copper tin zinc lead iron gold"]), batch_of(text=["copper tin zinc lead iron wood"])
    (alike,) = Semantic(threshold=0.7).same(left=left, right=right).to_pylist()
    assert 0.7 < alike < 0.95
    assert Semantic(threshold=0.95).same(left=left, right=right).to_pylist() == [None]
    counts = [len(Semantic(threshold=t).dedupe(batch=left).to_pylist()[0]) for t in (0.8, 0.9, 0.95)]
    assert counts == [50, 18, 9]


def test_the_default_threshold_is_told_by_the_embedder() -> None:
    assert (Semantic().least, Semantic(embedder="some/model").least) == (0.9, 0.95)
    assert Semantic(embedder="some/model", threshold=0.8).least == 0.8


def test_a_threshold_that_means_nothing_is_refused() -> None:
    with pytest.raises(ValidationError, match=r"greater than or equal to 0\.7"):
        Semantic(threshold=0.2)


def test_records_of_different_shapes_are_compared_by_their_text(batch_of: BatchOf) -> None:
    text = Semantic().dedupe(batch=batch_of(text=["do it\ndone"]))
    assert text.equals(Semantic().dedupe(batch=batch_of(instruction=["do it"], input=[""], output=["done"])))


def test_no_records_have_no_keys(batch_of: BatchOf) -> None:
    none = batch_of(text=["a"]).slice(0, 0)
    assert Semantic().dedupe(batch=none).type == pa.large_list(pa.uint64())
    assert len(Semantic().same(left=none, right=none)) == 0


def test_it_keeps_the_contract() -> None:
    report = check(Semantic(), ["text", "messages"])
    assert [str(fault) for fault in report.faults] == []
