"""lm-evaluation-harness behind a plugin: its own command's numbers, local questions, and logs that others left."""

from __future__ import annotations

import json
import random
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from evaluation_samples import Evaluator, Lines, rows_of
from pydantic import ValidationError

from finery import MissingExtra, Model, UsageError
from finery_plugins.evaluate.harness import Harness

needs_lm_eval = pytest.mark.skipif(find_spec("lm_eval") is None, reason="the extra eval is not installed")

CHOICES = [
    {"question": f"Which of these is number {n}?", "choices": ["mill", "weir", "water"], "answer": n % 3}
    for n in range(12)
]


def task(folder: Path, name: str = "mill") -> Path:
    """A folder with a task of lm-eval's and its data."""
    folder.mkdir(parents=True, exist_ok=True)
    data = folder / "data.jsonl"
    data.write_text("".join(json.dumps(row) + "\n" for row in CHOICES), encoding="utf-8")
    said = {
        "task": name,
        "dataset_path": "json",
        "dataset_kwargs": {"data_files": {"test": str(data)}},
        "output_type": "multiple_choice",
        "test_split": "test",
        "fewshot_split": "test",
        "doc_to_text": "Q: {{question}}\nA:",
        "doc_to_choice": "choices",
        "doc_to_target": "answer",
        "metric_list": [{"metric": "acc", "aggregation": "mean", "higher_is_better": True}],
    }
    (folder / f"{name}.yaml").write_text(json.dumps(said), encoding="utf-8")
    return folder


def test_there_is_something_to_run_or_logs_to_take_over() -> None:
    for options in ({}, {"tasks": ["a"], "logs": "b"}):
        with pytest.raises(ValidationError, match="give tasks, a folder or a file to run, or logs"):
            Harness(**options)


@pytest.mark.skipif(find_spec("lm_eval") is not None, reason="the extra eval is installed")
def test_without_the_extra_it_says_what_to_install(evaluate: Evaluator, first: Model) -> None:
    with pytest.raises(MissingExtra, match=r"finery\[eval\]"):
        evaluate(Harness(tasks=["a"]), first)


