"""The filter `fineweb` applies FineWeb's own rules."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pyarrow as pa
import pytest

from finery.testing import SHAPES, check, memo
from finery_plugins.filter.fineweb import FineWeb

BatchOf = Callable[..., pa.Table]

PROSE = "The miller went down to the weir at dusk.\nHe carried a lantern and a long coil of rope."
OFF: dict[str, Any] = {
    "min_punctuated_lines": None, "max_short_lines": None, "max_repeated_line_characters": None, "max_newlines": None,
}  # fmt: skip


def codes(plugin: FineWeb, batch: pa.Table) -> list[str | None]:
    found: list[str | None] = plugin.filter(batch=batch, memo=memo()).code.to_pylist()
    return found


def test_prose_stays_and_what_has_no_line_goes(batch_of: BatchOf) -> None:
    batch = batch_of(text=[PROSE, "", None, " \n\t"])
    assert codes(FineWeb(), batch) == [None, "empty", "empty", "empty"]
    assert codes(FineWeb(skip=["empty"], **OFF), batch) == [None] * 4


@pytest.mark.parametrize(
    ("option", "bound", "text", "code", "value"),
    [
        ("min_punctuated_lines", 0.6, "one.\ntwo. \n\nthree", "few-punctuated-lines", 1 / 3),
        ("max_short_lines", 0.67, "one\ntwo\n" + "x" * 30 + "\n" + "y" * 31, "many-short-lines", 0.75),
        ("max_repeated_line_characters", 0.01, "ab\nab\ncd\nc", "repeated-line-characters", 2 / 7),
        ("max_newlines", 0.3, "one, two\nthree", "many-newlines", None),
        ("max_newlines", 0.2, "one, two\nthree", "many-newlines", 0.25),
    ],
)
def test_each_rule_names_value_and_bound(
    batch_of: BatchOf, option: str, bound: float, text: str, code: str, value: float | None
) -> None:
    reasons = FineWeb(**{**OFF, option: bound}).filter(batch=batch_of(text=[text]), memo=memo())
    assert reasons.code.to_pylist() == [code if value is not None else None]
    assert reasons.value[0].as_py() == (value if value is None else pytest.approx(value))


def test_end_marks_of_any_script_end_a_line_and_others_may_be_chosen(batch_of: BatchOf) -> None:
    strict = {**OFF, "min_punctuated_lines": 1}
    assert codes(FineWeb(**strict), batch_of(text=["水满了。", "क्या।", "Is it so?", '"So."'])) == [
        None, None, None, "few-punctuated-lines",
    ]  # fmt: skip
    assert codes(FineWeb(end_marks='."', **strict), batch_of(text=['"So."', "So!"])) == [None, "few-punctuated-lines"]


def test_the_length_of_a_short_line_may_be_chosen(batch_of: BatchOf) -> None:
    strict = {**OFF, "max_short_lines": 0.5}
    assert codes(FineWeb(short_line=3, **strict), batch_of(text=["abc\nabc", "abcd\nabc"])) == [
        "many-short-lines",
        None,
    ]


def test_chunks_and_no_records(batch_of: BatchOf) -> None:
    one, two = batch_of(text=[PROSE]), batch_of(text=[""])
    assert codes(FineWeb(), pa.concat_tables([one, two, one])) == [None, "empty", None]
    assert codes(FineWeb(), one.slice(0, 0)) == []


@pytest.mark.parametrize("shape", SHAPES)
def test_it_conforms_to_the_contract(shape: str) -> None:
    report = check(FineWeb(), shape)
    assert report.faults == ()
    assert [result.skipped for result in report.results if result.skipped] == []
