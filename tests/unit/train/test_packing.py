"""Packing: rows never overflow, no token is lost or doubled, and the order depends on ids alone."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st
from training_samples import source_table

from finery import Stage
from finery_plugins.train.packing import best_fit, cut, epoch_order, packed, schedule
from finery_plugins.train.tokens import Tokens

STAGE = Stage(id="study", hook="train", plugin="pretrain", seed=17)
LENGTHS = st.lists(st.integers(2, 300), min_size=1, max_size=60)


def tokens_of(lengths: list[int]) -> Tokens:
    """Sequences of ascending tokens with the given lengths."""
    sizes = np.array(lengths, np.int64)
    ids = source_table("a", {"text": pa.array([str(k) for k in range(len(lengths))])})["id"].combine_chunks()
    flat = np.arange(sizes.sum(), dtype=np.int32)
    return Tokens(flat, np.cumsum(sizes) - sizes, sizes, np.zeros(len(sizes), np.int32), ids, ("a",))


@given(st.lists(st.integers(1, 64), min_size=1, max_size=200))
def test_no_row_holds_more_than_the_context(lengths: list[int]) -> None:
    rows = best_fit(np.array(lengths), 64)
    filled = np.bincount(rows, weights=lengths)
    assert filled.max() <= 64
    assert filled.min() > 0


@given(st.lists(st.integers(1, 64), min_size=1, max_size=200))
def test_best_fit_decreasing_keeps_its_bound(lengths: list[int]) -> None:
    fewest = -(-sum(lengths) // 64)
    big = sum(length > 32 for length in lengths)
    assert best_fit(np.array(lengths), 64).max() + 1 <= 11 / 9 * max(fewest, big) * 1.5 + 1


@given(st.lists(st.integers(1, 300), min_size=1, max_size=60), st.integers(1, 64))
def test_pieces_cover_each_sequence_once(lengths: list[int], context: int) -> None:
    sequences, offsets, sizes = cut(np.array(lengths), context)
    assert sizes.max() <= context
    for number, length in enumerate(lengths):
        mine = sequences == number
        covered = [k for start, n in zip(offsets[mine], sizes[mine], strict=True) for k in range(start, start + n)]
        assert covered == list(range(length))


@given(LENGTHS)
def test_every_token_but_the_first_is_predicted_once(lengths: list[int]) -> None:
    tokens = tokens_of(lengths)
    rows = packed(tokens, 32, together=True)
    predicted = [start + 1 + k for row in range(len(rows)) for _, start, n in rows.pieces(row) for k in range(n)]
    expected = sorted(set(range(len(tokens.flat))) - set(tokens.starts.tolist()))
    assert sorted(predicted) == expected


@given(LENGTHS)
def test_rows_apart_hold_one_piece_each(lengths: list[int]) -> None:
    rows = packed(tokens_of(lengths), 32, together=False)
    assert np.diff(rows.bounds).tolist() == [1] * len(rows)


@given(LENGTHS, st.floats(0.1, 4))
def test_epochs_read_every_row_equally_often(lengths: list[int], epochs: float) -> None:
    rows = packed(tokens_of(lengths), 32, together=True)
    total = max(1, int(len(rows) * epochs))
    counts = np.bincount(schedule(rows, total, STAGE), minlength=len(rows))
    assert counts.sum() == total
    assert counts.max() - counts.min() <= 1


def test_epochs_differ_in_order() -> None:
    rows = packed(tokens_of([20] * 50), 19, together=True)
    first, second = (epoch_order(rows, STAGE, epoch).tolist() for epoch in (0, 1))
    assert sorted(first) == sorted(second)
    assert first != second


def test_pieces_of_one_record_do_not_stand_side_by_side() -> None:
    rows = packed(tokens_of([321, *[33] * 30]), 32, together=True)
    order = epoch_order(rows, STAGE, 0)
    places = np.flatnonzero(rows.sequences[rows.bounds[:-1]][order] == 0)
    assert len(places) == 10
    assert np.diff(places).min() > 1
