"""The filter `punctuation` drops documents of too many marks."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pyarrow as pa
import pytest

from finery.testing import SHAPES, check
from finery_plugins.filter.punctuation import Punctuation

BatchOf = Callable[..., pa.Table]


def codes(plugin: Punctuation, batch: pa.Table) -> list[str | None]:
    found: list[str | None] = plugin.filter(batch=batch).code.to_pylist()
    return found


def test_words_stay_and_marks_go_in_any_script(batch_of: BatchOf) -> None:
    batch = batch_of(text=["Well, it rained.", "？！。、「", "春天来了，河里的水满了。", "++ $$ ==", "", None])
    assert codes(Punctuation(), batch) == [None, "many-marks", None, "many-marks", None, None]


@pytest.mark.parametrize(
    ("options", "text", "code", "value"),
    [
        ({"max_marks": 0.4}, "a b , + c.", "many-marks", 0.5),
        ({"max_marks": None, "max_punctuation": 0.3}, "a b , + c.", "much-punctuation", 1 / 3),
        ({"max_marks": None, "max_symbols": 0.1}, "a b , + c.", "many-symbols", 1 / 6),
        ({"max_marks": None, "max_run": 3}, "so!!!! it goes", "long-run", 4),
        ({"max_marks": None, "max_run": 3}, "！！！！", "long-run", 4),
    ],
)
def test_each_rule_names_its_value(
    batch_of: BatchOf, options: dict[str, Any], text: str, code: str, value: float
) -> None:
    reasons = Punctuation(**options).filter(batch=batch_of(text=[text, "plain words"]))
    assert reasons.code.to_pylist() == [code, None]
    assert reasons.value[0].as_py() == pytest.approx(value)


def test_a_run_is_of_one_mark_and_of_marks_only(batch_of: BatchOf) -> None:
    strict = Punctuation(max_marks=None, max_run=2)
    assert codes(strict, batch_of(text=["?!?!?!", "aaaa", "- - - -", "。、。、"])) == [None] * 4


def test_rules_can_be_switched_off(batch_of: BatchOf) -> None:
    batch = batch_of(text=["!!!!"])
    assert codes(Punctuation(max_marks=None), batch) == [None]
    assert codes(Punctuation(skip=["many-marks"]), batch) == [None]


def test_chunks_and_no_records(batch_of: BatchOf) -> None:
    one, two = batch_of(text=["words"]), batch_of(text=["!"])
    assert codes(Punctuation(), pa.concat_tables([one, two, one])) == [None, "many-marks", None]
    assert codes(Punctuation(), one.slice(0, 0)) == []


@pytest.mark.parametrize("shape", SHAPES)
def test_it_conforms_to_the_contract(shape: str) -> None:
    report = check(Punctuation(), shape)
    assert report.faults == ()
    assert [result.skipped for result in report.results if result.skipped] == []
