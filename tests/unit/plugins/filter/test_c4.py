"""The filter `c4` drops the pages that C4's rules drop."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pyarrow as pa
import pytest

from finery.testing import SHAPES, check
from finery_plugins.filter.c4 import C4

BatchOf = Callable[..., pa.Table]

LINE = "The miller went down to the weir at dusk."
PAGE = "\n".join([LINE] * 5)


def codes(plugin: C4, batch: pa.Table) -> list[str | None]:
    found: list[str | None] = plugin.filter(batch=batch).code.to_pylist()
    return found


def sentences(batch_of: BatchOf, text: str, **options: Any) -> float:
    """The sentences counted in the lines that stay."""
    value: float = C4(min_sentences=1000, **options).filter(batch=batch_of(text=[text])).value[0].as_py()
    return value


@pytest.mark.parametrize(
    ("text", "code"),
    [
        (PAGE, None),
        ("", "few-sentences"),
        (None, "few-sentences"),
        (PAGE + "\nHere Lorem IPSUM dolor sit amet.", "lorem-ipsum"),
        (PAGE + "\nThe body is {x} as it was.", "curly-bracket"),
        (PAGE + "\nlorem ipsum {", None),
    ],
)
@pytest.mark.parametrize("preset", ["tfds", "datatrove"])
def test_pages_go_for_what_their_kept_lines_hold(batch_of: BatchOf, preset: Any, text: str, code: str | None) -> None:
    assert codes(C4(preset=preset), batch_of(text=[text])) == [code]


def test_the_presets_have_words_and_sentences_the_other_way_round(batch_of: BatchOf) -> None:
    long, short = "\n".join([LINE] * 3), "\n".join(["It rained today."] * 5)
    assert codes(C4(preset="tfds"), batch_of(text=[long, short])) == [None, "few-sentences"]
    assert codes(C4(preset="datatrove"), batch_of(text=[long, short])) == ["few-sentences", None]


@pytest.mark.parametrize(
    ("line", "options"),
    [
        ("No mark at the end of this", {}),
        ("It goes on and on and on...", {}),
        ("Only three words.", {}),
        ("Please enable JavaScript to read this page.", {}),
        ("We use of Cookies and so does everyone.", {}),
        ("A word of " + "x" * 1001 + " characters stands here.", {}),
        ("One two three [5] four.", {}),
        ("'Only the others end a line so'", {}),
    ],
)
def test_lines_are_left_out(batch_of: BatchOf, line: str, options: dict[str, Any]) -> None:
    assert sentences(batch_of, f"{LINE}\n{line}", **options) == 1


@pytest.mark.parametrize(
    ("line", "options"),
    [
        ("No mark at the end of this", {"end_marks": ""}),
        ("Only three words.", {"min_words_per_line": 0}),
        ("Please enable JavaScript to read this page.", {"javascript": False}),
        ("We use of Cookies and so does everyone.", {"policies": []}),
        ("A word of " + "x" * 1001 + " characters stands here.", {"max_word_length": None}),
        ("One two three [5] four.", {"citations": False}),
        ("'Only the others end a line so'", {"preset": "datatrove"}),
    ],
)
def test_every_rule_on_lines_can_be_switched_off(batch_of: BatchOf, line: str, options: dict[str, Any]) -> None:
    assert sentences(batch_of, f"{LINE}\n{line}", **options) == 2


def test_every_rule_on_pages_can_be_switched_off(batch_of: BatchOf) -> None:
    off = C4(lorem_ipsum=False, curly_brackets=False, min_sentences=0)
    assert codes(off, batch_of(text=["Here lorem ipsum { dolor sit.", ""])) == [None, None]


def test_words_are_counted_before_citations_go_under_datatrove(batch_of: BatchOf) -> None:
    assert sentences(batch_of, "It rained [1] .", preset="datatrove") == 1
    assert sentences(batch_of, "It rained [1] .", preset="tfds", min_words_per_line=4) == 0


def test_chinese_has_words_and_sentences(batch_of: BatchOf) -> None:
    text = "春天水会涨到。\n磨坊主人去河边。花开了！"
    assert sentences(batch_of, text, end_marks="。！？") == 3


def test_long_lines_are_asked_for_as_in_mc4(batch_of: BatchOf) -> None:
    plugin = C4(min_sentences=0, min_long_lines=3, long_line=3)
    reasons = plugin.filter(batch=batch_of(text=["abc\nabcd\n水水水", "ab\nabc\nabc"]))
    assert (reasons.code.to_pylist(), reasons.value.to_pylist()) == ([None, "few-long-lines"], [None, 2])


def test_chunks_and_no_records(batch_of: BatchOf) -> None:
    one, two = batch_of(text=[PAGE]), batch_of(text=["short"])
    assert codes(C4(), pa.concat_tables([one, two, one])) == [None, "few-sentences", None]
    assert codes(C4(), one.slice(0, 0)) == []


@pytest.mark.parametrize("shape", SHAPES)
def test_it_conforms_to_the_contract(shape: str) -> None:
    report = check(C4(), shape)
    assert report.faults == ()
    assert [result.skipped for result in report.results if result.skipped] == []
