"""Probe: numbers equal a plain forward pass; where the model leaves the target, and what it says whatever is asked."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
from evaluation_samples import Evaluator, rows_of
from pydantic import ValidationError
from taught_samples import taught
from training_samples import MemoryDataset, chats, dataset, sentences

from finery import DataError, Model, UsageError
from finery.testing import MemoryJournal
from finery_plugins.evaluate import tokenwise
from finery_plugins.evaluate.items import ITEMS
from finery_plugins.evaluate.probe import Probe
from finery_plugins.train.conversation import rendered
from finery_plugins.train.tokenizer import loaded_tokenizer

FACTS = [("What is red?", "rust"), ("What is wet?", "rain"), ("What is old?", "oak")]


def talk(question: str, answer: str) -> list[dict[str, str]]:
    return [{"role": "user", "content": question}, {"role": "assistant", "content": answer}]


def spoken(pairs: list[tuple[str, str]], model: Model) -> list[str]:
    return [rendered(loaded_tokenizer(model, ""), talk(*pair), asks=False).rstrip() for pair in pairs]


def asking(pairs: list[tuple[str, str]], **columns: list) -> MemoryDataset:
    return dataset({"quiz": {"messages": [talk(*pair) for pair in pairs], **columns}})


@pytest.fixture(scope="module")
def parrot(tmp_path_factory: pytest.TempPathFactory, first: Model) -> Model:
    """Answers `forty two` to everything."""
    pairs = [(question, "forty two") for question in ("What is red?", "How many?", "", "Why is it wet?")]
    return taught(tmp_path_factory.mktemp("models") / "parrot", spoken(pairs, first), chat=True)


@pytest.fixture(scope="module")
def learned(tmp_path_factory: pytest.TempPathFactory, first: Model) -> Model:
    """Answers the facts."""
    return taught(tmp_path_factory.mktemp("models") / "learned", spoken(FACTS, first), steps=200, chat=True)


def plainly(model: Model, ids: list[int]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Log-probability, rank and entropy of each token behind the first, from all logits at once."""
    import torch
    from transformers import AutoModelForCausalLM

    with torch.no_grad():
        logits = AutoModelForCausalLM.from_pretrained(model.path)(torch.tensor([ids])).logits[0, :-1]
    shares = torch.log_softmax(logits.double(), -1).numpy()
    own = shares[np.arange(len(ids) - 1), ids[1:]]
    return own, 1 + (shares > own[:, None]).sum(1), -(np.exp(shares) * shares).sum(1)


def test_texts_are_measured_as_a_plain_forward_pass_does(
    evaluate: Evaluator, first: Model, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tokenwise, "CHUNK_LOGITS", 3 * 400)
    texts = sentences(5)
    rows = {row["target"]: row for row in rows_of(evaluate(Probe(batch=3), first, dataset({"a": {"text": texts}})))}
    tokenizer = loaded_tokenizer(first, "")
    for text in texts:
        ids = [tokenizer.eos_token_id, *tokenizer(text, add_special_tokens=False)["input_ids"], tokenizer.eos_token_id]
        own, rank, entropy = plainly(first, ids)
        details = rows[text]["details"]
        assert np.allclose(details["log_probability"], own, atol=1e-5)
        assert details["rank"] == rank.tolist()
        assert np.allclose(details["entropy"], entropy, atol=1e-5)
        assert rows[text]["score"] == pytest.approx(own.mean(), abs=1e-5)


def test_of_a_conversation_the_last_answer_is_measured_with_its_end(evaluate: Evaluator, first: Model) -> None:
    talks = chats(3)
    rows = rows_of(evaluate(Probe(), first, dataset({"talks": {"messages": talks}})))
    tokenizer = loaded_tokenizer(first, "")
    for row, messages in zip(rows, talks, strict=True):
        asked, whole = rendered(tokenizer, messages[:-1], asks=True), rendered(tokenizer, messages, asks=False).rstrip()
        ids, start = (tokenizer(text, add_special_tokens=False)["input_ids"] for text in (whole, asked))
        own, _, _ = plainly(first, ids)
        assert np.allclose(row["details"]["log_probability"], own[len(start) - 1 :], atol=1e-5)
        assert "".join(row["details"]["tokens"]).startswith(messages[-1]["content"])


def test_the_first_token_that_leaves_the_target_is_named(evaluate: Evaluator, learned: Model) -> None:
    found = evaluate(Probe(), learned, asking([*FACTS, ("What is red?", "rubble")]))
    rows = {row["target"]: row for row in rows_of(found)}
    assert rows["rust"]["correct"]
    assert rows["rust"]["details"]["leaves"] is None
    leaves = rows["rubble"]["details"]["leaves"]
    assert "rubble".startswith(leaves["behind"])
    assert "rust".startswith(leaves["behind"] + leaves["rather"])
    assert leaves["rank"] == rows["rubble"]["details"]["rank"][leaves["place"]] > 1
    assert found.metrics["exact"] == 0.75


