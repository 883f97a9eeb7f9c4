"""The parts of generation: chance of a record, fields of a reply, steps of a chain."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from finery_plugins.generate.draws import Draws
from finery_plugins.generate.parsing import fields_of, language_of, objects
from finery_plugins.generate.steps import chain_of, parts_of, steps_of

BOTH = ("question", "answer")


@given(st.integers(0, 2**53), st.integers(0, 400), st.floats(0, 1))
def test_places_are_in_order_and_in_bounds(state: int, count: int, rate: float) -> None:
    places = Draws(state).places(count, rate)
    assert places == sorted(set(places))
    assert all(0 <= place < count for place in places)


def test_as_many_places_are_hit_as_the_rate_says() -> None:
    hits = sum(len(Draws(state).places(1000, 0.1)) for state in range(50))
    assert abs(hits - 5000) < 4 * (50_000 * 0.1 * 0.9) ** 0.5


@given(st.integers(0, 2**53), st.lists(st.integers()))
def test_a_shuffled_list_has_the_same_values(state: int, values: list[int]) -> None:
    assert sorted(Draws(state).shuffled(values)) == sorted(values)


TEXT = st.text(st.characters(codec="utf-8"), min_size=1).filter(str.strip)


@given(TEXT, TEXT, st.sampled_from(["{}", "```json\n{}\n```", "Sure! {{not}} JSON first: {}\nGood luck."]))
def test_json_is_read_wherever_it_stands(question: str, answer: str, around: str) -> None:
    said = json.dumps({"question": question, "answer": answer}, ensure_ascii=False)
    text = around.replace("{}", said)
    assert fields_of(text, BOTH) == {"question": question.strip(), "answer": answer.strip()}


@given(st.text())
def test_nothing_that_a_model_says_raises(text: str) -> None:
    found = fields_of(text, BOTH)
    assert found is None or all(found[name] for name in BOTH)
    objects(text)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("Question: How deep?\nAnswer: Two metres.", ("How deep?", "Two metres.")),
        ("**Question:** How\ndeep?\n\n**Answer:** Two\nmetres.", ("How\ndeep?", "Two\nmetres.")),
        ("问题：水有多深？\n答案：两米。", ("水有多深？", "两米。")),
        ("<think>Answer: no</think>Q: a\nA: b", ("a", "b")),
        ('{"question": "a", "answer": 12}', ("a", "12")),
        ('{"question": "a", "answer": ""}', None),
        ('{"question": "a", "answer": ["b"]}', None),
        ("Question: a", None),
        ('{"question": "a", "answer": "b', None),
        ("", None),
    ],
)
def test_a_reply_is_read_or_is_not(text: str, found: tuple[str, str] | None) -> None:
    read = fields_of(text, BOTH)
    assert read == (None if found is None else dict(zip(BOTH, found, strict=True)))


def test_the_language_is_that_of_the_text_unless_one_is_wanted() -> None:
    assert [language_of(text, "auto") for text in ("水有多深？", "how deep", "", "the word 水 means water")] == [
        "zh", "en", "en", "en",
    ]  # fmt: skip
    assert language_of("水有多深？", "en") == "en"


GSM8K = "She sold 48/2 = <<48/2=24>>24 clips in May.\nIn all 48+24 = <<48+24=72>>72 clips.\n#### 72"


@pytest.mark.parametrize(
    ("text", "steps"),
    [
        (GSM8K, ["She sold 48/2 = 24 clips in May.", "In all 48+24 = 72 clips."]),
        ("1. Add.\n2) Halve.\nStep 3: Stop.\n\nThe answer is 4.", ["Add.", "Halve.", "Stop."]),
        ("第一步：相加。\n第2步、折半。\n所以，答案是4。", ["相加。", "折半。"]),
        ("- add\n* halve\n1.5 is half of 3", ["add", "halve", "1.5 is half of 3"]),
        ("", []),
    ],
)
def test_steps_lose_their_numbers_and_the_answer(text: str, steps: list[str]) -> None:
    assert steps_of(text) == steps


@given(st.lists(st.from_regex(r"[a-z][a-z ]{0,20}[a-z]", fullmatch=True), min_size=1))
def test_a_chain_is_read_back_as_its_steps(steps: list[str]) -> None:
    steps = [step for step in steps if not step.startswith(("step", "part", "the ", "answer", "final", "so ", "there"))]
    assert steps_of(chain_of(steps, "12", "en")) == steps


def test_an_outline_is_its_numbered_lines() -> None:
    assert parts_of("Here it is:\n1. **Gather** the parts\n2. Join them\n\nGood luck") == [
        "Gather the parts",
        "Join them",
    ]
