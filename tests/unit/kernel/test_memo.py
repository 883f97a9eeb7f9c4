"""What plugins of a pass share of a batch: worked out once, cut with the batch, forgotten with the column."""

import pyarrow as pa
import pytest

from finery.errors import PluginError
from finery.memo import Memo


def counted(values: list[int]) -> tuple[list[int], object]:
    """A maker of `values` that notes each of its calls."""
    calls: list[int] = []

    def make() -> pa.Array:
        calls.append(1)
        return pa.array(values)

    return calls, make


def test_a_value_is_worked_out_once() -> None:
    memo, (calls, make) = Memo(2), counted([1, 2])
    assert memo("text", "words", make).to_pylist() == memo("text", "words", make).to_pylist() == [1, 2]
    assert len(calls) == 1


def test_names_and_columns_are_told_apart() -> None:
    memo = Memo(1)
    made = [memo(column, name, lambda v=v: pa.array([v])) for v, (column, name) in enumerate(["ab", "ac", "cb"])]
    assert [value.to_pylist() for value in made] == [[0], [1], [2]]


def test_records_that_drop_out_drop_out_of_it_however_often() -> None:
    memo, (calls, make) = Memo(4), counted([1, 2, 3, 4])
    memo("text", "words", make)
    memo.keep(pa.array([True, False, True, True]))
    memo.keep(pa.array([False, True, True]))
    assert memo("text", "words", make).to_pylist() == [3, 4]
    memo.keep(pa.array([True, False]))
    assert memo("text", "words", make).to_pylist() == [3]
    assert len(calls) == 1


def test_what_is_asked_for_later_is_as_long_as_the_batch_is_then() -> None:
    memo = Memo(3)
    memo.keep(pa.chunked_array([[True], [False, True]]))
    assert memo("text", "words", lambda: pa.array([[1], [2, 3]])).to_pylist() == [[1], [2, 3]]
    with pytest.raises(PluginError, match="'lines' has 3 values for 2 records"):
        memo("text", "lines", lambda: pa.array([1, 2, 3]))


def test_a_changed_column_is_worked_out_again() -> None:
    memo, (calls, make) = Memo(1), counted([1])
    memo("text", "words", make)
    memo("label", "words", make)
    memo.forget(["text"])
    memo("text", "words", make)
    memo("label", "words", make)
    assert len(calls) == 3


def test_other_records_begin_anew() -> None:
    memo = Memo(1)
    memo("text", "words", lambda: pa.array([1]))
    memo.clear(2)
    assert memo("text", "words", lambda: pa.array([5, 6])).to_pylist() == [5, 6]
