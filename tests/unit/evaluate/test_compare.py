"""Comparisons: exact tests and intervals, both ways of pairing, broken items, and gates."""

from __future__ import annotations

import json
import math
from fractions import Fraction
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from chat_stub import ChatStub
from evaluation_samples import Evaluator, Lines, rows_of
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError
from training_samples import chats, dataset

from finery import Evaluation, Model, UsageError
from finery_plugins.evaluate.compare import Compare
from finery_plugins.evaluate.items import Row, table_of
from finery_plugins.evaluate.pairs import interval, mcnemar, outcome
from finery_plugins.generate.options import Sampling

# scipy.stats.binomtest(min(b, c), b + c).pvalue, scipy 1.17.1
KNOWN = {
    (1, 0): 1.0,
    (5, 0): 0.0625,
    (10, 2): 0.03857421875,
    (3, 3): 1.0,
    (40, 25): 0.08168153394154003,
    (120, 90): 0.045114087864840696,
}


@pytest.mark.parametrize(("table", "p"), KNOWN.items())
def test_p_is_scipys(table: tuple[int, int], p: float) -> None:
    assert mcnemar(*table) == pytest.approx(p, rel=1e-9)


@given(st.integers(0, 60), st.integers(0, 60))
def test_p_is_twice_the_binomial_tail(lost: int, won: int) -> None:
    changed = lost + won
    tail = sum(Fraction(math.comb(changed, k), 2**changed) for k in range(min(lost, won) + 1))
    assert mcnemar(lost, won) == pytest.approx(float(min(1, 2 * tail)), rel=1e-9)
    assert mcnemar(lost, won) == mcnemar(won, lost)


@given(st.integers(0, 50), st.integers(0, 50), st.integers(0, 200))
def test_an_interval_holds_the_difference_and_is_the_same_again(lost: int, won: int, same: int) -> None:
    items = lost + won + same
    low, high = interval(lost, won, items, "group")
    if not items:
        assert math.isnan(low)
        return
    assert low - 1e-9 <= (won - lost) / items <= high + 1e-9
    assert (low, high) == interval(lost, won, items, "group")


def test_an_interval_is_about_two_standard_errors_wide() -> None:
    low, high = interval(300, 100, 2000, "")
    variance = (400 / 2000 - 0.1**2) / 2000
    assert (high - low) / 2 == pytest.approx(1.96 * math.sqrt(variance), rel=0.03)


def row(item: int, correct: bool | None, tag: str = "t", model: str = "m", answer: str | None = "said") -> Row:
    return Row(str(item), model, "d", "s", (tag,), f"prompt {item}", answer, "target", correct)


@pytest.fixture
def kept(tmp_path: Path):
    """An evaluation of rows, in a folder as the kernel leaves it."""

    def write(name: str, *rows: Row) -> str:
        folder = tmp_path / name
        folder.mkdir()
        pq.write_table(table_of(rows), folder / "items.parquet")
        return str(folder)

    return write


def compared(evaluate: Evaluator, kept, before: list[bool | None], after: list[bool | None], **options) -> Evaluation:
    """A comparison of two lists of verdicts, the first half of the items tagged `a`, the other `b`."""
    tags = ["a" if n < len(before) / 2 else "b" for n in range(len(before))]
    one = kept("one", *(row(n, c, tags[n], "old", f"before {n}") for n, c in enumerate(before)))
    two = kept("two", *(row(n, c, tags[n], "new", f"after {n}") for n, c in enumerate(after)))
    return evaluate(Compare(before=one, after=two, **options))


def test_outcomes_are_counted_by_tag_and_source(evaluate: Evaluator, kept) -> None:
    found = compared(evaluate, kept, [True, True, False, True], [True, False, True, False]).metrics
    assert [found[f"{name}/a"] for name in ("right_to_right", "right_to_wrong")] == [1, 1]
    assert [found[f"{name}/b"] for name in ("wrong_to_right", "right_to_wrong")] == [1, 1]
    assert found["difference"] == -0.25
    assert (found["accuracy_before"], found["accuracy_after"]) == (0.75, 0.5)
    assert found["mcnemar_p"] == 1.0
    assert found["items/s"] == 4


def test_broken_items_are_listed_with_both_answers(evaluate: Evaluator, kept) -> None:
    found = compared(evaluate, kept, [True, True, False], [True, False, False])
    (broken,) = [json.loads(line) for line in (evaluate.out / "broken.jsonl").read_text().splitlines()]
    assert (broken["prompt"], broken["before"]["answer"], broken["after"]["answer"]) == (
        "prompt 1",
        "before 1",
        "after 1",
    )
    told = {one["item"]: one for one in rows_of(found)}
    assert told["1"]["details"]["outcome"] == "right-to-wrong"
    assert told["1"]["details"]["before"]["model"] == "old"
    assert told["1"]["model"] == "new"


def test_what_one_side_lacks_or_cannot_be_checked_is_unpaired(evaluate: Evaluator, kept) -> None:
    one = kept("one", row(1, True), row(2, None), row(3, True))
    two = kept("two", row(1, True), row(2, True), row(4, True))
    found = evaluate(Compare(before=one, after=two))
    assert (found.metrics["items"], found.metrics["unpaired"]) == (1, 2)
    assert [bool(told["details"]["before"]) for told in rows_of(found)] == [True, True, False]
    assert evaluate.journal.notes == [f"1 items of '{one}' are not in '{two}'"]


