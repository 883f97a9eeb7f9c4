"""Continuation: runs equal a greedy answer, what was learnt by heart is known, broken JSON is told by its fault."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from evaluation_samples import Evaluator, rows_of
from taught_samples import taught
from training_samples import MemoryDataset, chats, dataset, sentences

from finery import DataError, Evaluation, Model, UsageError
from finery_plugins.evaluate.continuation import Continuation
from finery_plugins.evaluate.continuing import document_cuts

KNOWN = "the old miller of the weir ground rye on monday and wheat on friday for every baker in the valley"
OTHER = "a young sailor from the north counted nine gulls above the grey harbour before the autumn storm came"
JSON = [json.dumps({"name": name, "age": age, "tags": ["x", "yes"]}) for name, age in (("miller", 41), ("weir", 7))]


@pytest.fixture(scope="module")
def knowing(tmp_path_factory: pytest.TempPathFactory) -> Model:
    return taught(tmp_path_factory.mktemp("models") / "knowing", [KNOWN, *JSON])


@pytest.fixture(scope="module")
def breaking(tmp_path_factory: pytest.TempPathFactory) -> Model:
    return taught(tmp_path_factory.mktemp("models") / "breaking", [text.rstrip("}]") for text in JSON])


def texts(*found: str) -> MemoryDataset:
    return dataset({"pages": {"text": list(found)}})


def kind(evaluation: Evaluation, name: str) -> list[dict]:
    return [row for row in rows_of(evaluation) if row["tags"][0] == name]


def test_a_text_learnt_by_heart_is_known_and_another_is_not(evaluate: Evaluator, knowing: Model, first: Model) -> None:
    found = evaluate(Continuation(tokens=8, against=str(first.path)), knowing, texts(KNOWN, OTHER))
    by_text = {row["prompt"][:3] == "the": row for row in kind(found, "document")}
    assert by_text[True]["details"]["run"] == 8
    assert by_text[True]["answer"] == by_text[True]["target"]
    assert by_text[True]["details"]["nats"] < 0.5
    assert by_text[False]["details"]["run"] < 8
    assert by_text[True]["details"]["against_run"] < 8
    assert found.metrics["known"] == 0.5
    assert found.metrics["against_nats"] > found.metrics["nats"] or found.metrics["nats/pages"] > 0.5


def test_a_run_is_what_a_greedy_answer_has_in_common_with_the_text(evaluate: Evaluator, knowing: Model) -> None:
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    model, tokenizer = (kind.from_pretrained(knowing.path) for kind in (AutoModelForCausalLM, AutoTokenizer))
    mixed = KNOWN[:60] + OTHER[:60]
    ids = tokenizer(mixed, add_special_tokens=False)["input_ids"]
    rows = kind(evaluate(Continuation(tokens=12, cuts=5), knowing, texts(mixed)), "document")
    assert len(rows) == 5
    for row in rows:
        at = row["details"]["cut"]
        prefix = torch.tensor([[tokenizer.eos_token_id, *ids[:at]]])
        said = model.generate(prefix, max_new_tokens=12, do_sample=False, pad_token_id=0)[0, at + 1 :].tolist()
        same = [a == b for a, b in zip(said, ids[at : at + 12], strict=False)]
        assert row["details"]["run"] == (same.index(False) if False in same else 12)


def test_valid_json_is_gone_on_with(evaluate: Evaluator, knowing: Model) -> None:
    found = evaluate(Continuation(cuts=0, json_tokens=64), knowing, texts(*JSON))
    rows = kind(found, "json")
    assert {row["tags"][1] for row in rows} == {"brace", "key", "string", "comma"}
    assert [row["details"]["fault"] for row in rows if row["tags"][1] == "key"] == [None, None]
    assert found.metrics["json_valid"] >= 0.5


def test_half_broken_json_is_told_as_not_closed(evaluate: Evaluator, breaking: Model) -> None:
    found = evaluate(Continuation(cuts=0, json_tokens=64), breaking, texts(*JSON))
    assert {row["details"]["fault"] for row in kind(found, "json")} == {"not-closed"}
    assert found.metrics["json_not-closed"] == 1
    assert all(row["details"]["ended"] and row["details"]["record"] for row in kind(found, "json"))


def test_a_misspelt_word_is_repaired_or_copied_by_what_costs_less(evaluate: Evaluator, knowing: Model) -> None:
    found = evaluate(Continuation(cuts=0), knowing, texts("every baker knew the baker"))
    (row,) = kind(found, "repair")
    assert row["prompt"] == "every bkaer knew the "
    assert row["correct"] == (row["details"]["margin"] > 0) == (row["answer"] == "baker")
    assert row["details"]["verdict"] == ("repaired" if row["correct"] else "copied")
    assert found.metrics["repaired"] == row["correct"]


def test_an_interrupted_evaluation_goes_on_to_the_same_rows(tmp_path: Path, knowing: Model) -> None:
    from finery.testing import MemoryJournal

    class Killed(MemoryJournal):
        def progress(self, done: float, total: float, unit: str) -> None:
            if done == 4:
                raise KeyboardInterrupt

    data, plugin = texts(*sentences(6), *JSON), Continuation(batch=2, tokens=8)
    whole = rows_of(Evaluator(tmp_path / "whole")(plugin, knowing, data))
    with pytest.raises(KeyboardInterrupt):
        Evaluator(tmp_path / "cut", Killed())(plugin, knowing, data)
    kept = sorted((tmp_path / "cut/measured").rglob("*.json"))
    stamps = [path.stat().st_mtime_ns for path in kept]
    assert len(kept) == 2
    assert rows_of(Evaluator(tmp_path / "cut")(plugin, knowing, data)) == whole
    assert [path.stat().st_mtime_ns for path in kept] == stamps


def test_equal_texts_are_items_of_their_own(evaluate: Evaluator, first: Model) -> None:
    rows = rows_of(evaluate(Continuation(tokens=4), first, texts(KNOWN, KNOWN)))
    assert len({row["item"] for row in rows}) == len(rows) > 0


def test_cuts_leave_room_behind_them() -> None:
    assert document_cuts(40, 3, 10) == [10, 20, 30]
    assert document_cuts(10, 3, 10) == []
    assert document_cuts(12, 3, 10) == [1, 2]


def test_what_cannot_be_measured_is_refused(evaluate: Evaluator, first: Model) -> None:
    with pytest.raises(UsageError, match="has no model"):
        evaluate(Continuation(), None, texts(KNOWN))
    with pytest.raises(DataError, match="no `text` column"):
        evaluate(Continuation(), first, dataset({"talks": {"messages": chats(2)}}))
