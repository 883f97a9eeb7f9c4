"""Logs to samples: sessions in order, regenerations, edits and verdicts, and what becomes of silent rows."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pyarrow as pa
import pytest
from pydantic import ValidationError

from finery import PipelineError, Tally
from finery.stages.gather import in_order
from finery_plugins.format.logs import Logs

BatchOf = Callable[..., pa.Table]
Row = tuple[Any, ...]

HELLO = ("s", 1, "hello?", "Hi.", None, None)


def made(batch_of: BatchOf, rows: list[Row], **options: Any) -> list[dict[str, Any]]:
    """The samples of rows: session, time, prompt, response, feedback, edited."""
    names = ("session", "time", "prompt", "response", "feedback", "edited")
    batch = batch_of(**dict(zip(names, map(list, zip(*rows, strict=True)), strict=True)))
    plugin = Logs(**options)
    together, _ = in_order(batch, plugin.gather(batch=batch))
    places = {record: row for row, record in enumerate(batch["id"].to_pylist())}
    samples = plugin.format(batch=together, tally=Tally()).records.to_pylist()
    return [{**sample, "parent": [places[parent] for parent in sample["parent"]]} for sample in samples]


def contents(messages: list[dict[str, str]]) -> list[str]:
    """What was said."""
    return [message["content"] for message in messages]


def test_a_good_answer_ends_a_dialogue_with_its_history(batch_of: BatchOf) -> None:
    rows = [("s", 2, "and 3+3?", "6", "up", None), ("t", 1, "bye", "Bye", "down", None), HELLO]
    (sample,) = made(batch_of, rows)
    assert [message["role"] for message in sample["messages"]] == ["user", "assistant"] * 2
    assert contents(sample["messages"]) == ["hello?", "Hi.", "and 3+3?", "6"]
    assert sample["parent"] == [2, 0]


def test_an_edited_answer_is_worth_its_edited_form(batch_of: BatchOf) -> None:
    rows = [("s", 1, "2+2?", "5", "down", "4"), ("s", 2, "sure?", "Yes.", "up", None)]
    first, second = made(batch_of, rows)
    assert contents(first["messages"]) == ["2+2?", "4"]
    assert contents(second["messages"]) == ["2+2?", "4", "sure?", "Yes."]
    (pair,) = made(batch_of, rows, make="preference")
    assert (contents(pair["chosen"]), contents(pair["rejected"]), pair["parent"]) == (["4"], ["5"], [0])


def test_answers_to_one_prompt_make_pairs(batch_of: BatchOf) -> None:
    rows = [
        HELLO,
        ("s", 2, "joke", "No.", "down", None),
        ("s", 3, "joke", "Knock.", None, None),
        ("s", 4, "joke", "Ha!", "up", None),
    ]
    (pair,) = made(batch_of, rows, make="preference")
    assert contents(pair["prompt"]) == ["hello?", "Hi.", "joke"]
    assert (contents(pair["chosen"]), contents(pair["rejected"])) == (["Ha!"], ["No."])
    assert pair["parent"] == [0, 3, 1]


def test_the_answer_that_stood_is_the_history(batch_of: BatchOf) -> None:
    rows = [("s", 1, "a", "bad", "down", None), ("s", 2, "a", "fine", None, None), ("s", 3, "b", "B", "up", None)]
    (sample,) = made(batch_of, rows)
    assert contents(sample["messages"]) == ["a", "fine", "b", "B"]


def test_each_verdict_is_a_sample(batch_of: BatchOf) -> None:
    rows = [("s", 1, "a", "A", "up", None), ("s", 2, "b", "B", "DOWN ", None), ("s", 3, "c", "C", "odd", None)]
    samples = made(batch_of, rows, make="verdicts")
    assert [(contents(s["completion"]), s["label"]) for s in samples] == [(["A"], True), (["B"], False)]


def test_history_is_cut_to_the_newest(batch_of: BatchOf) -> None:
    rows = [("s", n, f"q{n}", f"a{n}", "up" if n == 4 else None, None) for n in range(5)]
    assert contents(made(batch_of, rows, max_history=1)[0]["messages"]) == ["q3", "a3", "q4", "a4"]
    assert contents(made(batch_of, rows, max_history=0)[0]["messages"]) == ["q4", "a4"]


def test_rows_without_a_session_stand_alone(batch_of: BatchOf) -> None:
    rows = [(None, 1, "a", "A", "up", None), (None, 2, "b", "B", "up", None)]
    assert sorted(contents(s["messages"])[0] for s in made(batch_of, rows)) == ["a", "b"]


def test_empty_answers_are_no_samples(batch_of: BatchOf) -> None:
    assert made(batch_of, [("s", 1, "a", " ", "up", None), ("s", 2, "b", None, "up", None)]) == []


def test_stars_have_to_be_named(batch_of: BatchOf) -> None:
    batch = [("s", 1, "a", "A", 5, None), ("s", 2, "b", "B", 2, None)]
    assert made(batch_of, batch, make="verdicts") == []
    samples = made(batch_of, batch, make="verdicts", good=[4, 5], bad=[1, 2])
    assert [sample["label"] for sample in samples] == [True, False]


def test_truth_and_one_are_told_apart() -> None:
    Logs(good=[True], bad=[1])
    with pytest.raises(ValidationError, match="up is in `good` and in `bad`"):
        Logs(good=["Up"], bad=["up "])


def test_columns_that_are_not_there_are_named(batch_of: BatchOf) -> None:
    with pytest.raises(PipelineError, match=r"no column 'session' \(did you mean 'sesion'"):
        Logs().gather(batch=batch_of(sesion=["a"]))


def test_rows_without_a_sample_say_why(batch_of: BatchOf) -> None:
    rows = [("s", 1, "a", "A", "down", None), ("t", 1, "b", "B", None, None)]
    names = ("session", "time", "prompt", "response", "feedback", "edited")
    batch = batch_of(**dict(zip(names, map(list, zip(*rows, strict=True)), strict=True)))
    assert Logs().format(batch=batch, tally=Tally()).reasons.to_pylist() == ["unused", "not-judged"]
