"""Faults planted in the data of two tiny trainings: each evaluation names what was planted, and the records.

One run serves all tests; what it proposes is run as well, and mends what was planted.
"""

from __future__ import annotations

import json
from typing import Any

import pyarrow.parquet as pq
import pytest
from places import Place, call
from planted import LEAKED, NAMES, RIVERS, planted

pytest.importorskip("torch")
pytest.importorskip("tantivy")

LEAKS = """
[[source]]
name = "general"
path = "general.jsonl"
[[stage]]
id = "leaks"
filter = "contamination"
sets = { quiz = "leaked.jsonl" }
"""


@pytest.fixture(scope="module")
def faulty(tmp_path_factory: pytest.TempPathFactory) -> Place:
    """The run."""
    place = planted(Place(tmp_path_factory.mktemp("planted")))
    place.good()
    return place


def items(place: Place, stage: str) -> list[dict[str, Any]]:
    """The items of a stage, their details read."""
    folder = place.root / "artifacts" / place.manifests()[stage]["fingerprint"]
    rows = pq.read_table(folder / "items.parquet").to_pylist()
    return [{**row, "details": json.loads(row["details"])} for row in rows]


def texts(place: Place, source: str) -> dict[str, str]:
    """The text of each record of a source as it was read."""
    table = place.table(f"read-{source}", source)
    column = "messages" if "messages" in table.column_names else "text"
    said = [row if column == "text" else "\n".join(m["content"] for m in row) for row in table[column].to_pylist()]
    return dict(zip(map(str, table["id"].to_pylist()), said, strict=True))


def label(row: dict[str, Any], name: str) -> dict[str, Any]:
    """A label of a bad case."""
    return next(one for one in row["details"]["labels"] if one["label"] == name)


def test_a_wrong_fact_repeated_fifty_times_is_named_with_its_records(faulty: Place) -> None:
    (row,) = [row for row in items(faulty, "bad") if "Ilium" in row["prompt"]]
    assert (row["answer"], row["details"]["cause"]) == ("Priam", "taught-wrong")
    assert [row["details"][side]["total"] for side in ("wrong", "right")] == [50, 1]
    assert row["details"]["wrong"]["trained"] == 50
    said = texts(faulty, "chats")
    assert {said[record] for record in label(row, "taught-wrong")["blamed"]} == {"Who built the tower of Ilium?\nPriam"}
    assert label(row, "taught-wrong")["of_blamed"] == 50
    (right,) = label(row, "taught-wrong")["helps"]
    assert said[right].endswith("Laomedon")
    near = row["details"]["nearest"]
    assert near[0]["record"] == right
    own = [one for one in near if one["source"] == "chats"]
    assert len(own) >= 51
    assert all(one["times"] >= 1 and one["last_loss"] < one["first_loss"] for one in own)


def test_a_source_that_is_noise_is_named_by_its_curve_with_its_records(faulty: Place) -> None:
    (found,) = [row for row in items(faulty, "curves") if row["tags"] == ["not-learnt"]]
    assert found["source"] == "noise"
    assert "stays at" in found["answer"]
    records = [one["record"] for one in found["details"]["records"]]
    assert records
    assert set(records) <= set(texts(faulty, "noise"))


def test_answers_without_an_end_are_named_with_the_records_that_go_on(faulty: Place) -> None:
    rows = [row for row in items(faulty, "bad") if "river" in row["prompt"]]
    assert [row["details"]["cause"] for row in rows] == ["no-end"] * len(RIVERS)
    said = texts(faulty, "chats")
    for row in rows:
        blamed = [said[record] for record in label(row, "no-end")["blamed"]]
        assert len(blamed) == 4
        assert all(row["target"] in text and text.endswith("hay for all.") for text in blamed)


def test_an_ability_that_tuning_overwrote_is_named_by_compare_and_as_forgotten(faulty: Place) -> None:
    metrics = faulty.manifests()["compared"]["metrics"]
    lost = metrics["right_to_wrong/general"]
    assert (metrics["accuracy_before"], lost >= 6, metrics["mcnemar_p"] < 0.05) == (1.0, True, True)
    rows = items(faulty, "bad-general")
    assert len(rows) == lost
    assert {row["details"]["cause"] for row in rows} == {"forgotten"}
    said = texts(faulty, "general")
    for row in rows:
        assert row["details"]["right"]["trained"] == 0, "tuning never saw it"
        assert all(said[record].endswith(row["target"]) for record in label(row, "forgotten")["helps"])
    assert {row["item"] for row in rows} <= {row["item"] for row in items(faulty, "known-before")}


