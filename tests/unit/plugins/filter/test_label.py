"""The filter `label` drops records without a known label, and reasoning that misses the given answer."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from finery import PipelineError
from finery.testing import check
from finery_plugins.filter.label import Label

BatchOf = Callable[..., pa.Table]


def codes(batch: pa.Table, **options: Any) -> list[str | None]:
    found: list[str | None] = Label(**options).filter(batch=batch).code.to_pylist()
    return found


def reached(batch_of: BatchOf, steps: str | None, answer: str | None) -> str | None:
    return codes(batch_of(steps=[steps], answer=[answer]), steps="steps", answer="answer")[0]


def test_a_label_must_be_there(batch_of: BatchOf) -> None:
    batch = batch_of(text=["a"] * 4, label=["good", None, "", " "])
    assert codes(batch) == [None, "label-missing", "label-missing", "label-missing"]


@given(st.lists(st.none() | st.sampled_from(["a", "b", "A", "", "c"]), max_size=9))
def test_a_label_must_be_in_the_set(batch_of: BatchOf, labels: list[str | None]) -> None:
    expected = ["label-missing" if not label else None if label in ("a", "b") else "label-unknown" for label in labels]
    batch = batch_of(label=pa.array(labels, pa.large_string()))
    assert codes(batch, labels=["a", "b"]) == expected


def test_numbers_and_dictionaries_are_labels(batch_of: BatchOf) -> None:
    assert codes(batch_of(kind=[1, 2, None]), column="kind", labels=["1"]) == [None, "label-unknown", "label-missing"]
    texts = pa.array(["1", "3"]).dictionary_encode()
    assert codes(batch_of(kind=texts), column="kind", labels=["1"]) == [None, "label-unknown"]


@pytest.mark.parametrize(
    ("steps", "answer"),
    [
        ("48/2 = 24, 48+24 = 72\n#### 72", "72"),
        ("So she has $1,000.\nThe answer is $1,000.00.", "1000"),
        ("Thus \\boxed{\\frac{1}{2}}.", "0.5"),
        ("Answer: 12 apples", "12"),
        ("First the answer is 3. No: the answer is 4.", "4"),
        ("2 + 2 makes 4", "4"),
        ("它们一共有 30 个，所以答案是：30。", "30"),
        ("因此，答案为红色。", "红色"),
        ("It is red, so the answer is: Red.", "red"),
        ("The answer is (B)", "B"),
        ("x\n#### -5", "the work\n#### -5"),
        ("A: 18", "A: 18"),
        ("The final answer is 3/4", "0.75"),
    ],
)
def test_steps_that_reach_the_answer_stay(batch_of: BatchOf, steps: str, answer: str) -> None:
    assert reached(batch_of, steps, answer) is None


@pytest.mark.parametrize(
    ("steps", "answer", "code"),
    [
        ("#### 71", "72", "answer-differs"),
        ("The answer is 72. Check: the answer is 71.", "72", "answer-differs"),
        ("72 of them, but 3 left", "72", "answer-differs"),
        ("答案是：蓝色", "红色", "answer-differs"),
        ("I do not know.", "72", "steps-without-answer"),
        ("It must be red.", "red", "steps-without-answer"),
        ("", "72", "steps-without-answer"),
        (None, "72", "steps-without-answer"),
        ("#### 72", "", "answer-missing"),
        ("#### 72", None, "answer-missing"),
    ],
)
def test_steps_that_do_not_go(batch_of: BatchOf, steps: str | None, answer: str | None, code: str) -> None:
    assert reached(batch_of, steps, answer) == code


@given(st.integers(-(10**9), 10**9), st.integers(-(10**9), 10**9))
def test_numbers_are_compared_as_numbers(batch_of: BatchOf, found: int, given_one: int) -> None:
    expected = None if found == given_one else "answer-differs"
    assert reached(batch_of, f"so 1 + 1 and\n#### {found:,}", f"{given_one}.0") == expected


def test_the_reason_names_both_answers(batch_of: BatchOf) -> None:
    batch = batch_of(steps=["#### 71", "答案是：蓝色", "#### 1"], answer=["72", "红色", "1"])
    reasons = Label(steps="steps", answer="answer").filter(batch=batch)
    assert reasons.value is not None
    assert reasons.detail is not None
    assert isinstance(reasons.bound, pa.Array)
    assert reasons.value.to_pylist() == [71.0, None, None]
    assert reasons.bound.to_pylist() == [72.0, None, None]
    assert reasons.detail.to_pylist() == ["71 against 72", "蓝色 against 红色", None]


def test_label_and_reasoning_are_both_checked(batch_of: BatchOf) -> None:
    batch = batch_of(label=["x"], steps=["#### 1"], answer=["2"])
    reasons = Label(column="label", labels=["y"], steps="steps", answer="answer").filter(batch=batch)
    assert reasons.code.to_pylist() == ["label-unknown"]
    assert reasons.detail is not None
    assert reasons.detail.to_pylist() == ["answer-differs 1"]


@given(st.text("0123456789.,/-−#A: \\boxed{}答案是the nswr\n", max_size=40), st.text(max_size=10))
def test_odd_texts_are_answered(batch_of: BatchOf, steps: str, answer: str) -> None:
    assert reached(batch_of, steps, answer) in {None, "answer-missing", "steps-without-answer", "answer-differs"}


@pytest.mark.parametrize("options", [{"steps": "a"}, {"labels": ["a"], "steps": "a", "answer": "b"}, {"labels": [""]}])
def test_options_that_cannot_be_are_refused(options: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        Label(**options)


def test_a_missing_column_is_a_fault(batch_of: BatchOf) -> None:
    with pytest.raises(PipelineError, match="has no column 'label'"):
        codes(batch_of(text=["a"]))


def test_label_conforms() -> None:
    tries = [(Label(), "classification"), (Label(labels=["good"]), "classification")]
    for plugin, samples in [*tries, (Label(steps="output", answer="instruction"), "alpaca")]:
        report = check(plugin, samples)
        assert report.faults == ()
        assert [one for one in report.results if one.skipped] == []