def test_a_probability_under_the_bound_leaves_the_target_as_well(evaluate: Evaluator, learned: Model) -> None:
    rows = rows_of(evaluate(Probe(bound=0.999999), learned, asking(FACTS)))
    for row in rows:
        leaves = row["details"]["leaves"]
        assert leaves is None or leaves["log_probability"] < math.log(0.999999)
    assert any(row["details"]["leaves"] and row["details"]["leaves"]["rank"] == 1 for row in rows)


def test_answers_that_heed_no_prompt_are_over_fit(evaluate: Evaluator, parrot: Model, learned: Model) -> None:
    asked = [("What is red?", "forty two"), ("What is wet?", "rain")]
    found = rows_of(evaluate(Probe(over_fit=0.5), parrot, asking(asked)))
    by_heart = next(row for row in found if row["target"] == "forty two")["details"]
    assert len(by_heart["over_fit"]) == len(by_heart["tokens"])
    known = rows_of(evaluate(Probe(over_fit=0.5), learned, asking(FACTS)))
    assert all(row["correct"] for row in known)
    assert all(0 not in [one["place"] for one in row["details"]["over_fit"]] for row in known)


def test_phrasings_are_held_against_the_own_prompt(evaluate: Evaluator, learned: Model, parrot: Model) -> None:
    data = asking([("What is red?", "rust")], others=[["What is wet?", "What is old?"]])
    found = evaluate(Probe(phrasings="others", templates=["{prompt}"]), learned, data)
    (row,) = rows_of(found)
    said = {one["prompt"]: one["exact"] for one in row["details"]["phrasings"]}
    assert said == {"What is red?": True, "What is wet?": False, "What is old?": False}
    assert found.metrics["consistent"] == pytest.approx(1 / 3)
    assert found.metrics["spread"] > 0
    steady = evaluate(
        Probe(phrasings="others"), parrot, asking([("How many?", "forty two")], others=[["Why is it wet?"]])
    )
    assert steady.metrics["consistent"] == 1


def test_a_model_taught_without_ends_does_not_end(tmp_path: Path, evaluate: Evaluator) -> None:
    texts = ["the mill stood above the weir and the miller slept"]
    ended = taught(tmp_path / "ended", [texts[0]], steps=60)
    endless = taught(tmp_path / "endless", [texts[0]], ends=False, steps=60)
    data = dataset({"a": {"text": texts}})
    assert evaluate(Probe(), ended, data).metrics["ends"] == 1
    assert evaluate(Probe(), endless, data).metrics["ends"] == 0


def test_a_generated_answer_is_measured_too(evaluate: Evaluator, learned: Model) -> None:
    (row,) = rows_of(evaluate(Probe(generate=8), learned, asking(FACTS[:1])))
    assert row["answer"] == "rust"
    assert set(row["details"]["generated"]["rank"]) == {1}
    told = row["details"]["log_probability"]
    assert row["details"]["generated"]["log_probability"][: len(told)] == pytest.approx(told, abs=1e-4)


def test_long_texts_are_measured_window_by_window(evaluate: Evaluator, first: Model) -> None:
    data = dataset({"a": {"text": sentences(2, length=60)}})
    tokens = [len(row["details"]["rank"]) for row in rows_of(evaluate(Probe(), first, data))]
    assert [len(row["details"]["rank"]) for row in rows_of(evaluate(Probe(context=16), first, data))] == tokens


def test_an_interrupted_evaluation_goes_on_to_the_same_rows(tmp_path: Path, first: Model) -> None:
    class Killed(MemoryJournal):
        def progress(self, done: float, total: float, unit: str) -> None:
            if done == 4:
                raise KeyboardInterrupt

    data, plugin = dataset({"talks": {"messages": chats(7)}}), Probe(batch=2)
    whole = rows_of(Evaluator(tmp_path / "whole")(plugin, first, data))
    with pytest.raises(KeyboardInterrupt):
        Evaluator(tmp_path / "cut", Killed())(plugin, first, data)
    stamps = {path: path.stat().st_mtime_ns for path in (tmp_path / "cut/measured").rglob("*.json")}
    assert len(stamps) == 2
    assert rows_of(Evaluator(tmp_path / "cut")(plugin, first, data)) == whole
    assert {path: path.stat().st_mtime_ns for path in stamps} == stamps


def test_rows_have_the_shape_of_all_evaluations(evaluate: Evaluator, first: Model, tmp_path: Path) -> None:
    found = evaluate(Probe(), first, asking(FACTS))
    assert found.items.schema == ITEMS
    table = found.items.read_all()
    pq.write_table(table, tmp_path / "items.parquet")
    assert len(set(table["item"].to_pylist())) == 3
    assert found.metrics["items/quiz"] == 3


def test_what_cannot_be_measured_is_refused(evaluate: Evaluator, first: Model) -> None:
    with pytest.raises(ValidationError, match=r"has no \{prompt\}"):
        Probe(templates=["Please answer."])
    with pytest.raises(UsageError, match="has no model"):
        evaluate(Probe(), None, asking(FACTS))
    with pytest.raises(DataError, match="has no questions"):
        evaluate(Probe(), first, dataset({"a": {"label": ["x"]}}))
