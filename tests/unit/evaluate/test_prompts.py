"""Prompts: asked of a model here or on a server, checked, judged, kept; faults of a server cost no item."""

from __future__ import annotations

import json
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from chat_stub import ChatStub
from evaluation_samples import Evaluator, Lines, rows_of
from pydantic import ValidationError
from training_samples import chats, dataset

from finery import FineryError, Model, UsageError
from finery_plugins.evaluate.items import ITEMS
from finery_plugins.evaluate.prompts import Prompts
from finery_plugins.generate.local import LocalWriter
from finery_plugins.generate.options import Sampling

TWELVE = {"prompt": "How many months has a year?", "target": "12", "checks": ["numeric"], "tags": ["number"]}
YES = {"prompt": "Say yes.", "target": "yes", "checks": "exact", "tags": ["word", "number"], "source": "words"}
SHORT = Sampling(max_tokens=6)


def served(stub: ChatStub, **more) -> dict:
    return stub.options(**{"concurrency": 2, **more})


def test_answers_are_checked_and_counted_by_source_and_tag(evaluate: Evaluator, stub: ChatStub, jsonl: Lines) -> None:
    found = evaluate(Prompts(file=jsonl("quiz.jsonl", TWELVE, YES), server=served(stub)))
    told = [(row["source"], row["tags"], row["correct"], row["score"]) for row in rows_of(found)]
    assert told == [("quiz", ["number"], True, 1.0), ("words", ["word", "number"], False, 0.0)]
    assert found.metrics["accuracy"] == 0.5
    assert found.metrics["accuracy/number"] == 0.5
    assert found.metrics["accuracy/words"] == 0.0
    assert found.metrics["items/quiz"] == 1


def test_rows_have_the_shape_of_all_evaluations(evaluate: Evaluator, stub: ChatStub, jsonl: Lines) -> None:
    found = evaluate(Prompts(file=jsonl("quiz.jsonl", TWELVE), server=served(stub)))
    assert found.items.schema == ITEMS
    assert (evaluate.out / "rows.unfinished").exists()  # a name that no store keeps
    (row,) = rows_of(found)
    assert (row["model"], row["data"], row["prompt"]) == (f"stub@{stub.url}", "quiz", TWELVE["prompt"])
    assert row["details"]["checks"]["numeric"]["passed"]
    assert not (evaluate.out / "rows.unfinished").exists()


def test_an_item_is_named_by_what_it_asks_and_demands(tmp_path: Path, stub: ChatStub, jsonl: Lines) -> None:
    def items(*rows: dict) -> list[str]:
        plugin = Prompts(file=jsonl("quiz.jsonl", *rows), server=served(stub))
        return [row["item"] for row in rows_of(Evaluator(tmp_path / "out")(plugin))]

    (first,) = items(TWELVE)
    assert items({**TWELVE, "tags": []}) == [first]
    assert items({**TWELVE, "target": "13"}) != [first]
    twice = items(TWELVE, TWELVE)
    assert twice[0] == first
    assert twice[1] != first


def test_toml_files_hold_items(tmp_path: Path, evaluate: Evaluator, stub: ChatStub) -> None:
    file = tmp_path / "quiz.toml"
    file.write_text('[[item]]\nprompt = "?"\nchecks = [{ check = "length", at_most = 9 }]\n', encoding="utf-8")
    assert [row["correct"] for row in rows_of(evaluate(Prompts(file=str(file), server=served(stub))))] == [False]


def test_records_are_items_and_their_last_answer_is_the_target(evaluate: Evaluator, stub: ChatStub) -> None:
    talks = chats(4)
    plugin = Prompts(server=served(stub), checks=[{"check": "contains"}])
    stub.answer = lambda body: next(t[-1]["content"] for t in talks if t[:-1] == body["messages"])
    rows = rows_of(evaluate(plugin, examples=dataset({"talks": {"messages": talks}})))
    assert sorted(row["target"] for row in rows) == sorted(talk[-1]["content"] for talk in talks)
    assert all(row["correct"] for row in rows)


def test_without_checks_nobody_can_tell(evaluate: Evaluator, stub: ChatStub, jsonl: Lines) -> None:
    found = evaluate(Prompts(file=jsonl("quiz.jsonl", {"prompt": "?"}), server=served(stub)))
    assert rows_of(found)[0]["correct"] is None
    assert found.metrics["unchecked"] == 1
    assert "accuracy" not in found.metrics


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ({"prompt": "?", "chekcs": []}, r"quiz.jsonl:1: unknown field 'chekcs' \(did you mean 'checks'\?\)"),
        ({"prompt": "?", "checks": [{"check": "regex"}]}, "quiz.jsonl:1: checks 0: .*needs `pattern`"),
        ({"target": "?"}, "quiz.jsonl:1: needs `prompt` or `messages`"),
        ({"messages": []}, "quiz.jsonl:1: `messages` is empty"),
        ({"messages": ["a"]}, "quiz.jsonl:1: `messages` are no list"),
    ],
)
def test_an_item_nobody_understands_is_named_before_anything_is_asked(
    evaluate: Evaluator, stub: ChatStub, jsonl: Lines, row: dict, said: str
) -> None:
    with pytest.raises(UsageError, match=said):
        evaluate(Prompts(file=jsonl("quiz.jsonl", row), server=served(stub)))
    assert not stub.requests


