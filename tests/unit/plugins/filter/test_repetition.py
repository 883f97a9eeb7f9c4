"""The filter `repetition` applies Gopher's repetition rules under either preset."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pyarrow as pa
import pytest
from pydantic import ValidationError

from finery.testing import SHAPES, check, memo
from finery_plugins.filter.repetition import Repetition

BatchOf = Callable[..., pa.Table]

PROSE = (
    "The miller went down to the weir at dusk.\nHe carried a lantern and a coil of rope.\n\n"
    "Behind him the wheel stood still, for the spring flood had not yet come."
)
OFF: dict[str, Any] = {
    "max_repeated_paragraphs": None, "max_repeated_paragraph_characters": None, "max_repeated_lines": None,
    "max_repeated_line_characters": None, "max_top_ngrams": {}, "max_duplicate_ngrams": {},
}  # fmt: skip


def codes(plugin: Repetition, batch: pa.Table) -> list[str | None]:
    found: list[str | None] = plugin.filter(batch=batch, memo=memo()).code.to_pylist()
    return found


@pytest.mark.parametrize("preset", ["paper", "datatrove"])
def test_prose_stays(batch_of: BatchOf, preset: Any) -> None:
    assert codes(Repetition(preset=preset), batch_of(text=[PROSE])) == [None]


def test_an_empty_document_goes_under_datatrove_only(batch_of: BatchOf) -> None:
    batch = batch_of(text=["", None])
    assert codes(Repetition(), batch) == [None, None]
    assert codes(Repetition(preset="datatrove"), batch) == ["empty", "empty"]
    assert codes(Repetition(preset="datatrove", skip=["empty"]), batch) == [None, None]


@pytest.mark.parametrize(
    ("option", "bound", "text", "code", "paper", "datatrove"),
    [
        ("max_repeated_paragraphs", 0.3, "ab\n\nab\n\ncdef", "repeated-paragraphs", 1 / 3, 1 / 3),
        ("max_repeated_paragraph_characters", 0.1, "ab\n\nab\n\ncdef", "repeated-paragraph-characters", 2 / 8, 2 / 12),
        ("max_repeated_lines", 0.3, "ab\nab\ncdef", "repeated-lines", 1 / 3, 1 / 3),
        ("max_repeated_line_characters", 0.1, "ab\nab\ncdef", "repeated-line-characters", 2 / 8, 2 / 10),
        ("max_top_ngrams", {2: 0.2}, "a b c a b", "top-2-gram", 4 / 5, 6 / 9),
        ("max_duplicate_ngrams", {3: 0.2}, "a b c d a b c", "duplicate-3-grams", 3 / 7, 3 / 13),
    ],
)
def test_each_rule_names_value_and_bound(
    batch_of: BatchOf, option: str, bound: Any, text: str, code: str, paper: float, datatrove: float
) -> None:
    for preset, value in (("paper", paper), ("datatrove", datatrove)):
        plugin = Repetition(preset=preset, **{**OFF, option: bound})  # type: ignore[arg-type]
        reasons = plugin.filter(batch=batch_of(text=[text, PROSE]), memo=memo())
        assert reasons.code.to_pylist() == [code, None]
        assert reasons.value[0].as_py() == pytest.approx(value)


def test_a_pair_said_once_is_no_repetition_but_for_datatrove(batch_of: BatchOf) -> None:
    batch = batch_of(text=["two words"])
    assert codes(Repetition(), batch) == [None]
    assert codes(Repetition(preset="datatrove"), batch) == ["top-2-gram"]


def test_overlaps_are_counted_once_in_the_paper(batch_of: BatchOf) -> None:
    batch = batch_of(text=["na na na na na"])
    options: dict[str, Any] = {**OFF, "max_top_ngrams": {2: 0.1}}
    values = [
        Repetition(preset=preset, **options).filter(batch=batch, memo=memo()).value[0].as_py()
        for preset in ("paper", "datatrove")
    ]
    assert values == [1, pytest.approx(20 / 14)]


def test_chinese_is_counted_by_character(batch_of: BatchOf) -> None:
    assert codes(Repetition(), batch_of(text=["水满了水满了水满了"])) == ["top-2-gram"]


def test_further_rules_stand_in_the_detail(batch_of: BatchOf) -> None:
    detail = Repetition().filter(batch=batch_of(text=["ab\nab\nab"]), memo=memo()).detail[0].as_py()
    assert detail.startswith("repeated-line-characters 0.666667 against 0.2")


def test_rules_are_switched_off_one_by_one(batch_of: BatchOf) -> None:
    batch = batch_of(text=["ab\nab\ncd"])
    plugin = Repetition(max_top_ngrams={}, skip=["repeated-lines", "repeated-line-characters"])
    assert codes(plugin, batch) == [None]
    assert codes(Repetition(**OFF), batch) == [None]


def test_chunks_and_no_records(batch_of: BatchOf) -> None:
    one, two = batch_of(text=[PROSE]), batch_of(text=["a\na"])
    assert codes(Repetition(), pa.concat_tables([one, two, one])) == [None, "repeated-lines", None]
    assert codes(Repetition(), one.slice(0, 0)) == []


def test_sizes_have_bounds() -> None:
    with pytest.raises(ValidationError):
        Repetition(max_top_ngrams={0: 0.2})


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("preset", ["paper", "datatrove"])
def test_it_conforms_to_the_contract(shape: str, preset: Any) -> None:
    report = check(Repetition(preset=preset), shape)
    assert report.faults == ()
    assert [result.skipped for result in report.results if result.skipped] == []
