"""The text of a record is found and rewritten whatever its shape."""

from __future__ import annotations

from collections.abc import Callable

import pyarrow as pa
import pyarrow.compute as pc
import pytest

from finery import PipelineError
from finery_plugins.text.content import contents, rewritten

TURNS = pa.list_(pa.struct([("role", pa.large_string()), ("content", pa.large_string())]))
BatchOf = Callable[..., pa.Table]


def turn(content: str | None, role: str = "user") -> dict[str, str | None]:
    return {"role": role, "content": content}


def test_null_text_is_empty(batch_of: BatchOf) -> None:
    assert contents(batch_of(text=["a", None, ""])).to_pylist() == ["a", "", ""]


def test_an_instruction_is_joined_with_input_output_and_history(batch_of: BatchOf) -> None:
    history = pa.array([[["q", "a"]], None], pa.list_(pa.list_(pa.large_string())))
    batch = batch_of(instruction=["do", None], input=["", None], output=["done", None], history=history)
    assert contents(batch).to_pylist() == ["do\ndone\nq\na", ""]


def test_a_dialogue_is_what_was_said(batch_of: BatchOf) -> None:
    messages = pa.array([[turn("hi"), turn("yes", "assistant")], [], None, [turn(None)], [None]], TURNS)
    assert contents(batch_of(messages=messages)).to_pylist() == ["hi\nyes", "", "", "", ""]


def test_a_preference_has_all_three_texts(batch_of: BatchOf) -> None:
    batch = batch_of(prompt=["p"], chosen=["c"], rejected=["r"])
    assert contents(batch).to_pylist() == ["p\nc\nr"]


def test_ranked_answers_are_all_read(batch_of: BatchOf) -> None:
    answers = pa.array([["a", "b"], ["c"]], pa.large_list(pa.large_string()))
    assert contents(batch_of(instruction=["x", None], output=answers)).to_pylist() == ["x\na\nb", "c"]


def test_chunks_slices_and_dictionaries_are_read_alike(batch_of: BatchOf) -> None:
    messages = pa.array([[turn("a")], [turn("b"), turn("c")], [turn("d")]], TURNS)
    chunked = pa.chunked_array([messages.slice(1, 2), messages.slice(0, 1)])
    assert contents(pa.table({"messages": chunked})).to_pylist() == ["b\nc", "d", "a"]
    assert contents(batch_of(text=pa.array(["x", "y", "x"]).dictionary_encode())).to_pylist() == ["x", "y", "x"]


def test_a_named_column_is_read_instead(batch_of: BatchOf) -> None:
    assert contents(batch_of(text=["a"], title=["b"]), "title").to_pylist() == ["b"]


def test_a_column_that_is_not_there_is_a_fault_that_names_those_that_are(batch_of: BatchOf) -> None:
    with pytest.raises(PipelineError, match=r"no column 'titel' \(did you mean 'title'\?\).*'text', 'title'"):
        contents(batch_of(text=["a"], title=["b"]), "titel")


def test_records_without_text_are_a_fault(batch_of: BatchOf) -> None:
    with pytest.raises(PipelineError, match=r"source 'general': has no text .*'pixels'"):
        contents(batch_of(pixels=[1, 2]))


def test_rewriting_reaches_the_text_of_turns_and_leaves_roles() -> None:
    messages = pa.array([[turn("a"), turn(None)], None, [], [turn("b")]], TURNS)
    upper = rewritten(messages.slice(1), pc.utf8_upper)
    assert upper.type == TURNS
    assert upper.to_pylist() == [None, [], [turn("B")]]


def test_rewriting_keeps_other_lists(batch_of: BatchOf) -> None:
    history = pa.array([[["q", None]], None, []], pa.large_list(pa.list_(pa.string())))
    assert rewritten(history, pc.utf8_upper).to_pylist() == [[["Q", None]], None, []]


def test_what_is_not_rewritten_is_the_same_object() -> None:
    messages = pa.array([[turn("a")], None], TURNS)
    assert rewritten(messages, lambda texts: texts) is messages
    assert rewritten(numbers := pa.array([1, 2]), pc.utf8_upper) is numbers
