"""The format `critique` has answers criticised against principles and revised, and keeps what was said."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from chat_stub import Body, ChatStub

from finery import Stage, Tally
from finery.testing import check
from finery_plugins.format.chat import MESSAGES
from finery_plugins.format.critique import Critique, filled

BatchOf = Callable[..., pa.Table]


def editor(body: Body) -> str:
    """Criticises, then revises; answers a plain question plainly."""
    last = body["messages"][-1]["content"]
    if last.startswith(("Now write", "现在请重新")):
        return f"<think>hm</think>better {len(body['messages'])}"
    return "too short" if "principles" in last or "原则" in last else "a first answer"


@pytest.fixture
def revise(stub: ChatStub, stage: Stage, tmp_path: Path) -> Callable[..., tuple[pa.Table, Tally]]:
    stub.answer = editor

    def run(batch: pa.Table, **options: Any) -> tuple[pa.Table, Tally]:
        tally = Tally()
        return Critique(server=stub.options(), **options).format(batch, stage, tally, tmp_path).records, tally

    return run


def asked(batch_of: BatchOf) -> pa.Table:
    return batch_of(instruction=["How deep?", "水有多深？"], input=["the lake", None], output=["2 m", ""])


def test_the_revised_answer_stands_in_place_of_the_first(revise: Any, batch_of: BatchOf) -> None:
    made, _ = revise(asked(batch_of))
    assert made.select(["instruction", "input", "output", "first_answer", "critique"]).to_pylist() == [
        {
            "instruction": "How deep?",
            "input": "the lake",
            "output": "better 3",
            "first_answer": "2 m",
            "critique": "too short",
        },
        {
            "instruction": "水有多深？",
            "input": None,
            "output": "better 3",
            "first_answer": "a first answer",
            "critique": "too short",
        },
    ]
    assert [len(ids.split(",")) for ids in made["prompt_id"].to_pylist()] == [2, 3]


def test_pairs_prefer_the_revised_answer(revise: Any, batch_of: BatchOf) -> None:
    made, _ = revise(asked(batch_of), into="preference")
    assert made.select(["prompt", "chosen", "rejected"]).to_pylist() == [
        {"prompt": "How deep?\n\nthe lake", "chosen": "better 3", "rejected": "2 m"},
        {"prompt": "水有多深？", "chosen": "better 3", "rejected": "a first answer"},
    ]
    assert "output" not in made.column_names


def test_an_answer_that_did_not_change_makes_no_pair(revise: Any, batch_of: BatchOf) -> None:
    batch = batch_of(instruction=["How deep?"], output=["better 3"])
    made, tally = revise(batch, into="preference")
    assert (len(made), tally["unchanged"]) == (0, 1)


def test_the_models_own_answer_is_revised_where_asked_for(revise: Any, batch_of: BatchOf) -> None:
    made, _ = revise(asked(batch_of), first="model")
    assert made["first_answer"].to_pylist() == ["a first answer"] * 2


def test_stated_principles_are_shown_and_so_many_drawn(revise: Any, batch_of: BatchOf, stub: ChatStub) -> None:
    stated = [f"principle {number}" for number in range(6)]
    revise(batch_of(instruction=["a question"] * 8, output=["x"] * 8), principles=stated, drawn=2)
    shown = [tuple(one for one in stated if one in prompt) for prompt in stub.prompts() if "principle" in prompt]
    assert {len(one) for one in shown} == {2}
    assert len(set(shown)) > 1


def test_each_round_criticises_what_the_last_one_wrote(revise: Any, batch_of: BatchOf, stub: ChatStub) -> None:
    revise(batch_of(instruction=["How deep?"], output=["2 m"]), rounds=2)
    criticised = [prompt for prompt in stub.prompts() if "<answer>" in prompt]
    assert ["2 m" in prompt for prompt in criticised] == [True, False]
    assert "better 3" in criticised[1]


def test_a_dialogue_ends_with_its_revised_answer(revise: Any, batch_of: BatchOf) -> None:
    turns = [("system", "Be brief."), ("user", "How deep?"), ("assistant", "2 m"), ("user", "Sure?")]
    column = pa.array([[{"role": role, "content": text} for role, text in turns], []], MESSAGES)
    made, tally = revise(batch_of(messages=column))
    assert [turn["content"] for turn in made["messages"].to_pylist()[0]] == ["Be brief.", "How deep?", "better 3"]
    assert (len(made), tally["no-question"]) == (1, 1)


def test_braces_in_texts_are_no_places() -> None:
    assert filled("{a} and {b}", {"a": "{b}", "b": "{a}"}) == "{b} and {a}"


def test_it_keeps_the_contract(stub: ChatStub) -> None:
    report = check(Critique(server=stub.options(), into="preference"), ["messages", "alpaca"])
    assert not report.faults, "\n".join(map(str, report.faults))
    assert {one.skipped for one in report.results} == {None, "it says deterministic=False"}
