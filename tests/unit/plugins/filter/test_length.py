"""The filter `length` measures documents and says by how much they miss."""

from __future__ import annotations

from collections.abc import Callable

import pyarrow as pa
import pytest
from pydantic import ValidationError

from finery_plugins.filter.length import Length

BatchOf = Callable[..., pa.Table]


def test_empty_documents_go_by_default(batch_of: BatchOf) -> None:
    reasons = Length().filter(batch=batch_of(text=["", None, " \n", "word", "文"]))
    assert reasons.code.to_pylist() == ["few-words", "few-words", "few-words", None, None]


def test_value_and_bound_of_the_first_broken_rule_ride_along(batch_of: BatchOf) -> None:
    reasons = Length(min_words=3, max_characters=20).filter(batch=batch_of(text=["a b", "a b c", "x" * 21]))
    assert reasons.code.to_pylist() == ["few-words", None, "many-characters"]
    assert reasons.value.to_pylist() == [2, None, 21]
    assert reasons.bound.to_pylist() == [3, None, 20]


def test_further_broken_rules_stand_in_the_detail(batch_of: BatchOf) -> None:
    strict = Length(min_characters=10, min_words=3, min_lines=2)
    reasons = strict.filter(batch=batch_of(text=["a b", "a b c d e f g"]))
    assert reasons.code.to_pylist() == ["few-characters", "few-lines"]
    assert reasons.detail.to_pylist() == ["few-words 2 against 3; few-lines 1 against 2", None]


@pytest.mark.parametrize(("text", "lines"), [("", 0), ("a", 1), ("a\n", 1), ("a\n\n", 2), ("a\r\nb", 2)])
def test_a_newline_ends_a_line(batch_of: BatchOf, text: str, lines: int) -> None:
    exact = Length(min_words=None, min_lines=lines, max_lines=lines)
    assert exact.filter(batch=batch_of(text=[text])).code.to_pylist() == [None]


def test_each_character_of_an_unspaced_script_is_a_word(batch_of: BatchOf) -> None:
    exact = Length(min_words=6, max_words=6)
    assert exact.filter(batch=batch_of(text=["春天水会涨到", "ab春cd天 水ef"])).code.to_pylist() == [None, None]


def test_bounds_are_inclusive(batch_of: BatchOf) -> None:
    exact = Length(min_characters=3, max_characters=3)
    codes = exact.filter(batch=batch_of(text=["äöü", "ab", "abcd"])).code.to_pylist()
    assert codes == [None, "few-characters", "many-characters"]


def test_no_records_have_no_reasons(batch_of: BatchOf) -> None:
    assert len(Length(min_words=5).filter(batch=batch_of(text=["a"]).slice(0, 0)).code) == 0


def test_without_rules_everything_stays(batch_of: BatchOf) -> None:
    reasons = Length(min_words=None, max_words=None).filter(batch=batch_of(text=["", "a"]))
    assert reasons.code.to_pylist() == [None, None]


def test_bounds_that_leave_nothing_are_refused() -> None:
    with pytest.raises(ValidationError, match="min_words = 5 is more than max_words = 4"):
        Length(min_words=5, max_words=4)