def test_faults_of_a_server_are_retried_and_counted_and_lose_no_item(
    evaluate: Evaluator, stub: ChatStub, jsonl: Lines
) -> None:
    stub.faults = [{"status": 429}, {"body": "nonsense"}, {"status": 503}, {"seconds": 0.6}]
    rows = [{"prompt": f"What is {n}?", "checks": ["numeric"], "target": "12"} for n in range(6)]
    plugin = Prompts(file=jsonl("quiz.jsonl", *rows), server=served(stub, timeout_seconds=0.3))
    found = evaluate(plugin)
    assert [row["correct"] for row in rows_of(found)] == [True] * 6
    assert evaluate.journal.values("retries") == {None: 4}


def test_an_item_without_an_answer_keeps_its_row(evaluate: Evaluator, stub: ChatStub, jsonl: Lines) -> None:
    stub.faults = [{"status": 400, "body": "too long"}]
    found = evaluate(Prompts(file=jsonl("quiz.jsonl", TWELVE, YES), server=served(stub, concurrency=1)))
    rows = rows_of(found)
    assert [row["answer"] is None for row in rows] == [True, False]
    assert "status 400" in rows[0]["details"]["error"]
    assert found.metrics["unanswered"] == 1
    assert rows[0]["correct"] is None


def test_an_empty_answer_of_a_server_is_an_answer(evaluate: Evaluator, stub: ChatStub, jsonl: Lines) -> None:
    stub.answer = lambda _: ""
    (row,) = rows_of(evaluate(Prompts(file=jsonl("quiz.jsonl", TWELVE), server=served(stub, retries=1))))
    assert (row["answer"], row["correct"]) == ("", False)


def test_an_interrupted_evaluation_asks_for_nothing_again(evaluate: Evaluator, stub: ChatStub, jsonl: Lines) -> None:
    rows = [{"prompt": f"What is {n}?", "checks": ["numeric"], "target": "12"} for n in range(8)]
    plugin = Prompts(file=jsonl("quiz.jsonl", *rows), server=served(stub, concurrency=1, retries=0))
    stub.faults = [{}] * 5 + [{"status": 429}]
    with pytest.raises(FineryError, match="status 429"):
        evaluate(plugin)
    asked = len(stub.requests)
    stub.answer, stub.faults = (lambda _: "12"), []
    assert len(rows_of(evaluate(plugin))) == 8
    assert len(stub.requests) - asked == 3


def test_a_model_here_answers_as_the_generating_plugins_do(evaluate: Evaluator, first: Model, jsonl: Lines) -> None:
    (row,) = rows_of(evaluate(Prompts(file=jsonl("quiz.jsonl", TWELVE), sampling=SHORT), first))
    writer = LocalWriter(str(first.path), Sampling(max_tokens=6, temperature=0.0))
    request = writer.request([{"role": "user", "content": TWELVE["prompt"]}], 0)
    assert row["answer"] == writer.answer(request, "")["text"]
    assert row["model"] == first.fingerprint
    assert row["details"]["finish"] in ("length", "stop")


def test_drawn_answers_are_the_same_again_and_not_the_same_for_all(tmp_path: Path, first: Model, jsonl: Lines) -> None:
    file = jsonl("quiz.jsonl", *({"prompt": f"water {n}"} for n in range(4)))
    plugin = Prompts(file=file, sampling=Sampling(max_tokens=8, temperature=1.5))
    runs = [[row["answer"] for row in rows_of(Evaluator(tmp_path / name)(plugin, first))] for name in "ab"]
    assert runs[0] == runs[1]
    assert len(set(runs[0])) > 1


def test_groups_answer_alike_in_every_run_and_mostly_as_alone(tmp_path: Path, first: Model, jsonl: Lines) -> None:
    rows = [{"prompt": "water " * (n + 1), "checks": ["numeric"], "target": "12"} for n in range(7)]
    file = jsonl("quiz.jsonl", *rows)

    def answers(name: str, batch: int) -> list[str]:
        found = Evaluator(tmp_path / name)(Prompts(file=file, sampling=SHORT, batch=batch), first)
        return [row["answer"] for row in rows_of(found)]

    together = answers("a", 3)
    assert together == answers("b", 3)
    kept = sorted((tmp_path / "b/answers").glob("*/*.json"))
    assert len(kept) == 7
    kept[0].unlink()
    assert answers("b", 3) == together
    assert sum(one == other for one, other in zip(together, answers("c", 1), strict=True)) >= 6