def test_a_gate_that_does_not_hold_is_a_failure_beside_the_results(evaluate: Evaluator, kept) -> None:
    found = compared(evaluate, kept, [True] * 10, [True] * 9 + [False], fail_if={"all": -0.1, "a": -0.1, "b": -0.21})
    (failure,) = found.failures
    assert failure.place == "evaluate 'after'"
    assert failure.fault == "accuracy on 'all' changed by -0.1000, the gate is -0.1"
    assert "1 items were lost and 0 won of 10" in failure.remedy
    assert len(rows_of(found)) == 10


def test_a_gate_on_a_tag_that_is_not_there_fails(evaluate: Evaluator, kept) -> None:
    (failure,) = compared(evaluate, kept, [True, True], [True, True], fail_if={"alll": -0.1}).failures
    assert "no item of 'alll' (did you mean 'all'?)" in failure.fault


def test_logs_of_others_can_be_compared(evaluate: Evaluator, jsonl: Lines) -> None:
    one = jsonl("one.jsonl", *({"prompt": f"{n}", "answer": "x", "correct": True} for n in range(3)))
    two = jsonl("two.jsonl", *({"prompt": f"{n}", "answer": "y", "correct": n > 0} for n in range(3)))
    assert evaluate(Compare(before=one, after=two)).metrics["right_to_wrong"] == 1


def test_items_without_a_verdict_cannot_be_compared(evaluate: Evaluator, kept) -> None:
    with pytest.raises(UsageError, match="finds no item on which both can be checked"):
        compared(evaluate, kept, [None], [True])


QUIZ = [
    *({"prompt": f"water {n}", "checks": [{"check": "regex", "pattern": "[aeiou]"}], "tags": "v"} for n in range(6)),
    {"prompt": "mill", "checks": [{"check": "length", "at_most": 1000}], "source": "easy"},
]
SHORT = Sampling(max_tokens=4)


def test_a_model_against_itself_differs_nowhere(evaluate: Evaluator, first: Model, jsonl: Lines) -> None:
    plugin = Compare(against=str(first.path), file=jsonl("quiz.jsonl", *QUIZ), sampling=SHORT, fail_if={"all": -0.01})
    found = evaluate(plugin, first)
    assert found.metrics["difference"] == 0.0
    assert not found.failures
    assert all(told["details"]["before"]["answer"] == told["answer"] for told in rows_of(found))


def test_both_models_are_asked_the_same(
    tmp_path: Path, evaluate: Evaluator, first: Model, second: Model, jsonl: Lines
) -> None:
    from finery_plugins.evaluate.prompts import Prompts

    file = jsonl("quiz.jsonl", *QUIZ)
    told = rows_of(evaluate(Compare(against=str(first.path), file=file, sampling=SHORT), second))
    for model, answers in (
        (first, [one["details"]["before"]["answer"] for one in told]),
        (second, [one["answer"] for one in told]),
    ):
        alone = rows_of(Evaluator(tmp_path / model.name)(Prompts(file=file, sampling=SHORT), model))
        assert [one["answer"] for one in alone] == answers
        assert [one["item"] for one in alone] == [one["item"] for one in told]


def test_records_are_asked_of_both_models(evaluate: Evaluator, first: Model, second: Model) -> None:
    talks = dataset({"talks": {"messages": chats(6)}})
    plugin = Compare(against=str(first.path), ask="records", checks=[{"check": "contains"}], limit=4, sampling=SHORT)
    found = evaluate(plugin, second, talks)
    assert found.metrics["items/talks"] == 4
    assert {told["model"] for told in rows_of(found)} == {second.fingerprint}


def test_a_judge_holds_the_answers_against_each_other(
    evaluate: Evaluator, first: Model, second: Model, jsonl: Lines, stub: ChatStub
) -> None:
    def prefers_first_seen(body: dict) -> str:
        said = body["messages"][-1]["content"].split("<answer A>\n")[1].split("\n</answer A>")[0]
        return f"Verdict: {'A' if said in later else 'B'}"

    file = jsonl("quiz.jsonl", *QUIZ[:3])
    plain = rows_of(evaluate(Compare(against=str(first.path), file=file, sampling=SHORT), second))
    later = {one["answer"] for one in plain}
    assert not later & {one["details"]["before"]["answer"] for one in plain}
    stub.answer = prefers_first_seen
    plugin = Compare(against=str(first.path), file=file, sampling=SHORT, judge_server=stub.options())
    found = evaluate(plugin, second).metrics
    assert (found["judge_wins"], found["judge_losses"], found["judge"]) == (3, 0, 1.0)
    assert len(stub.requests) == 6


def test_outcome_is_none_where_one_cannot_be_checked() -> None:
    assert outcome(row(1, None), row(1, True)) is None
    assert outcome(row(1, False), row(1, True)) == "wrong-to-right"


@pytest.mark.parametrize("options", [{}, {"before": "a"}, {"against": "base", "before": "a", "after": "b"}])
def test_it_must_be_said_what_is_compared(options: dict[str, str]) -> None:
    with pytest.raises(ValidationError, match=r"compared with what|belong together"):
        Compare(**options)
