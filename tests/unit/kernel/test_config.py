"""A pipeline file, understood."""

from __future__ import annotations

from pathlib import Path

import pytest

from finery.config import as_options, read_pipeline
from finery.data.artifacts import Artifacts
from finery.errors import PipelineError
from finery.explain import reason

TEXT = """
name = "try"
seed = 17
[[source]]
name = "a"
path = ["a/*.jsonl", "b/*.csv"]
columns = { text = "body" }
[[stage]]
filter = "length"
min_words = 5
only = ["a"]
[[stage]]
id = "twins"
dedupe = "exact"
prefer = "-words"
[[observer]]
use = "jsonlines"
options = { path = "run.jsonl" }
[run]
workers = 2
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """A pipeline file."""
    path = tmp_path / "pipeline.toml"
    path.write_text(TEXT)
    return path


def test_everything_in_it_has_its_place(file: Path) -> None:
    made = read_pipeline(file)
    assert (made.name, made.seed, made.folder) == ("try", 17, file.parent)
    assert made.sources[0].patterns == ("a/*.jsonl", "b/*.csv")
    assert [(stage.id, stage.hook, stage.place) for stage in made.stages] == [
        ("length", "filter", "pipeline.toml:8"),
        ("twins", "dedupe", "pipeline.toml:12"),
    ]
    assert made.stages[0].words.only == ("a",)
    assert made.stages[1].words.prefer == "-words"
    assert made.observers[0][1].path == "run.jsonl"
    assert made.run.workers == 2


def test_options_are_told_with_their_defaults(file: Path) -> None:
    stage = read_pipeline(file, ["length.max_words=9"]).stages[0]
    assert stage.options == {"min_words": 5, "max_words": 9}
    assert as_options(stage.plugin) == {
        "min_characters": None, "max_characters": None, "min_words": 5, "max_words": 9, "min_lines": None,
        "max_lines": None, "column": None,
    }  # fmt: skip


def test_the_name_is_the_files_where_it_has_none(file: Path) -> None:
    file.write_text(TEXT.replace('name = "try"\n', "", 1))
    assert read_pipeline(file).name == "pipeline"


def test_faults_come_in_the_order_of_their_lines(file: Path) -> None:
    file.write_text(TEXT.replace("min_words = 5", "max_words = -1\nmin_word = 2").replace("seed = 17", "sed = 1"))
    with pytest.raises(PipelineError) as caught:
        read_pipeline(file)
    assert [fault.place for fault in caught.value.faults] == [f"pipeline.toml:{line}" for line in (3, 10, 11)]


PARTS = {"hook": "filter", "plugin": "m:X", "options": {"n": 1}, "digest": "d", "seed": 3, "inputs": {"a": "x/a"}}


@pytest.mark.parametrize(
    "change, why",
    [
        ({"options": {"n": 2}}, "option n: 2 -> 1"),
        ({"options": {"n": 2, "m": None, "k": 3}}, "option n: 2 -> 1; option k: 3 -> None"),
        ({"plugin": "m:Y", "options": {}}, "another plugin: m:Y -> m:X"),
        ({"digest": "e"}, "the plugin's code changed"),
        ({"digest": "e", "seed": 4}, "the plugin's code changed; the seed changed"),
        ({"inputs": {"a": "x/a", "b": "y/b"}}, "it sees other sources"),
        ({"done": True}, "its artifact is gone"),
        ({"done": False}, "the last run did not come this far"),
    ],
)
def test_why_a_stage_runs_again(tmp_path: Path, change: dict[str, object], why: str) -> None:
    assert reason(Artifacts(tmp_path), "f", PARTS, {**PARTS, **change}, {}, True) == why


def test_a_stage_that_was_not_there_is_new(tmp_path: Path) -> None:
    assert reason(Artifacts(tmp_path), "f", PARTS, None, {}, True) == "new stage"
    assert reason(Artifacts(tmp_path), "f", PARTS, None, {}, False) == "first run"


def test_an_interrupted_stage_says_what_it_has(tmp_path: Path) -> None:
    artifacts = Artifacts(tmp_path)
    folder = artifacts.partial("f")
    assert reason(artifacts, "f", PARTS, PARTS, {}, True) == "was interrupted"
    for number in range(3):
        (folder / f"shard-{number:05}.json").write_text("{}")
    assert reason(artifacts, "f", PARTS, PARTS, {}, True) == "was interrupted; 3 finished shards are taken over"
    assert reason(artifacts, "f", {**PARTS, "hook": "read"}, PARTS, {}, True) == "was interrupted"


def test_several_workers_are_for_training_alone(file: Path) -> None:
    file.write_text(TEXT + '[[stage]]\ntrain = "pretrain"\nneeds = { workers = 2, cpus = 3 }\n')
    trained = read_pipeline(file).stages[-1]
    assert (trained.workers, trained.threads) == (2, 3)
    assert read_pipeline(file).stages[0].workers == 1
    with pytest.raises(PipelineError, match="'workers' has no meaning in a filter stage: it is for train"):
        read_pipeline(file, ["length.needs={ workers = 2 }"])
