"""What is finished is reused, what changed is done again, and the plan says what the cause is."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from places import Place

PIPELINE = """
[[source]]
name = "a"
path = "a/*.jsonl"
[[source]]
name = "b"
path = "b.jsonl"
[[stage]]
id = "words-a"
score = "tiny:Words"
only = ["a"]
[[stage]]
filter = "tiny:Short"
[[stage]]
format = "tiny:Lower"
[[stage]]
dedupe = "exact"
[[stage]]
mix = "tiny:Epochs"
epochs = { b = 2 }
"""
BEHIND = ["lower", "exact", "epochs"]


@pytest.fixture
def ran(place: Place) -> Place:
    """A finished run."""
    for name in ("a/1", "a/2", "b"):
        place.jsonl(f"{name}.jsonl", [{"text": f"{name} text {number}"} for number in range(20)])
    place.pipeline(PIPELINE)
    place.good()
    return place


def change(place: Place, old: str, new: str, file: str = "pipeline.toml") -> None:
    """Change a text in a file."""
    text = (place.folder / file).read_text()
    assert old in text
    place.write(file, text.replace(old, new))


def test_a_second_run_reuses_everything(ran: Place) -> None:
    assert ran.runs() == []
    before = work(ran)
    ran.good()
    assert work(ran) == before
    assert all(stage["reused"] for stage in ran.record()["stages"])


def test_a_run_can_end_at_a_stage_and_go_on(place: Place) -> None:
    for name in ("a/1", "b"):
        place.jsonl(f"{name}.jsonl", [{"text": f"{name} text {number}"} for number in range(20)])
    place.pipeline(PIPELINE)
    place.good("--until", "lower")
    assert place.runs() == ["exact", "epochs"]
    outcome = place.run("--until", "lowr")
    assert (outcome.code, "did you mean 'lower'" in outcome.err) == (2, True)


def work(place: Place) -> dict[str, int]:
    """When each file of the artifacts was written."""
    files = (path for path in (place.root / "artifacts").rglob("*") if path.is_file())
    return {str(path): path.stat().st_mtime_ns for path in files}


def test_an_option_runs_its_stage_and_what_stands_behind_it(ran: Place) -> None:
    plan = ran.plan("--set", "short.minimum=4")
    assert [name for name, stage in plan.items() if not stage["reused"]] == ["short", *BEHIND]
    assert plan["short"]["why"] == "option minimum: 3 -> 4"
    assert {plan[name]["why"] for name in BEHIND} == {"stands behind 'short' (option minimum: 3 -> 4)"}


def test_an_option_in_the_middle_leaves_what_stands_before_it(ran: Place) -> None:
    assert ran.runs("--set", "exact.normalise=none") == ["exact", "epochs"]
    ran.good("--set", "exact.normalise=none")
    assert ran.runs("--set", "exact.normalise=none") == []
    assert ran.runs() == []


def test_a_default_written_out_changes_nothing(ran: Place) -> None:
    assert ran.runs("--set", "short.minimum=3") == []


def test_the_time_of_a_file_does_not_matter(ran: Place) -> None:
    for path in ran.folder.rglob("*.jsonl"):
        os.utime(path, (1, 1))
    (ran.folder / "pipeline.toml").touch()
    assert ran.runs() == []


def test_one_byte_runs_the_reading_of_its_source_and_what_sees_it(ran: Place) -> None:
    change(ran, "b text 7", "b text _", "b.jsonl")
    plan = ran.plan()
    assert [name for name, stage in plan.items() if not stage["reused"]] == [
        "read-b", "short", "lower", "exact", "epochs",
    ]  # fmt: skip
    assert plan["read-b"]["why"] == "the input changed"
    assert plan["short"]["why"] == "stands behind 'read-b' (the input changed)"


def test_a_stage_for_one_source_does_not_care_for_another(place: Place) -> None:
    for name in "ab":
        place.jsonl(f"{name}.jsonl", [{"text": f"{name} text {number}"} for number in range(20)])
    place.pipeline(
        '[[source]]\nname = "a"\npath = "a.jsonl"\n[[source]]\nname = "b"\npath = "b.jsonl"\n'
        '[[stage]]\nfilter = "tiny:Short"\nonly = ["a"]\n[[stage]]\nscore = "tiny:Words"\n'
    )
    place.good()
    change(place, "b text 7", "b text _", "b.jsonl")
    assert place.runs() == ["read-b", "words"]


def test_a_stage_behind_one_that_sees_all_is_untouched_by_what_happens_to_sources_it_does_not_see(place: Place) -> None:
    for name in ("a", "b"):
        place.jsonl(f"{name}.jsonl", [{"text": f"{name} text {number}"} for number in range(20)])
    place.pipeline(
        '[[source]]\nname = "a"\npath = "a.jsonl"\n[[source]]\nname = "b"\npath = "b.jsonl"\n'
        '[[stage]]\nfilter = "tiny:Short"\n[[stage]]\nscore = "tiny:Words"\nonly = ["a"]\n'
    )
    place.good()
    change(place, "b text 7", "b text _", "b.jsonl")
    assert place.runs() == ["read-b", "short"]


def test_a_new_stage_runs_alone(ran: Place) -> None:
    change(ran, "[[stage]]\nmix", '[[stage]]\nformat = "split"\n[[stage]]\nmix')
    plan = ran.plan()
    assert plan["split"]["why"] == "new stage"
    assert [name for name, stage in plan.items() if not stage["reused"]] == ["split", "epochs"]
    assert plan["epochs"]["why"] == "stands behind 'split' (new stage)"


def test_a_stage_that_is_gone_runs_what_stood_behind_it(ran: Place) -> None:
    change(ran, '[[stage]]\ndedupe = "exact"\n', "")
    assert ran.runs() == ["epochs"]


def test_a_renamed_file_runs_nothing(ran: Place) -> None:
    (ran.folder / "a/2.jsonl").rename(ran.folder / "a/3.jsonl")
    (ran.folder / "b.jsonl").rename(ran.folder / "c.jsonl")
    change(ran, "b.jsonl", "c.jsonl")
    assert ran.runs() == []


def test_another_name_and_folder_of_the_pipeline_run_nothing(ran: Place, tmp_path: Path) -> None:
    other = Place(ran.folder.rename(tmp_path / "moved"))
    assert other.runs() == []
    ran.folder.mkdir()


def test_a_seed_runs_the_stages_and_says_so(ran: Place) -> None:
    plan = ran.plan("--set", "seed=9")
    assert plan["read-a"]["reused"]
    assert plan["short"]["why"] == "the seed changed"


def test_the_code_of_a_plugin_counts(ran: Place) -> None:
    change(ran, "t.lower()", "t.upper()", "tiny.py")
    plan = ran.plan()
    assert plan["lower"]["why"] == "the plugin's code changed"


def test_a_first_run_is_called_so(place: Place) -> None:
    place.jsonl("a.jsonl", [{"text": "one text"}])
    place.pipeline('[[source]]\nname = "a"\npath = "a.jsonl"\n[[stage]]\nfilter = "tiny:Short"\n')
    assert {stage["why"] for stage in place.plan().values()} == {"first run"}
    assert not (place.root / "artifacts").exists()


def test_an_artifact_that_is_gone_is_made_again(ran: Place) -> None:
    artifact = ran.manifests()["exact"]["fingerprint"]
    before = work(ran)
    (ran.root / "artifacts" / artifact).rename(ran.folder / "elsewhere")
    assert ran.plan()["exact"]["why"] == "its artifact is gone"
    ran.good()
    assert work(ran).keys() == before.keys()


def test_an_interrupted_stage_of_one_source_is_known_again_when_another_has_changed(place: Place) -> None:
    rows = [
        [{"text": f"{n} text {number}", **{f"c{i}": 1 for i in range(n)}} for number in range(9000)] for n in (1, 2)
    ]
    place.jsonl("a.jsonl", rows[0][:9])
    place.jsonl("b.jsonl", [*rows[0], *rows[1][:5]])
    place.pipeline(
        '[[source]]\nname = "a"\npath = "a.jsonl"\n[[source]]\nname = "b"\npath = "b.jsonl"\n'
        '[[stage]]\nscore = "tiny:Words"\nonly = ["b"]\n[[stage]]\nformat = "tiny:Lower"\nonly = ["a"]\n'
    )
    manifest = place.good()["words"]
    folder = place.root / "artifacts" / manifest["fingerprint"]
    before = place.ids("words", "b")
    (folder / "manifest.json").unlink()
    folder.rename(folder.with_suffix(".partial"))
    place.jsonl("a.jsonl", [*rows[0], *rows[1][:5]])
    assert place.plan()["words"]["why"] == "was interrupted; 2 finished shards are taken over"
    place.good()
    assert place.ids("words", "b") == before
