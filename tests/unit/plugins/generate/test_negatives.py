"""The format `negatives` adds samples in which the right reply is to ask back or to decline."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from chat_stub import ChatStub
from pydantic import ValidationError

from finery import Stage, Tally
from finery.testing import check
from finery_plugins.format.chat import MESSAGES
from finery_plugins.format.negatives import Negatives, opening
from finery_plugins.generate.refusals import QUESTION, REPLIES, WISHES

BatchOf = Callable[..., pa.Table]
LONG = "What is the deepest lake that one can reach by train?"


@pytest.fixture
def add(stage: Stage, tmp_path: Path) -> Callable[..., tuple[pa.Table, Tally]]:
    def run(batch: pa.Table, **options: Any) -> tuple[pa.Table, Tally]:
        tally = Tally()
        return Negatives(**{"share": 1.0, **options}).format(batch, stage, tally, tmp_path), tally

    return run


def alpaca(batch_of: BatchOf, rows: int = 1, about: str | None = "Here is the text.") -> pa.Table:
    return batch_of(instruction=[LONG] * rows, input=[about] * rows, output=["Baikal"] * rows)


def test_a_question_without_its_context_asks_for_it(add: Any, batch_of: BatchOf) -> None:
    made, tally = add(alpaca(batch_of), kinds=["unanswerable"])
    own, negative = made.to_pylist()
    assert (own["instruction"], own["input"], own["output"]) == (LONG, "Here is the text.", "Baikal")
    assert (negative["instruction"], negative["input"]) == (LONG, "")
    assert negative["output"] in REPLIES["unanswerable"]["en"]
    assert [row["negative"] for row in (own, negative)] == [None, "clarification"]
    assert negative["generated_by"] == "template"
    assert own["parent"] == negative["parent"]
    assert dict(tally) == {"unanswerable": 1}


def test_a_context_in_a_column_of_its_own_is_taken_out_of_both(add: Any, batch_of: BatchOf) -> None:
    batch = batch_of(prompt=["The lake is deep. How deep?", "How high?"], completion=["80 m", "?"],
                     passage=["The lake is deep. ", None])  # fmt: skip
    made, tally = add(batch, kinds=["unanswerable"], context="passage")
    assert made["prompt"].to_pylist() == ["The lake is deep. How deep?", "How deep?", "How high?"]
    assert made["passage"].to_pylist() == ["The lake is deep. ", "", None]
    assert sum(tally.values()) == 1


def test_a_record_that_a_kind_does_not_allow_gets_none(add: Any, batch_of: BatchOf) -> None:
    made, _ = add(alpaca(batch_of, about=None), kinds=["unanswerable"])
    assert made["negative"].to_pylist() == [None]


def test_a_question_that_is_cut_off_is_asked_to_be_completed(add: Any, batch_of: BatchOf) -> None:
    batch = batch_of(prompt=[LONG, "水库的水在春天会涨到第几级台阶？", "Why?"], completion=["a", "b", "c"])
    made, _ = add(batch, kinds=["underspecified"])
    cut = made.filter(pa.array([kind is not None for kind in made["negative"].to_pylist()]))
    assert cut["prompt"].to_pylist() == ["What is the deepest lake", "水库的水在春天会"]
    assert all(
        begin in reply for begin, reply in zip(cut["prompt"].to_pylist(), cut["completion"].to_pylist(), strict=True)
    )


def test_openings_are_half_the_words_or_nothing() -> None:
    assert opening("one two three four five six", "en") == "one two three"
    assert opening("one two three", "en") == ""
    assert opening("一二三四五六七八九十", "zh") == "一二三四五"


def test_a_scope_is_set_by_a_system_message(add: Any, batch_of: BatchOf) -> None:
    turns = [{"role": "system", "content": "Be kind."}, {"role": "user", "content": LONG}]
    batch = batch_of(messages=pa.array([[*turns, {"role": "assistant", "content": "Baikal"}]], MESSAGES))
    made, _ = add(batch, kinds=["out-of-scope"], scope="our bakery", keep=False)
    (messages,) = made["messages"].to_pylist()
    assert [turn["role"] for turn in messages] == ["system", "user", "assistant"]
    assert messages[0]["content"] == "You answer questions about our bakery and nothing else."
    assert messages[1]["content"] == LONG
    assert "our bakery" in messages[2]["content"]
    assert made["negative"].to_pylist() == ["refusal"]
    made, _ = add(alpaca(batch_of), kinds=["out-of-scope"], scope="our bakery")
    assert made["system"].to_pylist() == ["", "You answer questions about our bakery and nothing else."]


def test_a_share_of_the_records_gets_one(add: Any, batch_of: BatchOf) -> None:
    made, _ = add(alpaca(batch_of, 400), share=0.25, kinds=["safety"])
    extra = len(made) - 400
    assert abs(extra - 100) < 4 * (400 * 0.25 * 0.75) ** 0.5


def test_kinds_are_drawn(add: Any, batch_of: BatchOf) -> None:
    _, tally = add(alpaca(batch_of, 60), kinds=["unanswerable", "underspecified", "safety"])
    assert min(tally[kind] for kind in ("unanswerable", "underspecified", "safety")) > 5


def test_a_model_writes_the_reply_in_the_words_that_the_kind_asks_for(
    add: Any, batch_of: BatchOf, stub: ChatStub
) -> None:
    stub.answer = lambda _: "I would rather not."
    made, _ = add(alpaca(batch_of), kinds=["safety"], server=stub.options(), keep=False)
    (row,) = made.to_pylist()
    assert (row["output"], row["generated_by"], row["negative"]) == ("I would rather not.", "stub", "safety")
    assert stub.prompts()[0].startswith(WISHES["safety"]["en"])
    assert "Here is the text." in stub.prompts()[0]


def test_every_kind_has_words_in_both_languages() -> None:
    assert {kind: sorted(said) for kind, said in REPLIES.items()} == {key: ["en", "zh"] for key in REPLIES}
    assert set(WISHES) == set(REPLIES)
    assert sorted(QUESTION) == ["en", "zh"]


@pytest.mark.parametrize(
    ("options", "fault"),
    [
        ({"kinds": ["out-of-scope"]}, "out-of-scope needs scope"),
        ({"share": 0}, "share"),
        ({"server": {"url": "http://h", "model": "m"}, "local": "x"}, "exclude each other"),
    ],
)
def test_bad_options_are_refused(options: dict[str, Any], fault: str) -> None:
    with pytest.raises(ValidationError, match=fault):
        Negatives(**options)


def test_it_keeps_the_contract() -> None:
    kinds = ["unanswerable", "underspecified", "out-of-scope"]
    report = check(Negatives(share=0.9, kinds=kinds, scope="ships"), ["messages", "alpaca", "classification"])
    assert not report.faults, "\n".join(map(str, report.faults))
    assert not [one for one in report.results if one.skipped]
