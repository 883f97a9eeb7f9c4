"""The format `recent-turns` keeps the newest turns, whole, with their questions."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from finery import PipelineError, Tally
from finery.testing import check
from finery_plugins.format.chat import MESSAGES
from finery_plugins.format.recent_turns import RecentTurns

BatchOf = Callable[..., pa.Table]
NAMES = {"s": "system", "u": "user", "a": "assistant", "t": "tool"}
PAIRS = pa.list_(pa.list_(pa.large_string()))


def dialogue(roles: str, sizes: list[int] | None = None) -> list[dict[str, str]]:
    return [
        {"role": NAMES[role], "content": chr(97 + at) * (sizes[at] if sizes else 1)} for at, role in enumerate(roles)
    ]


def kept(batch_of: BatchOf, said: list[dict[str, str]] | None, **options: Any) -> str:
    batch = batch_of(messages=pa.array([said], MESSAGES))
    after = RecentTurns(**options).format(batch=batch, tally=Tally())["messages"].to_pylist()[0]
    return "".join(turn["content"][:1] for turn in after or ())


@pytest.mark.parametrize(
    ("roles", "turns", "left"),
    [
        ("uaua", 1, "cd"),
        ("uaua", 2, "abcd"),
        ("suaua", 1, "ade"),
        ("ssuaua", 1, "abef"),
        ("uuaua", 1, "de"),
        ("uauua", 1, "cde"),
        ("uauatau", 2, "cdefg"),
        ("auaua", 1, "de"),
        ("auaua", 2, "abcde"),
        ("uauau", 1, "e"),
        ("aa", 1, "ab"),
        ("s", 1, "a"),
        ("", 1, ""),
    ],
)
def test_the_newest_turns_stay(batch_of: BatchOf, roles: str, turns: int, left: str) -> None:
    assert kept(batch_of, dialogue(roles), turns=turns) == left


def test_a_budget_counts_the_system_message_and_keeps_whole_turns(batch_of: BatchOf) -> None:
    turns = dialogue("suauaua", [10, 5, 5, 5, 5, 5, 5])
    assert kept(batch_of, turns, budget=40) == "abcdefg"
    assert kept(batch_of, turns, budget=39) == "adefg"
    assert kept(batch_of, turns, budget=20) == "afg"
    assert kept(batch_of, turns, budget=1) == "afg"


def test_words_are_counted_as_text_has_them(batch_of: BatchOf) -> None:
    turns = [("user", "one two"), ("assistant", "three"), ("user", "四五"), ("assistant", "six")]
    said = [{"role": role, "content": content} for role, content in turns]
    assert kept(batch_of, said, budget=6, unit="words") == "ot四s"
    assert kept(batch_of, said, budget=5, unit="words") == "四s"


def reference(turns: list[dict[str, str]], most: int | None, budget: int | None) -> str:
    """The rule in plain Python: the longest tail that starts a turn and fits, else the newest turn."""
    first = next((at for at, turn in enumerate(turns) if turn["role"] != "system"), len(turns))
    starts = [first] if first < len(turns) else []
    for at in range(first + 1, len(turns)):
        if turns[at]["role"] == "user" and turns[at - 1]["role"] != "user":
            starts.append(at)
    for start in starts:
        tail = [*turns[:first], *turns[start:]]
        asked = sum(turns[at]["role"] == "user" for at in starts if at >= start)
        size = sum(len(turn["content"]) for turn in tail)
        if ((most is None or asked <= most) and (budget is None or size <= budget)) or start == starts[-1]:
            return "".join(turn["content"][:1] for turn in tail)
    return "".join(turn["content"][:1] for turn in turns)


@given(st.text("suat", max_size=12), st.data())
def test_any_dialogue_agrees_with_plain_python(batch_of: BatchOf, roles: str, data: st.DataObject) -> None:
    sizes = data.draw(st.lists(st.integers(1, 9), min_size=len(roles), max_size=len(roles)))
    most, budget = data.draw(st.tuples(st.none() | st.integers(1, 4), st.none() | st.integers(1, 50)))
    if most or budget:
        turns = dialogue(roles, sizes)
        assert kept(batch_of, turns, turns=most, budget=budget) == reference(turns, most, budget)


def test_an_instruction_is_the_newest_turn_of_its_history(batch_of: BatchOf) -> None:
    history = pa.array([[["a", "b"], ["c", "d"]], [], None], PAIRS)
    batch = batch_of(instruction=["q"] * 3, output=["a"] * 3, history=history)
    tally = Tally()
    after = RecentTurns(turns=2).format(batch=batch, tally=tally)
    assert after["history"].to_pylist() == [[["c", "d"]], [], None]
    assert after.schema == batch.schema
    assert tally == {"truncated": 1}
    assert RecentTurns(turns=1).format(batch=batch, tally=tally)["history"].to_pylist() == [[], [], None]
    assert RecentTurns(budget=4).format(batch=batch, tally=tally)["history"].to_pylist()[0] == []
    assert RecentTurns(budget=5).format(batch=batch, tally=tally)["history"].to_pylist()[0] == [["c", "d"]]


def test_other_fields_of_a_turn_and_nulls_stay(batch_of: BatchOf) -> None:
    turns = [{"from": "human", "value": "q", "weight": 1.0}, {"from": "gpt", "value": "a", "weight": 0.5}]
    batch = batch_of(conversations=[[*turns, *turns], None])
    after = RecentTurns(turns=1).format(batch=batch, tally=Tally())
    assert after["conversations"].to_pylist() == [turns, None]
    assert after.schema == batch.schema


def test_what_is_short_enough_is_the_same_batch(batch_of: BatchOf) -> None:
    batch = batch_of(messages=pa.array([dialogue("ua")], MESSAGES))
    assert RecentTurns(turns=1).format(batch=batch, tally=Tally()) is batch


def test_other_shapes_are_a_fault(batch_of: BatchOf) -> None:
    with pytest.raises(PipelineError, match="'recent-turns' finds no dialogue in 'text'"):
        RecentTurns(turns=1).format(batch=batch_of(text=["a"]), tally=Tally())


@pytest.mark.parametrize("options", [{}, {"turns": 0}, {"budget": 5, "unit": "tokens"}, {"turns": 1, "tokenizer": "x"}])
def test_options_that_say_nothing_are_refused(options: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        RecentTurns(**options)


def test_tokens_are_the_tokenizers(batch_of: BatchOf, tmp_path: Any) -> None:
    from finery_plugins.train.tokenizer import trained_tokenizer

    tokenizer = trained_tokenizer(["one two three"] * 9, 300, 64)
    tokenizer.save_pretrained(tmp_path)
    said = [{"role": role, "content": "one two"} for role in ("user", "assistant") * 2]
    size = len(tokenizer("one two", add_special_tokens=False)["input_ids"])
    for budget, left in ((4 * size, 4), (4 * size - 1, 2)):
        options = {"budget": budget, "unit": "tokens", "tokenizer": str(tmp_path)}
        assert len(kept(batch_of, said, **options)) == left


def test_recent_turns_conforms() -> None:
    for options in ({"turns": 1}, {"budget": 60}, {"budget": 20, "unit": "words"}):
        report = check(RecentTurns(**options), ["messages", "alpaca"])
        assert report.faults == ()
        assert [one for one in report.results if one.skipped] == []