@pytest.mark.slow
@needs_lm_eval
@pytest.mark.filterwarnings("ignore")
def test_numbers_and_samples_are_those_of_its_own_command(
    tmp_path: Path, evaluate: Evaluator, first: Model, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_DATASETS_CACHE", str(tmp_path / "cache"))
    folder = task(tmp_path / "tasks")
    command = [
        *(sys.executable, "-m", "lm_eval", "run", "--model", "hf", "--tasks", "mill", "--include_path", str(folder)),
        *("--model_args", f"pretrained={first.path},dtype=float32", "--num_fewshot", "2", "--batch_size", "1"),
        *("--device", "cpu", "--seed", "7,7,7,7", "--log_samples", "--output_path", str(tmp_path / "theirs")),
    ]
    subprocess.run(command, check=True, capture_output=True, text=True)
    theirs = json.loads(next((tmp_path / "theirs").rglob("results_*.json")).read_text(encoding="utf-8"))
    state = random.getstate()
    ours = evaluate(Harness(folder=str(folder), shots=2, seed=7), first)
    assert random.getstate() == state
    assert ours.metrics["acc/mill"] == theirs["results"]["mill"]["acc,none"]
    assert ours.metrics["acc_stderr/mill"] == theirs["results"]["mill"]["acc_stderr,none"]
    logged = Evaluator(tmp_path / "logged")(Harness(logs=str(tmp_path / "theirs")), first)
    kept, taken = rows_of(ours), rows_of(logged)
    assert len(kept) == len(CHOICES)
    for name in ("item", "prompt", "target", "answer", "correct", "score"):
        assert sorted(str(row[name]) for row in kept) == sorted(str(row[name]) for row in taken)
    settings = json.loads((evaluate.out / "settings.json").read_text(encoding="utf-8"))
    assert (settings["seed"], settings["shots"], settings["chat_template"]) == (7, {"mill": 2}, None)


@needs_lm_eval
@pytest.mark.filterwarnings("ignore")
def test_questions_in_a_file_are_a_task_of_their_own(evaluate: Evaluator, first: Model, jsonl: Lines) -> None:
    file = jsonl("quiz.jsonl", {"question": "Yes?", "answer": "yes"}, {"question": "No?", "answer": "no"})
    found = evaluate(Harness(file=file, generation={"max_gen_toks": 8}), first)
    assert found.metrics["items/quiz"] == 2
    assert [row["target"] for row in rows_of(found)] == ["yes", "no"]
    assert found.metrics["exact_match/quiz"] == found.metrics["accuracy/quiz"]


@needs_lm_eval
@pytest.mark.filterwarnings("ignore")
def test_what_was_answered_is_not_asked_again(evaluate: Evaluator, first: Model, jsonl: Lines, monkeypatch) -> None:
    from lm_eval.models.huggingface import HFLM

    plugin = Harness(file=jsonl("quiz.jsonl", *CHOICES), limit=5)
    before = rows_of(evaluate(plugin, first))

    def asked_again(*_: object, **__: object) -> None:
        raise AssertionError("the model was asked again")

    monkeypatch.setattr(HFLM, "_model_call", asked_again)
    assert rows_of(evaluate(plugin, first)) == before
    assert len(before) == 5


@pytest.mark.slow
@needs_lm_eval
@pytest.mark.filterwarnings("ignore")
def test_a_misspelt_task_is_named(tmp_path: Path, evaluate: Evaluator, first: Model) -> None:
    with pytest.raises(UsageError, match=r"knows no task 'mil'.*did you mean"):
        evaluate(Harness(folder=str(task(tmp_path / "tasks")), tasks=["mil"]), first)


def test_plain_logs_are_taken_over(evaluate: Evaluator, jsonl: Lines) -> None:
    file = jsonl(
        "old.jsonl",
        {"prompt": "a", "answer": "b", "correct": True, "tags": "t"},
        {"prompt": "c", "answer": None, "score": 0.5, "model": "other"},
        {"prompt": "a", "answer": "d", "correct": False},
    )
    found = evaluate(Harness(logs=file))
    rows = rows_of(found)
    assert [(row["correct"], row["score"], row["tags"], row["model"]) for row in rows] == [
        (True, 1.0, ["t"], "old"),
        (None, 0.5, [], "other"),
        (False, 0.0, [], "old"),
    ]
    assert len({row["item"] for row in rows}) == 3
    assert found.metrics["accuracy"] == 0.5


@pytest.mark.parametrize("later", [False, True])
def test_lighteval_details_are_taken_over(tmp_path: Path, evaluate: Evaluator, later: bool) -> None:
    place = tmp_path / "logs" / "details_lighteval|mill|0_2025-01-02T03-04-05.678901.parquet"
    if later:
        doc = {"query": "Q: mill?", "choices": ["yes", "no"], "gold_index": [1], "task_name": "lighteval|mill|0"}
        entry = {"doc": doc, "model_response": {"text": ["no"]}, "metric": {"extractive_match": 1.0}}
    else:
        entry = {"full_prompt": "Q: mill?", "predictions": ["no"], "gold": ["no"], "metrics": {"em": 1.0, "f1": 0.9}}
    place.parent.mkdir()
    pq.write_table(pa.Table.from_pylist([entry]), place)
    (row,) = rows_of(evaluate(Harness(logs=str(tmp_path / "logs"))))
    assert (row["data"], row["prompt"], row["answer"], row["target"]) == ("lighteval|mill|0", "Q: mill?", "no", "no")
    assert row["correct"] is True


@pytest.mark.parametrize(
    ("line", "said"),
    [("[1]", "old.jsonl:1: is a list"), ("{", "old.jsonl:1: no JSON"), ('{"a": 1}', "neither `prompt` nor `item`")],
)
def test_a_line_that_is_no_log_is_named(tmp_path: Path, evaluate: Evaluator, line: str, said: str) -> None:
    (tmp_path / "old.jsonl").write_text(line, encoding="utf-8")
    with pytest.raises(UsageError, match=said):
        evaluate(Harness(logs=str(tmp_path / "old.jsonl")))


@pytest.mark.parametrize("given", [3, "D", "beck", None, True])
def test_an_answer_that_is_no_choice_is_named(tmp_path: Path, jsonl: Lines, given: object) -> None:
    from finery_plugins.evaluate.running import local_task

    file = jsonl("quiz.jsonl", {"question": "Which?", "choices": ["mill", "weir", "water"], "answer": given})
    with pytest.raises(UsageError, match=r"quiz.jsonl:1: `answer` is none of the choices"):
        local_task(Path(file), tmp_path / "tasks", "evaluate 'after'")


@pytest.mark.parametrize(("given", "place"), [(2, 2), ("b", 1), ("water", 2)])
def test_a_choice_is_named_by_place_letter_or_text(tmp_path: Path, jsonl: Lines, given: object, place: int) -> None:
    from finery_plugins.evaluate.running import local_task

    file = jsonl("quiz.jsonl", {"question": "Which?", "choices": ["mill", "weir", "water"], "answer": given})
    local_task(Path(file), tmp_path / "tasks", "evaluate 'after'")
    assert json.loads((tmp_path / "tasks/quiz.jsonl").read_text(encoding="utf-8"))["answer"] == place
