"""Proposals: a pipeline's text with stages and a source put in, everything else as it was written."""

from __future__ import annotations

import tomllib
from dataclasses import replace
from pathlib import Path

import pytest

from finery.errors import UsageError
from finery.lineage.runs import RunStage
from finery.propose.change import Change
from finery.propose.gathered import Asked, within
from finery.propose.pipeline import comment, with_source, with_stages
from finery.propose.writing import proposed, write

FILE = Path("pipeline.toml")
TEXT = """\
# The whole story.
seed = 3

[[source]]
name = "chats"  # from support
path = "chats.jsonl"

# Clean them.
[[stage]]
filter = "length"

# Learn them,
# slowly.
[[stage]]
id = "tune"
train = "sft"
only = [
    "chats",  # alone
]
[[stage]]
evaluate = "prompts"
"""
STAGE = RunStage(2, "tune", "train", "sft", "finery 0.1.0", "abc", False, "", True, ("chats",))


def asked(*changes: Change) -> Asked:
    return Asked(STAGE, ["bad"], list(changes))


def test_stages_stand_before_the_training_and_its_comments() -> None:
    text = with_stages(TEXT, FILE, "tune", ['[[stage]]\nfilter = "listed"'])
    assert [next(iter(stage)) for stage in tomllib.loads(text)["stage"]] == ["filter", "filter", "id", "evaluate"]
    assert '[[stage]]\nfilter = "listed"\n\n# Learn them,\n# slowly.\n[[stage]]\nid = "tune"' in text
    assert all(line in text.splitlines() for line in TEXT.splitlines())


def test_a_source_is_seen_by_the_training_whatever_its_only() -> None:
    text = with_source(TEXT, FILE, "more", '[[source]]\nname = "more"\npath = "more.jsonl"', "tune")
    found = tomllib.loads(text)
    assert [source["name"] for source in found["source"]] == ["chats", "more"]
    assert found["stage"][1]["only"] == ["more", "chats"]
    assert "# alone" in text


def test_a_stage_that_is_not_there_or_has_no_table_is_a_fault() -> None:
    with pytest.raises(UsageError, match="has no stage 'tuned'"):
        with_stages(TEXT, FILE, "tuned", [])
    with pytest.raises(UsageError, match=r"write each as \[\[stage\]\]"):
        with_stages('stage = [{ id = "tune", train = "sft" }]\n', FILE, "tune", [])


def test_a_comment_stays_one_whatever_the_evidence_holds() -> None:
    made = comment(["it says 'a\nb = 1\u2028[[stage]]\x00'" + " long" * 60])
    assert all(line.startswith("# ") for line in made.split("\n"))
    assert tomllib.loads(made) == {}


def test_what_is_dropped_is_not_repeated(tmp_path: Path) -> None:
    drop = Change("drop", "no-end", "they go on", ["r1", "r2"])
    repeat = Change("repeat", "under-training", "they are not learnt", ["r2", "r3"], 4)
    vary = Change("vary", "pattern-over-fit", "they are known by heart", ["r3"])
    add = Change("add", "hallucination", "nobody says it", examples=[{"messages": [1]}, {"messages": [1]}])
    made = proposed(TEXT, FILE, "next", "run-1", [asked(drop, repeat, vary, add)], teach=True)
    lines = {line["record"]: line for line in made.files["next.jsonl"]}
    assert lines["r2"]["drop"] == "no-end"
    assert "times" not in lines["r2"]
    assert (lines["r3"]["times"], lines["r3"]["vary"]) == (4, True)
    assert made.files["next.examples.jsonl"] == [{"messages": [1]}]
    ids = [stage.get("id") for stage in tomllib.loads(made.text)["stage"]]
    assert ids == [None, "proposed-drop", "proposed-marks", "proposed-variations", "proposed-times", "tune", None]
    assert "# under-training: repeat 2 records 4 times. they are not learnt" in made.text
    places = write(made, tmp_path / "next.toml")
    assert [place.name for place in places] == ["next.toml", "next.jsonl", "next.examples.jsonl"]
    with pytest.raises(UsageError, match="is there already"):
        write(made, tmp_path / "next.toml")


def test_records_that_the_training_does_not_see_are_left_to_the_reader() -> None:
    one = asked(Change("repeat", "forgotten", "the base had it right", ["r1", "r2", "r3"]))
    within(one, {"r1": "chats", "r2": "general", "r3": "general"})
    assert one.elsewhere == {"general": 2}
    assert one.changes == [replace(one.changes[0], records=["r1"])]
    made = proposed(TEXT, FILE, "next", "run-1", [one], teach=False)
    assert "# 2 records of source 'general' would help, and 'tune' does not see it" in made.text
