"""The filter `handoff` drops dialogues in which nobody is helped."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from finery.testing import check
from finery_plugins.filter.handoff import Handoff
from finery_plugins.format.chat import MESSAGES

BatchOf = Callable[..., pa.Table]
SHAPES = ["text", "alpaca", "messages", "preference", "ranked", "classification"]


def code(batch_of: BatchOf, text: str | None, **options: Any) -> str | None:
    found: str | None = Handoff(**options).filter(batch=batch_of(text=[text])).code[0].as_py()
    return found


@pytest.mark.parametrize(
    "text",
    [
        "Thank you for your patience, I will hand you over to a colleague.",
        "Let me transfer you to a live agent. One moment please.",
        "I'm sorry to hear that. I'll connect you with a specialist who can help.",
        "Please contact our customer service.",
        "An agent will be with you shortly.",
        "您好，您的问题我已经了解，这边为您转接人工客服，请稍等",
        "亲，正在为您转接人工客服，请稍候哦~",
        "转人工",
        "请您联系在线客服。",
    ],
)
def test_answers_that_only_hand_over(batch_of: BatchOf, text: str) -> None:
    assert code(batch_of, text) == "handoff"


@pytest.mark.parametrize(
    "text",
    [
        "You are number 3 in the queue.",
        "Please rate our service.",
        "Are you still there?",
        "This chat has ended. Thank you!",
        "[image]",
        "您前面还有3位，请耐心等待",
        "请您对本次服务进行评价",
        "会话已结束，感谢您的咨询",
        "[图片]",
    ],
)
def test_answers_that_say_nothing_of_the_matter(batch_of: BatchOf, text: str) -> None:
    assert code(batch_of, text) == "irrelevant"


@pytest.mark.parametrize(
    "text",
    [
        "Refunds are under Orders; if that fails, contact support",
        "To connect two tables with a join, use the specialist tool.",
        "Hello! Thank you.",
        "如需退款请在订单页点击退款，如果失败请联系人工客服",
        "人工智能客服是什么？它是一种程序，可以回答问题。",
        "这家餐馆评分 4.5 分，人均消费 68 元。",
        "您好，请稍等",
        "",
        None,
        "x" * 5000 + " transfer you to an agent",
    ],
)
def test_answers_that_help_stay(batch_of: BatchOf, text: str | None) -> None:
    assert code(batch_of, text) is None


def test_only_what_the_assistant_says_counts_and_by_share(batch_of: BatchOf) -> None:
    def turns(*said: tuple[str, str]) -> list[dict[str, str]]:
        return [{"role": role, "content": content} for role, content in said]

    routed, helped = ("assistant", "转人工"), ("assistant", "点击退款按钮，选择原因并提交。")
    asked = ("user", "转人工")
    rows = [turns(asked, routed), turns(asked, helped), turns(asked, routed, asked, helped), turns(asked), [], None]
    batch = batch_of(messages=pa.array(rows, MESSAGES))
    assert Handoff().filter(batch=batch).code.to_pylist() == ["handoff", *[None] * 5]
    reasons = Handoff(share=0.5).filter(batch=batch)
    assert reasons.code.to_pylist() == ["handoff", None, "handoff", None, None, None]
    assert reasons.value is not None
    assert isinstance(reasons.bound, pa.Array)
    assert reasons.value.to_pylist()[2] == reasons.bound.to_pylist()[2] == 0.5


def test_answers_of_other_shapes_are_read(batch_of: BatchOf) -> None:
    batch = batch_of(instruction=["转人工", "q"], output=["好的呀，蓝色的那个更便宜一些", "转人工"])
    assert Handoff().filter(batch=batch).code.to_pylist() == [None, "handoff"]
    ranked = batch_of(instruction=["q"], output=pa.array([["转人工", "转人工"]], pa.list_(pa.large_string())))
    assert Handoff().filter(batch=ranked).code.to_pylist() == ["handoff"]
    assert Handoff(column="instruction").filter(batch=batch).code.to_pylist() == ["handoff", None]


def test_own_phrases_and_languages(batch_of: BatchOf) -> None:
    assert code(batch_of, "Ask Petra.", more=[r"ask \w+"]) == "handoff"
    assert code(batch_of, "Lunch break.", irrelevant=["lunch"]) == "irrelevant"
    assert code(batch_of, "转人工", languages=["en"]) is None


def test_the_share_of_letters_can_be_set(batch_of: BatchOf) -> None:
    text = "The blue one is cheap, I will transfer you to an agent"
    assert [code(batch_of, text, clauses=share) for share in (0.5, 1.0)] == ["handoff", None]


def share_of(text: str) -> float:
    """What the rule measures, in plain Python, where clauses are known."""
    clauses = text.split("，")
    letters = [sum(map(str.isalnum, clause)) for clause in clauses]
    routing = sum(size for size, clause in zip(letters, clauses, strict=True) if clause in ("转人工", "请稍等"))
    return routing / max(1, sum(letters)) if "转人工" in clauses else 0.0


@given(st.lists(st.sampled_from(["转人工", "请稍等", "蓝色便宜", "十元"]), max_size=6).map("，".join))
def test_letters_are_weighed_as_in_plain_python(batch_of: BatchOf, text: str) -> None:
    assert (code(batch_of, text) == "handoff") == (share_of(text) >= 0.6)


@pytest.mark.parametrize("options", [{"share": 0}, {"clauses": 1.5}, {"more": ["("]}, {"languages": []}])
def test_options_that_cannot_be_are_refused(options: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        Handoff(**options)


def test_handoff_conforms() -> None:
    report = check(Handoff(share=0.5), SHAPES)
    assert report.faults == ()
    assert [one for one in report.results if one.skipped] == []


@pytest.mark.parametrize("greeting", ["您好，请问有什么可以帮您？", "Hello, how can I help you today?"])
def test_a_greeting_before_a_hand_off_is_no_service(batch_of: BatchOf, greeting: str) -> None:
    said = [("user", "转人工"), ("assistant", greeting), ("user", "!"), ("assistant", "正在为您转接人工客服")]
    turns = pa.array([[{"role": role, "content": content} for role, content in said]], MESSAGES)
    assert Handoff().filter(batch=batch_of(messages=turns)).code.to_pylist() == ["handoff"]


def test_greetings_alone_stay(batch_of: BatchOf) -> None:
    assert code(batch_of, "您好，请问有什么可以帮您？") is None
