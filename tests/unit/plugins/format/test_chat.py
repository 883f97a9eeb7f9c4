"""The format `chat` makes messages of instructions and dialogues."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pyarrow as pa
import pytest

from finery import PipelineError
from finery_plugins.format.chat import MESSAGES, Chat

BatchOf = Callable[..., pa.Table]
PAIRS = pa.list_(pa.list_(pa.large_string()))


def said(batch: pa.Table, **options: Any) -> list[list[tuple[str, str]]]:
    after = Chat(**options).format(batch=batch)
    assert after.schema.field("messages").type == MESSAGES
    return [[(turn["role"], turn["content"]) for turn in turns] for turns in after["messages"].to_pylist()]


def test_an_instruction_and_its_input_are_one_turn(batch_of: BatchOf) -> None:
    batch = batch_of(instruction=["Add.", "Hello"], input=["1 + 1", None], output=["2", "Hi"])
    assert said(batch) == [[("user", "Add.\n\n1 + 1"), ("assistant", "2")], [("user", "Hello"), ("assistant", "Hi")]]


def test_history_comes_first(batch_of: BatchOf) -> None:
    history = pa.array([[["q1", "a1"], ["q2", "a2"]]], PAIRS)
    turns = said(batch_of(instruction=["q3"], output=["a3"], history=history))
    assert turns == [[(role, f"{role[0].replace('u', 'q')}{n}") for n in (1, 2, 3) for role in ("user", "assistant")]]


def test_an_empty_answer_makes_no_message(batch_of: BatchOf) -> None:
    assert said(batch_of(instruction=["q", "q"], output=["", None])) == [[("user", "q")]] * 2


def test_a_system_column_opens_the_dialogue(batch_of: BatchOf) -> None:
    batch = batch_of(instruction=["q", "q"], output=["a", "a"], system=["Be brief.", None])
    first, second = said(batch, system="Be kind.")
    assert first[0] == ("system", "Be brief.")
    assert second[0] == ("system", "Be kind.")


def test_conversations_get_the_usual_roles(batch_of: BatchOf) -> None:
    turns = [{"from": "system", "value": "s"}, {"from": "human", "value": "q"}, {"from": "gpt", "value": "a"}]
    assert said(batch_of(conversations=[turns])) == [[("system", "s"), ("user", "q"), ("assistant", "a")]]


def test_an_unknown_role_is_refused(batch_of: BatchOf) -> None:
    with pytest.raises(ValueError, match="unknown role 'moderator'"):
        Chat().format(batch=batch_of(conversations=[[{"from": "moderator", "value": "x"}]]))


def test_a_prompt_and_its_completion_are_two_turns(batch_of: BatchOf) -> None:
    assert said(batch_of(prompt=["q"], completion=["a"])) == [[("user", "q"), ("assistant", "a")]]


def test_a_prompt_of_messages_stays_messages(batch_of: BatchOf) -> None:
    prompt, answer = [{"role": "user", "content": "q"}], [{"role": "assistant", "content": "a"}]
    assert said(batch_of(prompt=[prompt], completion=[answer])) == [[("user", "q"), ("assistant", "a")]]


def test_messages_pass_through(batch_of: BatchOf) -> None:
    batch = batch_of(messages=pa.array([[{"role": "user", "content": "q"}], [], None], MESSAGES))
    assert Chat().format(batch=batch).equals(batch)


def test_messages_of_another_list_type_take_the_common_one(batch_of: BatchOf) -> None:
    large = pa.large_list(MESSAGES.value_type)
    assert said(batch_of(messages=pa.array([[{"role": "user", "content": "q"}]], large))) == [[("user", "q")]]


def test_messages_with_more_fields_keep_them(batch_of: BatchOf) -> None:
    batch = batch_of(messages=[[{"role": "user", "content": "q", "name": "Ann"}]])
    assert Chat().format(batch=batch).equals(batch)


def test_a_system_message_is_put_before_messages_without_one(batch_of: BatchOf) -> None:
    own = [{"role": "system", "content": "own"}, {"role": "user", "content": "q"}]
    batch = batch_of(messages=pa.array([own, own[1:], None], MESSAGES))
    opening = [turns[0] for turns in said(batch, system="s")]
    assert opening == [("system", "own"), ("system", "s"), ("system", "s")]


def test_old_columns_go_and_others_stay(batch_of: BatchOf) -> None:
    after = Chat().format(batch=batch_of(instruction=["q"], input=[""], output=["a"], quality=[0.5]))
    assert after.column_names == ["id", "source", "quality", "messages"]


@pytest.mark.parametrize(
    "columns",
    [
        {"text": ["plain"]},
        {"prompt": ["p"], "chosen": ["c"], "rejected": ["r"]},
        {"instruction": ["i"], "output": pa.array([["a", "b"]], pa.list_(pa.large_string()))},
    ],
)
def test_other_shapes_are_a_fault_that_names_the_shapes_taken(batch_of: BatchOf, columns: dict[str, Any]) -> None:
    with pytest.raises(PipelineError, match=r"source 'general': 'chat' makes no messages .*it takes messages"):
        Chat().format(batch=batch_of(**columns))


def test_no_records_have_no_messages(batch_of: BatchOf) -> None:
    assert said(batch_of(instruction=["q"], output=["a"]).slice(0, 0)) == []
