"""The format `chain` keeps reasoning that reaches the known answer, and says what is wrong with the rest."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from chat_stub import Body, ChatStub
from pydantic import ValidationError

from finery import Stage, Tally
from finery.testing import check
from finery_plugins.format.chain import Chain

BatchOf = Callable[..., pa.Table]


@pytest.fixture
def chain(stub: ChatStub, stage: Stage, tmp_path: Path) -> Callable[..., tuple[pa.Table, Tally]]:
    def run(batch: pa.Table, how: str = "model", **options: Any) -> tuple[pa.Table, Tally]:
        server = {} if how == "steps" else {"server": stub.options()}
        tally = Tally()
        return Chain(how=how, **server, **options).format(batch, stage, tally, tmp_path).records, tally

    return run


def sums(batch_of: BatchOf) -> pa.Table:
    return batch_of(instruction=["5 + 7?", "5 + 8?", "which?", "", "1?"], output=["12.0", "13", "Yes", "12", None])


def test_only_chains_that_reach_the_known_answer_stay(chain: Any, batch_of: BatchOf) -> None:
    made, tally = chain(sums(batch_of))
    (row,) = made.to_pylist()
    assert row["instruction"] == "5 + 7?"
    assert row["output"].startswith("1. Look for")
    assert row["output"].endswith("\n\nThe answer is 12.0.")
    assert dict(tally) == {"good": 1, "answer-differs": 2, "no-question": 1, "answer-missing": 1}


def test_what_fails_can_stay_with_the_reason_for_a_filter(chain: Any, batch_of: BatchOf) -> None:
    made, _ = chain(sums(batch_of), failed="mark")
    assert made["verdict"].to_pylist() == ["good", "answer-differs", "answer-differs", "no-question", "answer-missing"]
    assert made["verdict_detail"].to_pylist()[1] == "12. against 13"
    assert made["output"].to_pylist()[1:] == ["13", "Yes", "12", None]
    assert made["cost"].null_count == 2


def test_a_model_is_asked_again_until_it_is_right(chain: Any, batch_of: BatchOf, stub: ChatStub) -> None:
    answers = iter(["1. guess\nThe answer is 4.", "1. think\nThe answer is 5.", "1. never\nThe answer is 5."])
    stub.answer = lambda _: next(answers)
    made, _ = chain(batch_of(instruction=["2 + 3?"], output=["5"]), tries=3)
    assert made["output"].to_pylist() == ["1. think\n\nThe answer is 5."]
    assert len(made["prompt_id"].to_pylist()[0].split(",")) == len(stub.requests) == 2
    assert stub.requests[0]["seed"] != stub.requests[1]["seed"]


@pytest.mark.parametrize(
    ("said", "verdict"),
    [
        ("1. a\nThe answer is 5.", "good"),
        ("1. a\n答案是5", "good"),
        ("1. a\n\\boxed{5}", "good"),
        ("1. a\nThe answer is 6.", "answer-differs"),
        ("I do not know", "steps-without-answer"),
        ("The answer is 5.", "no-steps"),
    ],
)
def test_a_reply_is_judged_as_the_filter_label_does(
    chain: Any, batch_of: BatchOf, stub: ChatStub, said: str, verdict: str
) -> None:
    stub.answer = lambda _: said
    _, tally = chain(batch_of(instruction=["2 + 3?"], output=["5"]))
    assert dict(tally) == {verdict: 1}


def test_a_reply_that_the_limit_cut_off_is_no_chain(chain: Any, batch_of: BatchOf, stub: ChatStub) -> None:
    stub.answer, stub.finish = lambda _: "1. a\nThe answer is 5", "length"
    assert dict(chain(batch_of(instruction=["2 + 3?"], output=["5"]))[1]) == {"broken-off": 1}


def test_steps_that_records_hold_take_the_same_form(chain: Any, batch_of: BatchOf) -> None:
    steps = pa.array([["begin with 2", "2 + 3 = 5"], ["guess", "The answer is 9."], []], pa.list_(pa.large_string()))
    batch = batch_of(instruction=["2 + 3?", "4 + 4?", "1?"], output=["5", "8", "1"], steps=steps)
    made, tally = chain(batch, "steps", steps="steps", answer="output")
    assert made["output"].to_pylist() == ["1. begin with 2\n2. 2 + 3 = 5\n\nThe answer is 5."]
    assert dict(tally) == {"good": 1, "answer-differs": 1, "steps-without-answer": 1}


def test_reasoning_with_a_mark_of_its_own_is_its_own_known_answer(chain: Any, batch_of: BatchOf) -> None:
    told = "48/2 = <<48/2=24>>24 clips.\n#### 24"
    made, _ = chain(batch_of(instruction=["How many?"], output=[told]), "steps")
    assert made["output"].to_pylist() == ["1. 48/2 = 24 clips.\n\nThe answer is 24."]


def planner(body: Body) -> str:
    """Divides a task into three, and does each part."""
    last = body["messages"][-1]["content"]
    return "1. **Plan**\n2. Build\n3. Test" if "Do not solve" in last else f"done after {len(body['messages'])}"


def test_a_task_is_divided_and_carried_out_in_one_dialogue(chain: Any, batch_of: BatchOf, stub: ChatStub) -> None:
    stub.answer = planner
    made, _ = chain(batch_of(instruction=["Make a boat"], output=[""]), "outline", parts=2)
    said = [turn["content"] for turn in made["messages"].to_pylist()[0]]
    assert [said[1], said[3], said[5]] == ["1. **Plan**\n2. Build\n3. Test", "done after 3", "done after 5"]
    assert [part in said[place] for place, part in ((2, '"Plan"'), (4, '"Build"'))] == [True, True]


def test_or_each_part_is_a_record_of_its_own(chain: Any, batch_of: BatchOf, stub: ChatStub) -> None:
    stub.answer = planner
    batch = batch_of(instruction=["Make a boat"], output=[""])
    made, _ = chain(batch, "outline", into="records")
    assert made["parent"].to_pylist() == batch["id"].to_pylist() * 4
    assert [len(turns) for turns in made["messages"].to_pylist()] == [2, 4, 4, 4]
    assert len(set(made["prompt_id"].to_pylist())) == 4


def test_a_task_that_is_not_divided_leaves(chain: Any, batch_of: BatchOf, stub: ChatStub) -> None:
    stub.answer = lambda _: "I would rather not."
    made, tally = chain(batch_of(instruction=["Make a boat"], output=[""]), "outline")
    assert (len(made), dict(tally)) == (0, {"no-outline": 1})


@pytest.mark.parametrize(
    ("options", "fault"),
    [
        ({}, "nobody writes"),
        ({"how": "steps", "local": "x"}, "asks no model"),
        ({"how": "outline", "local": "x", "failed": "mark"}, "changes the columns"),
        ({"local": "x", "tries": 0}, "tries"),
    ],
)
def test_bad_options_are_refused(options: dict[str, Any], fault: str) -> None:
    with pytest.raises(ValidationError, match=fault):
        Chain(**options)


@pytest.mark.parametrize("options", [{"how": "steps"}, {"how": "model", "failed": "mark"}], ids=str)
def test_it_keeps_the_contract(stub: ChatStub, options: dict[str, Any]) -> None:
    server = {} if options["how"] == "steps" else {"server": stub.options(concurrency=2)}
    report = check(Chain(**server, **options), ["alpaca"])
    assert not report.faults, "\n".join(map(str, report.faults))
    assert not [one for one in report.results if one.skipped]