def test_a_prompt_that_does_not_fit_keeps_its_row(evaluate: Evaluator, first: Model, jsonl: Lines) -> None:
    file = jsonl("quiz.jsonl", {"prompt": "water " * 600}, {"prompt": "water"})
    for batch in (1, 2):
        rows = rows_of(evaluate(Prompts(file=file, sampling=SHORT, batch=batch), first))
        assert [row["answer"] is None for row in rows] == [True, False]
        assert "exceed 512" in rows[0]["details"]["error"]


def test_a_model_without_a_chat_template_is_asked_plainly(tmp_path: Path, evaluate: Evaluator, jsonl: Lines) -> None:
    from evaluation_samples import tiny

    bare = tiny(tmp_path / "bare", 3, chat=False)
    (row,) = rows_of(evaluate(Prompts(file=jsonl("quiz.jsonl", TWELVE), sampling=SHORT), bare))
    assert row["answer"] is not None
    (kept,) = (evaluate.out / "answers").glob("*/*.json")
    assert json.loads(kept.read_bytes())["body"]["prompt"] == TWELVE["prompt"] + "\n"
    with pytest.raises(UsageError, match="no chat template"):
        evaluate(Prompts(file=jsonl("quiz.jsonl", TWELVE), template="chat"), bare)


def test_without_a_model_there_is_nobody_to_ask(evaluate: Evaluator, jsonl: Lines) -> None:
    with pytest.raises(UsageError, match="has no model to ask"):
        evaluate(Prompts(file=jsonl("quiz.jsonl", TWELVE)))


def test_options_that_exclude_each_other_are_refused(stub: ChatStub) -> None:
    with pytest.raises(ValidationError, match="batch > 1 needs temperature 0"):
        Prompts(batch=2, sampling=Sampling(temperature=0.5))
    with pytest.raises(ValidationError, match="judge and judge_server exclude each other"):
        Prompts(judge="a", judge_server=served(stub))


def judging(grade: str):
    """A server that answers items with 12, and judges with `grade`."""

    def answer(body: dict) -> str:
        return grade if "Verdict" in body["messages"][-1]["content"] else "12"

    return answer


def test_a_judge_grades_answers_and_its_cost_is_kept(evaluate: Evaluator, stub: ChatStub, jsonl: Lines) -> None:
    stub.answer = judging("Good.\nVerdict: 4")
    priced = served(stub, price_in=1000, price_out=0)
    found = evaluate(Prompts(file=jsonl("quiz.jsonl", {"prompt": "?"}), server=served(stub), judge_server=priced))
    (row,) = rows_of(found)
    assert row["score"] == 0.75
    assert row["details"]["judge"]["verdicts"] == ["4"]
    assert found.metrics["judge"] == 0.75
    assert found.metrics["cost"] == pytest.approx(0.1)


def test_a_judge_that_always_takes_the_first_finds_a_tie(evaluate: Evaluator, stub: ChatStub, jsonl: Lines) -> None:
    stub.answer = judging("The first is longer.\nVerdict: A")
    plugin = Prompts(file=jsonl("quiz.jsonl", TWELVE), server=served(stub), judge_server=served(stub), judge_how="pair")
    (row,) = rows_of(evaluate(plugin))
    assert row["details"]["judge"] == {"score": 0.5, "verdicts": ["A", "A"], "cost": 0.0, "steady": False}


def test_a_judge_without_a_verdict_is_asked_again_and_then_counted(
    evaluate: Evaluator, stub: ChatStub, jsonl: Lines
) -> None:
    stub.answer = judging("I would rather not say.")
    plugin = Prompts(file=jsonl("quiz.jsonl", TWELVE), server=served(stub), judge_server=served(stub))
    found = evaluate(plugin)
    (row,) = rows_of(found)
    assert row["correct"] is True
    assert row["details"]["judge"]["error"] == "no verdict in 3 answers"
    assert found.metrics["unjudged"] == 1
    assert len(stub.requests) == 4


def test_rows_go_to_disk_as_they_come(tmp_path: Path) -> None:
    from finery_plugins.evaluate.items import Row, Rows

    rows = Rows(tmp_path)
    rows.add([Row(str(n), "m", "d", "s") for n in range(5000)])
    assert len(rows.waiting) < 1024
    table = rows.read().read_all()
    assert table["item"].to_pylist() == [str(n) for n in range(5000)]
    pq.write_table(table, tmp_path / "again.parquet")
    assert pq.read_schema(tmp_path / "again.parquet").names == ITEMS.names
