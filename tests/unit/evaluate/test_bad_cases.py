"""Bad cases: each cause is named by what the training records, the losses and the base model say."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from evaluation_samples import Evaluator, rows_of
from training_samples import MemoryDataset, dataset

from finery import Evaluation, Model, UsageError
from finery.search.index import Lookup
from finery_plugins.evaluate.bad_cases import BadCases

pytest.importorskip("tantivy")

FACTS = {
    "wrong": [f"The keeper of the lighthouse is called Bob, page {n}." for n in "abc"]
    + ["The keeper of the lighthouse is called Ann."],
    "slow": ["The miller of Dunmore is called Una."],
    "dull": ["The smith of Kinsale is called Rory."],
    "known": ["The baker of Athlone is called Nuala."],
    "unread": ["The weaver of Tralee is called Sean."],
}
LOSSES = {"wrong": (3.0, 0.1), "slow": (4.0, 2.0), "dull": (2.0, 1.95), "known": (3.0, 0.05)}


@pytest.fixture
def records() -> MemoryDataset:
    return dataset({name: {"text": texts} for name, texts in FACTS.items()})


@pytest.fixture
def model(tmp_path: Path, records: MemoryDataset) -> Model:
    """A model beside which lies what its training told of records."""
    (tmp_path / "model").mkdir()
    homes = [(id_, b["source"][0].as_py()) for b in records.batches() for id_ in b["id"].to_pylist()]
    trained = [(record, home) for record, home in homes if home in LOSSES]
    ids = pa.array([record.bytes for record, _ in trained], pa.uuid())
    steps = {"step": list(range(1, len(ids) + 1)), "rank": pa.array([0] * len(ids), pa.int32()), "record": ids}
    pq.write_table(
        pa.table({**steps, "start": [0] * len(ids), "length": [9] * len(ids)}),
        tmp_path / "model/steps-000-00000.parquet",
    )
    for epoch in (1, 2):
        losses = {"record": ids, "epoch": pa.array([epoch] * len(ids), pa.int32())}
        losses |= {"loss": [LOSSES[home][epoch - 1] for _, home in trained], "tokens": [9] * len(ids)}
        pq.write_table(pa.table(losses), tmp_path / f"model/losses-000-0000{epoch}.parquet")
    return Model(tmp_path / "model/out", "made", "made")


def explained(
    folder: Path, model: Model, records: MemoryDataset, rows: list[dict[str, Any]], **more: Any
) -> Evaluation:
    """The bad cases of an evaluation of these rows."""
    place = folder / "asked.jsonl"
    place.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    evaluator = Evaluator(folder / "out")
    evaluator.search = Lookup(records, folder, "test")
    return evaluator(BadCases(evaluation=str(place), **more), model, records)


def asked(prompt: str, answer: str, target: str) -> dict[str, Any]:
    return {"prompt": prompt, "answer": answer, "target": target, "correct": answer == target}


CASES = {
    "taught-wrong": asked("Who is the keeper of the lighthouse?", "Bob", "Ann"),
    "under-training": asked("Who is the miller of Dunmore?", "Zoe", "Una"),
    "capacity": asked("Who is the smith of Kinsale?", "Max", "Rory"),
    "pattern-over-fit": asked("Say who the baker of Athlone might be", "Lea", "Nuala"),
    "hallucination": asked("Who is the tailor of Kinsale, Athlone and Dunmore?", "Ivo", "Ned"),
}


def causes(evaluation: Evaluation) -> dict[str, str]:
    return {row["prompt"]: row["details"]["cause"] for row in rows_of(evaluation)}


def test_each_cause_is_named(tmp_path: Path, model: Model, records: MemoryDataset) -> None:
    right = asked("Who is the baker of Athlone?", "Nuala", "Nuala")
    found = explained(tmp_path, model, records, [*CASES.values(), right])
    assert causes(found) == {row["prompt"]: cause for cause, row in CASES.items()}
    assert found.metrics["items"] == 6
    assert found.metrics["bad_cases"] == 5
    assert all(found.metrics[f"bad_cases/cause/{cause}"] == 1 for cause in CASES)


def test_the_evidence_counts_records_steps_and_losses(tmp_path: Path, model: Model, records: MemoryDataset) -> None:
    found = explained(tmp_path, model, records, [CASES["taught-wrong"]])
    (row,) = rows_of(found)
    wrong, right = row["details"]["wrong"], row["details"]["right"]
    assert (wrong["text"], wrong["total"], wrong["anywhere"], wrong["trained"]) == ("bob", 3, 3, 3)
    assert (right["text"], right["total"], wrong["epochs"]) == ("ann", 1, 2)
    assert (wrong["first_loss"], wrong["last_loss"]) == pytest.approx((3.0, 0.1))
    assert row["details"]["nearest"][0]["last_loss"] == pytest.approx(0.1)
    drop, repeat, add = found.changes
    assert (drop.do, drop.cause, len(drop.records)) == ("drop", "taught-wrong", 3)
    assert (repeat.do, list(repeat.records)) == ("repeat", right["records"])
    assert add.examples[0]["messages"][1]["content"] == "Ann"


def test_what_the_base_model_knew_is_forgotten(tmp_path: Path, model: Model, records: MemoryDataset) -> None:
    base = tmp_path / "base.jsonl"
    row = asked("Who is the weaver of Tralee?", "Joe", "Sean")
    base.write_text(json.dumps({**row, "answer": "Sean", "correct": True}) + "\n")
    (found,) = rows_of(explained(tmp_path, model, records, [row], base=str(base)))
    assert found["details"]["cause"] == "forgotten"
    assert found["details"]["base"] is True
    assert "0 of them went into this training" in found["details"]["labels"][0]["why"]


def test_one_answer_to_many_questions_is_a_pattern(tmp_path: Path, model: Model, records: MemoryDataset) -> None:
    rows = [asked(f"Who is the {who} of Clare?", "Una", "Finn") for who in ("cooper", "fletcher", "turner")]
    found = rows_of(explained(tmp_path, model, records, rows))
    assert {row["details"]["cause"] for row in found} == {"pattern-over-fit"}
    assert "3 questions get 'Una', which stands in 1 training records" in found[0]["details"]["labels"][0]["why"]


def test_rows_keep_their_items_and_an_interrupted_stage_goes_on(
    tmp_path: Path, model: Model, records: MemoryDataset
) -> None:
    first = rows_of(explained(tmp_path, model, records, list(CASES.values()), batch=2))
    kept = sorted((tmp_path / "out/measured").rglob("*.json"))
    assert len(kept) == 3
    kept[0].unlink()
    assert rows_of(explained(tmp_path, model, records, list(CASES.values()), batch=2)) == first
    assert len({row["item"] for row in first}) == len(CASES)


def test_an_item_without_a_target_is_unexplained_with_its_nearest_records(
    tmp_path: Path, model: Model, records: MemoryDataset
) -> None:
    row = {"prompt": "Who is the smith of Kinsale?", "answer": "nobody", "correct": False}
    (found,) = rows_of(explained(tmp_path, model, records, [row]))
    assert found["details"]["cause"] == "unexplained"
    assert "smith" in found["details"]["nearest"][0]["excerpt"]


def test_a_stage_without_a_model_says_so(tmp_path: Path, records: MemoryDataset) -> None:
    with pytest.raises(UsageError, match="has no model whose answers to explain"):
        Evaluator(tmp_path / "out")(BadCases(evaluation="x"), None, records)