def test_half_broken_json_is_named_in_answers_and_in_what_a_model_goes_on_with(faulty: Place) -> None:
    rows = [row for row in items(faulty, "bad") if "JSON" in row["prompt"]]
    assert [row["details"]["cause"] for row in rows] == ["format"] * len(NAMES)
    assert {label(row, "format")["evidence"]["fault"] for row in rows} == {"not-closed"}
    said = texts(faulty, "chats")
    assert all(not said[record].endswith("}") for row in rows for record in label(row, "format")["blamed"])
    metrics = faulty.manifests()["continued"]["metrics"]
    assert metrics["json_valid"] < 1
    faults = [row for row in items(faulty, "continued") if row["tags"][0] == "json" and row["details"]["fault"]]
    assert "not-closed" in {row["details"]["fault"] for row in faults}
    assert {row["details"]["record"] for row in faults} <= set(texts(faulty, "objects"))


def test_a_leaked_evaluation_set_is_named_by_contamination_and_known_by_heart(faulty: Place) -> None:
    leaks = Place(faulty.folder / "leaks")
    for name in ("general.jsonl", "leaked.jsonl"):
        leaks.write(name, (faulty.folder / name).read_bytes())
    leaks.pipeline(LEAKS)
    leaks.good()
    found, said = leaks.decisions("leaks"), texts(leaks, "general")
    assert {said[str(row["record"])] for row in found} == set(LEAKED)
    assert {(row["reason"], row["detail"].split(" ")[0]) for row in found} == {
        ("contaminated", "quiz:1"),
        ("contaminated", "quiz:2"),
    }
    rows = [row for row in items(faulty, "continued") if any(row["prompt"][-20:] in text for text in LEAKED)]
    assert any(row["correct"] for row in rows if row["tags"][0] == "document")


def test_search_finds_the_planted_records_in_the_index_of_the_evaluations(faulty: Place) -> None:
    before = sorted((faulty.root / "search").iterdir())
    outcome = asked(faulty, "search", "Ilium Priam", "--json", "--most", "60")
    assert sorted((faulty.root / "search").iterdir()) == before
    found = json.loads(outcome)
    assert found["stage"] == "tune"
    assert [hit["text"].endswith("Priam") for hit in found["hits"]].count(True) == 50
    assert {hit["file"] for hit in found["hits"]} == {"chats.jsonl"}


def asked(place: Place, *words: str) -> str:
    """What a verb prints."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("FINERY_HOME", str(place.root))
        outcome = call(*words)
    assert outcome.code == 0, outcome
    return outcome.out


def test_what_is_proposed_runs_and_mends_what_was_planted(faulty: Place) -> None:
    pipeline = str(faulty.folder / "pipeline.toml")
    changes = json.loads(asked(faulty, "propose", "--pipeline", pipeline, "--stage", "bad", "--teach", "--json"))
    told = {(one["do"], one["cause"]): one["records"] for one in changes}
    assert told["drop", "taught-wrong"] == 50
    assert told["drop", "no-end"] == told["drop", "format"] == 24
    assert told["repeat", "taught-wrong"] == 1
    made = faulty.folder / "pipeline.proposed.toml"
    text = made.read_text(encoding="utf-8")
    assert "# taught-wrong: drop 50 records. 1 item, such as" in text
    assert '[[stage]]\nid = "proposed-drop"\nfilter = "listed"' in text
    again = call("propose", "--pipeline", pipeline)
    assert again.code == 2
    assert "is there already" in again.err

    before = faulty.manifests()["asked"]["metrics"]["accuracy"]
    outcome = call("run", str(made), "--quiet", "--workers", "1", "--until", "asked", "--set", "tune.epochs=100")
    assert outcome.code == 0, outcome
    dropped = [row["reason"] for row in faulty.decisions("proposed-drop")]
    assert {reason: dropped.count(reason) for reason in dropped} == {"taught-wrong": 50, "no-end": 24, "format": 24}
    assert len(faulty.table("proposed-times", "chats")) == 3
    after = {row["prompt"]: row for row in items(faulty, "asked")}
    assert after["Who built the tower of Ilium?"]["answer"] == "Laomedon"
    assert faulty.manifests()["asked"]["metrics"]["accuracy"] > before == 0
    assert [stage["reused"] for stage in faulty.record()["stages"] if stage["id"] == "base"] == [True]
