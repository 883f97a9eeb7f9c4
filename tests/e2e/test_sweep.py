"""A sweep counts what a run with each value would keep."""

from __future__ import annotations

import json
import random
from typing import Any

import pytest
from click.testing import CliRunner
from places import Place, forget_modules

from finery.cli.sweep import sweep

PIPELINE = """
seed = 5
[[source]]
name = "a"
path = "a.jsonl"
[[source]]
name = "b"
path = "b.jsonl"
[[stage]]
score = "statistics"
columns = ["characters", "words", "compression_ratio"]
[[stage]]
filter = "keep"
where = "words > 3"
[[stage]]
id = "short"
filter = "length"
only = ["a"]
min_words = 5
[[stage]]
filter = "raising:Raising"
max_bad = 1
"""

WORDS = ["one", "three", "fifteen", "of", "to", "wonderful"]

RAISING = '''
import pyarrow as pa
from finery import hookimpl, plugin


@plugin
class Raising:
    """Drop long texts, and raise for some."""

    most: int = 60

    @hookimpl
    def filter(self, batch):
        texts = batch["text"].to_pylist()
        if any(len(text) % 7 == 0 for text in texts):
            raise ValueError("seven")
        return pa.array(["long" if len(text) > self.most else None for text in texts], pa.string())
'''


@pytest.fixture
def run(place: Place) -> Place:
    """A finished run."""
    chance = random.Random(1)
    for name in "ab":
        texts = [" ".join(chance.choices(WORDS, k=n % 23)) for n in range(1, 400)]
        place.jsonl(f"{name}.jsonl", [{"text": text} for text in texts if text])
    place.write("raising.py", RAISING)
    place.pipeline(PIPELINE)
    place.good()
    return place


def swept(place: Place, *words: str) -> Any:
    """What a sweep tells."""
    arguments = [str(place.folder / "pipeline.toml"), *words, "--json"]
    done = CliRunner().invoke(sweep, arguments, catch_exceptions=False, standalone_mode=False)
    forget_modules()
    assert done.exception is None, done.exception
    return json.loads(done.stdout)


def kept_by_runs(place: Place, stage: str, settings: list[list[str]]) -> list[dict[str, Any]]:
    """What runs with each setting keep, and why they drop the others."""
    found = []
    for said in settings:
        sources = place.good(*[part for one in said for part in ("--set", one)])[stage]["sources"]
        found.append({name: (c["in"], c["kept"], c["reasons"]) for name, c in sources.items()})
    return found


def kept_by_sweep(told: Any) -> list[dict[str, Any]]:
    """What a sweep says that they would keep."""
    return [
        {
            name: (found["records"], found["kept"], found["reasons"])
            for name, found in point["sources"].items()
            if name != "all"
        }
        for point in told["points"]
    ]


@pytest.mark.parametrize(
    ("stage", "axes"),
    [
        ("keep", {"where": ["words > 3", "words > 10 and compression_ratio < 2", "words < 0 or words > 12"]}),
        ("short", {"min_words": [1, 5, 19]}),
        ("short", {"min_words": [4, 8], "max_words": [10, 20]}),
        ("raising", {"most": [20, 60, 100]}),
    ],
)
def test_a_sweep_counts_what_runs_would_keep(run: Place, stage: str, axes: dict[str, list[Any]]) -> None:
    words = [f"{stage}.{name}={','.join(map(json.dumps, values))}" for name, values in axes.items()]
    told = swept(run, *words)
    points = [[f"{stage}.{name}={json.dumps(value)}" for name, value in p["values"].items()] for p in told["points"]]
    assert kept_by_sweep(told) == kept_by_runs(run, stage, points)


def test_a_filter_that_prepares_is_prepared_for_each_value(run: Place) -> None:
    told = swept(run, "keep.best=0.1,0.5", "--set", "keep.by=words", "--set", "keep.best=1")
    points = [["keep.by=words", "raising.most=500", f"keep.best={value}"] for value in (0.1, 0.5)]
    assert kept_by_sweep(told) == kept_by_runs(run, "keep", points)


def test_changes_say_how_many_records_go_from_value_to_value(run: Place) -> None:
    told = swept(run, "short.min_words=1,5,19", "--samples", "3")
    kept = [point["sources"]["a"]["kept"] for point in told["points"]]
    assert [change["lost"] - change["gained"] for change in told["changes"]] == [kept[0] - kept[1], kept[1] - kept[2]]
    assert [len(change["samples"]) for change in told["changes"]] == [3, 3]
    ids = set(run.ids("short", "a")) | {str(d["record"]) for d in run.decisions("short")}
    assert {row["record"] for change in told["changes"] for row in change["samples"]} <= ids


def test_samples_are_the_same_whoever_asks(run: Place) -> None:
    first = swept(run, "short.min_words=5,9", "--samples", "4")
    assert swept(run, "short.min_words=5,9", "--samples", "4", "--set", "run.workers=2") == first


def test_what_has_not_run_yet_is_refused(run: Place) -> None:
    arguments = [str(run.folder / "pipeline.toml"), "short.min_words=1", "--set", "keep.where=words > 1"]
    done = CliRunner().invoke(sweep, arguments)
    assert "'keep' before it has to run first (option where:" in str(done.exception)
