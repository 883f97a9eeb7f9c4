"""The format `transcript` writes every kind of dialogue as text that a reader could follow."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pyarrow as pa
import pytest

from finery import PipelineError, Stage
from finery.testing import check, sample
from finery_plugins.format.transcript import Transcript

STAGE = Stage("transcript", "format", "transcript", 17)
TURNS = [("system", "Be brief."), ("user", "Why?"), ("assistant", "So."), ("user", "And?"), ("assistant", "No more.")]
MESSAGES = [[{"role": role, "content": content} for role, content in TURNS]]


def told(batch: pa.Table, *styles: Any) -> list[str]:
    plugin = Transcript(styles=list(styles)) if styles else Transcript()
    texts: list[str] = plugin.format(batch=batch, stage=STAGE)["text"].to_pylist()
    return texts


@pytest.mark.parametrize(
    ("style", "text"),
    [
        ("plain", "Be brief.\n\nWhy?\n\nSo.\n\nAnd?\n\nNo more."),
        ("dialogue", "Be brief.\n\nUser: Why?\n\nAssistant: So.\n\nUser: And?\n\nAssistant: No more."),
        ("question", "Be brief.\n\nQuestion: Why?\nAnswer: So.\n\nQuestion: And?\nAnswer: No more."),
    ],
)
def test_turns_are_told_apart(batch_of: Callable[..., pa.Table], style: str, text: str) -> None:
    assert told(batch_of(messages=MESSAGES), style) == [text]


def test_chinese_turns_have_chinese_names(batch_of: Callable[..., pa.Table]) -> None:
    batch = batch_of(instruction=["为什么？"], output=["因为春天到了。"])
    assert told(batch, "question") == ["问：为什么？\n答：因为春天到了。"]


def test_instructions_with_inputs_become_questions(batch_of: Callable[..., pa.Table]) -> None:
    batch = batch_of(instruction=["Add."], input=["1 and 2"], output=["3"])
    assert told(batch, "dialogue") == ["User: Add.\n\n1 and 2\n\nAssistant: 3"]


def test_turns_that_say_nothing_are_left_out(batch_of: Callable[..., pa.Table]) -> None:
    batch = batch_of(prompt=["Why?", "  ", None], completion=[None, "So.", None])
    assert told(batch, "plain") == ["Why?", "So.", ""]


def test_text_stays_as_it_is() -> None:
    batch = sample("text")
    assert Transcript().format(batch=batch, stage=STAGE) is batch


def test_every_style_is_drawn() -> None:
    texts = told(sample("messages"))
    assert any("Answer: " in text for text in texts)
    assert any("Assistant: " in text for text in texts)
    assert any("Answer: " not in text and "Assistant: " not in text for text in texts)


def test_preferences_are_no_transcript() -> None:
    with pytest.raises(PipelineError, match="makes no messages"):
        Transcript().format(batch=sample("preference"), stage=STAGE)


@pytest.mark.parametrize("shapes", [["text"], ["alpaca", "messages"]])
def test_it_keeps_the_contract(shapes: list[str]) -> None:
    report = check(Transcript(), shapes)
    assert [str(fault) for fault in report.faults] == []
    assert [result for result in report.results if result.skipped] == []
