"""The filter `gopher` applies Gopher's quality rules under either preset."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pyarrow as pa
import pytest
from pydantic import ValidationError

from finery.testing import SHAPES, check, memo
from finery_plugins.filter.gopher import Gopher

BatchOf = Callable[..., pa.Table]

PROSE = "The miller of the valley went to the weir with a lantern and found that the water had risen. " * 4
OFF: dict[str, Any] = {
    "min_words": None, "max_words": None, "min_mean_word_length": None, "max_mean_word_length": None,
    "max_hashes": None, "max_ellipses": None, "max_bullet_lines": None, "max_ellipsis_lines": None,
    "min_words_with_letter": None, "min_stop_words": None,
}  # fmt: skip


def codes(plugin: Gopher, batch: pa.Table) -> list[str | None]:
    found: list[str | None] = plugin.filter(batch=batch, memo=memo()).code.to_pylist()
    return found


@pytest.mark.parametrize("preset", ["paper", "datatrove"])
def test_prose_stays_and_the_empty_goes(batch_of: BatchOf, preset: Any) -> None:
    assert codes(Gopher(preset=preset), batch_of(text=[PROSE, "", None])) == [None, "few-words", "few-words"]


@pytest.mark.parametrize(
    ("option", "bound", "text", "code", "value"),
    [
        ("min_words", 4, "one two three", "few-words", 3),
        ("max_words", 2, "one two three", "many-words", 3),
        ("min_mean_word_length", 3, "a bb ccc", "short-words", 2),
        ("max_mean_word_length", 10, "interconnection", "long-words", 15),
        ("max_hashes", 0.1, "# note # note", "many-hashes", 0.5),
        ("max_ellipses", 0.1, "so ... it … goes", "many-ellipses", 0.4),
        ("max_bullet_lines", 0.9, "- a\n• b", "many-bullets", 1),
        ("max_ellipsis_lines", 0.3, "one...\ntwo… \nthree", "many-ellipsis-lines", 2 / 3),
        ("min_words_with_letter", 0.8, "1 2 three four", "few-letters", 0.5),
        ("min_stop_words", 2, "the the mill", "few-stop-words", 1),
    ],
)
@pytest.mark.parametrize("preset", ["paper", "datatrove"])
def test_each_rule_names_value_and_bound(
    batch_of: BatchOf, preset: Any, option: str, bound: float, text: str, code: str, value: float
) -> None:
    reasons = Gopher(preset=preset, **{**OFF, option: bound}).filter(batch=batch_of(text=[text, PROSE]), memo=memo())
    assert reasons.code[0].as_py() == code
    assert reasons.value[0].as_py() == pytest.approx(value)
    assert reasons.bound[0].as_py() == bound


def test_further_rules_stand_in_the_detail(batch_of: BatchOf) -> None:
    reasons = Gopher().filter(batch=batch_of(text=["# 1 2 3"]), memo=memo())
    assert reasons.code.to_pylist() == ["few-words"]
    assert "few-letters 0 against 0.8; few-stop-words 0 against 2" in reasons.detail[0].as_py()


def test_datatrove_counts_marks_as_words_without_letters(batch_of: BatchOf) -> None:
    batch = batch_of(text=["(a), (b), (c)"])
    kept = {**OFF, "min_words_with_letter": 0.8}
    assert codes(Gopher(preset="paper", **kept), batch) == [None]
    assert codes(Gopher(preset="datatrove", **kept), batch) == ["few-letters"]


def test_stop_words_are_found_with_marks_around_them_in_the_paper_only(batch_of: BatchOf) -> None:
    batch = batch_of(text=["The “and”, mill"])
    assert codes(Gopher(**{**OFF, "min_stop_words": 2}), batch) == [None]
    assert codes(Gopher(preset="datatrove", **{**OFF, "min_stop_words": 2}), batch) == ["few-stop-words"]


def test_chinese_is_counted_by_character_and_may_have_its_own_stop_words(batch_of: BatchOf) -> None:
    batch = batch_of(text=["春天来了，水是满的。" * 10])
    assert codes(Gopher(), batch) == ["short-words"]
    assert codes(Gopher(skip=["short-words"], stop_words=["的", "了", "是"]), batch) == [None]


def test_skipped_rules_are_not_applied(batch_of: BatchOf) -> None:
    assert codes(Gopher(skip=["few-words"]), batch_of(text=["the mill and the weir"])) == [None]


def test_bullets_may_be_chosen(batch_of: BatchOf) -> None:
    batch = batch_of(text=["+ a\n+ b"])
    assert codes(Gopher(**{**OFF, "max_bullet_lines": 0.5}), batch) == [None]
    assert codes(Gopher(bullets="+", **{**OFF, "max_bullet_lines": 0.5}), batch) == ["many-bullets"]


def test_chunks_and_no_records(batch_of: BatchOf) -> None:
    one, two = batch_of(text=[PROSE]), batch_of(text=["short"])
    assert codes(Gopher(), pa.concat_tables([one, two, one])) == [None, "few-words", None]
    assert codes(Gopher(), one.slice(0, 0)) == []


def test_bounds_that_leave_nothing_and_unknown_rules_are_refused() -> None:
    with pytest.raises(ValidationError, match="min_words = 5 is more than max_words = 4"):
        Gopher(min_words=5, max_words=4)
    with pytest.raises(ValidationError):
        Gopher(skip=["few"])  # type: ignore[list-item]


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("preset", ["paper", "datatrove"])
def test_it_conforms_to_the_contract(shape: str, preset: Any) -> None:
    report = check(Gopher(preset=preset), shape)
    assert report.faults == ()
    assert [result.skipped for result in report.results if result.skipped] == []
