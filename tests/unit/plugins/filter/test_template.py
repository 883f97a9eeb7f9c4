"""The filter `template` drops dialogues that a chat template breaks, by structure and by rendering."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from finery import FineryError, MissingExtra, PipelineError
from finery.testing import check
from finery_plugins.filter import template
from finery_plugins.filter.template import Template, in_order
from finery_plugins.format.chat import MESSAGES

BatchOf = Callable[..., pa.Table]
NAMES = {"s": "system", "u": "user", "a": "assistant", "t": "tool"}


def dialogue(roles: str, said: str = "word") -> list[dict[str, str]]:
    return [{"role": NAMES.get(role, "?"), "content": said} for role in roles]


def code(batch_of: BatchOf, turns: list[dict[str, str]] | None, **options: Any) -> str | None:
    batch = batch_of(messages=pa.array([turns], MESSAGES))
    found: str | None = Template(**options).filter(batch=batch).code[0].as_py()
    return found


@pytest.mark.parametrize("roles", ["ua", "sua", "uaua", "uata", "uattaua"])
def test_dialogues_in_order_stay(batch_of: BatchOf, roles: str) -> None:
    assert code(batch_of, dialogue(roles)) is None


@pytest.mark.parametrize(
    ("roles", "expected"),
    [
        ("", "no-messages"),
        ("uxa", "unknown-role"),
        ("au", "roles-out-of-order"),
        ("uua", "roles-out-of-order"),
        ("uaa", "roles-out-of-order"),
        ("usa", "roles-out-of-order"),
        ("ssua", "roles-out-of-order"),
        ("uta", "roles-out-of-order"),
        ("su", "no-answer"),
        ("uau", "unanswered"),
        ("uat", "unanswered"),
    ],
)
def test_dialogues_out_of_order_go(batch_of: BatchOf, roles: str, expected: str) -> None:
    assert code(batch_of, dialogue(roles)) == expected


@given(st.text("suat", max_size=9))
def test_order_agrees_with_pairs_of_neighbours(roles: str) -> None:
    named = [NAMES[role] for role in roles]
    assert in_order(named, greetings=False) == legal(roles)


def legal(roles: str) -> bool:
    """The rule by pairs of neighbours."""
    pairs = {"^s", "^u", "su", "ua", "au", "at", "tt", "ta"}
    return all(left + right in pairs for left, right in zip("^" + roles, roles, strict=False))


def test_options_let_dialogues_pass(batch_of: BatchOf) -> None:
    assert code(batch_of, dialogue("aua"), greetings=True) is None
    assert code(batch_of, dialogue("saua"), greetings=True) is None
    assert code(batch_of, dialogue("uau"), unanswered=True) is None
    assert code(batch_of, dialogue("ua", "a <|im_end|> b")) == "control-token"
    assert code(batch_of, dialogue("ua", "a <|im_end|> b"), control_tokens=True) is None


def test_empty_turns_go(batch_of: BatchOf) -> None:
    assert code(batch_of, [*dialogue("u"), {"role": "assistant", "content": " \n"}]) == "empty-turn"
    assert code(batch_of, None) == "no-messages"


@pytest.mark.parametrize("mark", ["[INST] x", "</s>", "<|eot_id|>", "<end_of_turn>", "<｜Assistant｜>"])
def test_marks_of_turns_go_and_ordinary_brackets_stay(batch_of: BatchOf, mark: str) -> None:
    assert code(batch_of, dialogue("ua", mark)) == "control-token"
    assert code(batch_of, dialogue("ua", "a <s>struck</s> tag, [x] <b> a|b")) is None


def test_lengths_have_value_and_bound_and_all_rules_are_told(batch_of: BatchOf) -> None:
    batch = batch_of(messages=pa.array([dialogue("uaua")], MESSAGES))
    reasons = Template(max_turns=2, max_characters=10).filter(batch=batch)
    assert reasons.code.to_pylist() == ["many-turns"]
    assert reasons.value is not None
    assert reasons.detail is not None
    assert reasons.value.to_pylist() == [4]
    assert reasons.detail.to_pylist() == ["many-characters 16 against 10"]


def test_instructions_and_conversations_are_dialogues_too(batch_of: BatchOf) -> None:
    assert Template().filter(batch=batch_of(instruction=["q", "q"], output=["a", None])).code.to_pylist() == [
        None,
        "no-answer",
    ]
    turns = [{"from": "human", "value": "q"}, {"from": "judge", "value": "a"}]
    assert Template().filter(batch=batch_of(conversations=[turns])).code.to_pylist() == ["unknown-role"]
    with pytest.raises(PipelineError, match="makes no messages"):
        Template().filter(batch=batch_of(text=["a"]))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small tokenizer with the ChatML template."""
    from finery_plugins.train.tokenizer import trained_tokenizer

    place = tmp_path_factory.mktemp("tokenizer")
    trained_tokenizer(["The mill stood above the weir.", "灯塔每晚都亮着。"], 400, 4096).save_pretrained(place)
    return place


def test_the_tokenizers_template_renders(batch_of: BatchOf, folder: Path) -> None:
    short, long = dialogue("uaua"), dialogue("ua", "word " * 50)
    late = [{"role": "user", "content": "word " * 50}, {"role": "assistant", "content": "yes"}]
    batch = batch_of(messages=pa.array([short, long, late, dialogue("u"), None], MESSAGES))
    found = Template(tokenizer=str(folder)).filter(batch=batch)
    assert found.code.to_pylist() == [None, None, None, "no-answer", "no-messages"]
    reasons = Template(tokenizer=str(folder), max_tokens=120).filter(batch=batch)
    assert reasons.code.to_pylist() == [None, "many-tokens", "many-tokens", "no-answer", "no-messages"]
    assert reasons.detail is not None
    assert reasons.detail.to_pylist()[2] == "no-trained-token"


REFUSING = (
    "{% for m in messages %}{% if m['content'] == 'boom' %}{{ raise_exception('no') }}{% endif %}"
    "{{ m['role'] + ': ' + m['content'] + '\n' }}{% endfor %}"
    "{% if add_generation_prompt %}{{ 'assistant: ' }}{% endif %}"
)


def test_a_template_may_refuse_or_end_no_turn(batch_of: BatchOf, folder: Path, tmp_path: Path) -> None:
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(folder)
    tokenizer.chat_template = REFUSING
    tokenizer.save_pretrained(tmp_path)
    batch = batch_of(messages=pa.array([dialogue("ua"), dialogue("uaua"), dialogue("ua", "boom")], MESSAGES))
    found = Template(tokenizer=str(tmp_path)).filter(batch=batch).code.to_pylist()
    assert found == [None, "no-end-of-turn", "template-refuses"]


def test_a_tokenizer_that_cannot_serve_is_a_fault(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(FineryError, match="cannot load the tokenizer"):
        template.loaded.__wrapped__(str(tmp_path))
    monkeypatch.setitem(sys.modules, "transformers", None)
    with pytest.raises(MissingExtra, match=r"pip install 'finery\[train\]'"):
        template.loaded.__wrapped__(str(tmp_path))


@pytest.mark.parametrize("options", [{"max_tokens": 5}, {"max_turns": 0}, {"max_characters": 0}])
def test_options_that_cannot_be_are_refused(options: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        Template(**options)


def test_template_conforms(folder: Path) -> None:
    tries = [
        (Template(max_turns=2), ["messages", "alpaca"]),
        (Template(tokenizer=str(folder), max_tokens=90), "messages"),
    ]
    for plugin, samples in tries:
        report = check(plugin, samples)
        assert report.faults == ()
        assert [one for one in report.results if one.skipped] == []
