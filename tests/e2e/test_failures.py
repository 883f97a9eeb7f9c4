"""A plugin that raises costs the records that made it raise; one that breaks its contract ends the run."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest
from places import COMMAND, Place

LOUD = '''
"""A filter that prints."""

import os

import pyarrow as pa

from finery import hookimpl, plugin


@plugin
class Loud:
    @hookimpl
    def filter(self, batch):
        print("by Python", flush=True)
        os.write(1, b"by the system")
        return pa.nulls(len(batch), pa.string())
'''
SOURCE = '[[source]]\nname = "a"\npath = "a.jsonl"\n'
PLUGINS = '''
"""Plugins that fail."""

import pyarrow as pa
import pyarrow.compute as pc

from finery import Draw, hookimpl, plugin


def check(batch):
    for text in batch["text"].to_pylist():
        if "boom" in text:
            raise ValueError(f"cannot stand {text}")


@plugin
class Filter:
    @hookimpl
    def filter(self, batch):
        check(batch)
        return pa.nulls(len(batch), pa.string())


@plugin
class Score:
    @hookimpl
    def score(self, batch):
        check(batch)
        return {"fine": pa.array([True] * len(batch))}


@plugin
class Format:
    @hookimpl
    def format(self, batch):
        check(batch)
        return batch.append_column("new", pa.array([1] * len(batch)))


@plugin
class Bear:
    @hookimpl
    def format(self, batch):
        check(batch)
        twice = pa.concat_tables([batch, batch])
        return twice.append_column("parent", twice["id"])


@plugin
class Dedupe:
    @hookimpl
    def dedupe(self, batch):
        check(batch)
        return batch["text"]


@plugin
class Mix:
    @hookimpl
    def mix(self, sources):
        raise RuntimeError("no mix today")


@plugin
class Prepare:
    @hookimpl
    def prepare(self, dataset):
        raise RuntimeError("no preparation today")

    @hookimpl
    def filter(self, batch):
        return pa.nulls(len(batch), pa.string())


@plugin
class Same:
    @hookimpl
    def dedupe(self, batch):
        return pa.array(["k"] * len(batch))

    @hookimpl
    def same(self, left, right):
        raise RuntimeError("no comparison today")
'''
VERBS = {"filter": "Filter", "score": "Score", "format": "Format", "dedupe": "Dedupe"}


def prepared(place: Place, stage: str, count: int = 200, bad: tuple[int, ...] = (137,)) -> Place:
    """A pipeline of one stage over records of which some make plugins raise."""
    place.write("bad.py", PLUGINS)
    place.jsonl("a.jsonl", [{"text": f"{'boom' if n in bad else 'text'} {n}"} for n in range(count)])
    place.pipeline(f"{SOURCE}[[stage]]\n{stage}\n")
    return place


@pytest.mark.parametrize("verb, name", [*VERBS.items(), ("format", "Bear")])
def test_a_record_that_raises_costs_one_record(place: Place, verb: str, name: str) -> None:
    prepared(place, f'{verb} = "bad:{name}"')
    counts = place.good()[name.lower()]["sources"]["a"]
    assert (counts["failed"], counts["dropped"], counts["reasons"]["error"]) == (1, 0, 1)
    [decision] = place.decisions(name.lower())
    assert decision["detail"] == "ValueError: cannot stand boom 137"
    assert str(decision["record"]) in place.ids("read-a", "a")
    assert str(decision["record"]) not in place.ids(name.lower(), "a")


@pytest.mark.parametrize("verb, name", [*VERBS.items(), ("format", "Bear")])
def test_too_many_failures_end_the_run_and_name_the_first(place: Place, verb: str, name: str) -> None:
    prepared(place, f'{verb} = "bad:{name}"', bad=(137, 138, 139))
    outcome = place.run()
    assert outcome.code == 1
    fault = f"stage '{name.lower()}': 3 of 200 records failed, more than max_bad = 0.01 allows: first: record "
    assert fault in outcome.err
    assert "ValueError: cannot stand boom 137" in outcome.err
    assert place.run("--set", f"{name.lower()}.max_bad=0.02").code == 0


def test_a_stage_for_one_source_is_bounded_by_its_own_records(place: Place) -> None:
    prepared(place, 'filter = "bad:Filter"\nonly = ["a"]', count=50, bad=(7,))
    place.jsonl("b.jsonl", [{"text": f"b {n}"} for n in range(5000)])
    place.pipeline('[[source]]\nname = "b"\npath = "b.jsonl"\n' + (place.folder / "pipeline.toml").read_text())
    assert "1 of 50 records failed" in place.run().err


def test_on_error_stop_ends_the_run_at_the_record(place: Place) -> None:
    prepared(place, 'filter = "bad:Filter"\non_error = "stop"')
    outcome = place.run()
    place.pipeline((place.folder / "pipeline.toml").read_text().replace("stop", "record"))
    place.good()
    [decision] = place.decisions("filter")
    assert outcome.code == 1
    assert outcome.err == (
        f"stage 'filter' (bad:Filter, local): ValueError: cannot stand boom 137: "
        f"raised in shard 0 of 'a', record {decision['record']}\n"
    )


def test_a_plugin_that_always_raises_ends_the_run(place: Place) -> None:
    prepared(place, 'filter = "bad:Filter"', count=3, bad=(0, 1, 2))
    outcome = place.run()
    assert outcome.code == 1
    assert "ValueError: cannot stand boom" in outcome.err


@pytest.mark.parametrize(
    "stage, said",
    [
        ('mix = "bad:Mix"', "stage 'mix' (bad:Mix, local): RuntimeError: no mix today"),
        ('filter = "bad:Prepare"', "stage 'prepare' (bad:Prepare, local): RuntimeError: no preparation today"),
        ('dedupe = "bad:Same"', "stage 'same' (bad:Same, local): RuntimeError: no comparison today"),
    ],
)
def test_what_is_asked_once_and_raises_ends_the_run_with_its_name(place: Place, stage: str, said: str) -> None:
    prepared(place, stage)
    outcome = place.run()
    assert (outcome.code, outcome.err.strip()) == (1, said)


ANSWERS = {
    "filter": {
        "None": "'filter' answered None",
        "pa.nulls(3)": "has 3 values for 200 records",
        "pa.array([True] * len(batch))": "'code' of the reasons is bool",
        "'text'": "has 4 values for 200 records",
        "5": "'filter' answered what its hook does not allow",
        "object()": "'filter' answered what its hook does not allow",
        "Reasons(pa.nulls(len(batch), pa.string()), pa.array(['x'] * len(batch)))": "'filter' answered what",
    },
    "score": {
        "None": "'score' answered None",
        "pa.nulls(len(batch))": "'score' answered NullArray",
        "{'id': batch['id']}": "'score' may not write 'id'",
        "{'x': [1]}": "'x' has 1 values for 200 records",
        "{'x': 5}": "'score' answered what its hook does not allow",
    },
    "dedupe": {
        "None": "'dedupe' answered None",
        "pa.array(['k'])": "the keys has 1 values for 200 records",
        "7": "'dedupe' answered what its hook does not allow",
    },
    "format": {
        "None": "'format' answered None",
        "batch.to_pylist()": "'format' answered list",
        "batch.slice(1)": "'format' made 199 other records of 200",
        "batch.take(pa.array(range(199, -1, -1)))": "'format' made 200 other records of 200",
        "batch.drop_columns(['id'])": "'format' took away the column 'id'",
        "batch.drop_columns(['source'])": "'format' took away the column 'source'",
        "born(batch, pa.array(range(len(batch))))": "'format' answered what its hook does not allow",
        "born(batch, pa.array([[]] * len(batch), pa.list_(pa.binary(16))))": "made a record without a parent",
        "born(batch, pa.array([b'x' * 16] * len(batch), pa.binary(16)))": "named a parent that is not in its batch",
    },
}


@pytest.mark.parametrize(
    "verb, answer, said", [(v, a, s) for v, answers in ANSWERS.items() for a, s in answers.items()]
)
def test_a_wrong_answer_names_stage_plugin_and_version(place: Place, verb: str, answer: str, said: str) -> None:
    prepared(place, f'{verb} = "wrong:Wrong"')
    place.write(
        "wrong.py",
        "import pyarrow as pa\nfrom finery import Reasons, hookimpl, plugin\n\n\n"
        "def born(batch, parents):\n    return batch.append_column('parent', parents)\n\n\n@plugin\nclass Wrong:\n"
        f"    @hookimpl\n    def {verb}(self, batch):\n        return {answer}\n",
    )
    outcome = place.run()
    assert outcome.code == 1
    assert outcome.err.startswith("stage 'wrong' (wrong:Wrong, local): ")
    assert said in outcome.err
    assert len(outcome.err.splitlines()) == 1


@pytest.mark.parametrize("epochs", ["{a = -1}", "{a = nan}", "{a = inf}", "{c = 1.0}"])
def test_epochs_that_make_no_sense_are_refused(place: Place, epochs: str) -> None:
    prepared(place, f'mix = "wrong:Wrong"\nepochs = {epochs}')
    place.write(
        "wrong.py",
        "from finery import hookimpl, plugin\n\n\n@plugin\nclass Wrong:\n    epochs: dict[str, float]\n\n"
        "    @hookimpl\n    def mix(self, sources):\n        return self.epochs\n",
    )
    outcome = place.run()
    assert outcome.code == 1
    assert outcome.err.startswith("stage 'wrong'")


def test_a_type_that_changes_from_batch_to_batch_is_refused(place: Place) -> None:
    place.jsonl("a.jsonl", [{"text": f"text {n}"} for n in range(9000)])
    place.pipeline(f'{SOURCE}[[stage]]\nscore = "wrong:Wrong"\n')
    place.write(
        "wrong.py",
        "import pyarrow as pa\nfrom finery import hookimpl, plugin\n\n\n@plugin\nclass Wrong:\n    @hookimpl\n"
        "    def score(self, batch):\n        return {'x': pa.array([None if len(batch) > 999 else 1] * len(batch))}\n",
    )
    outcome = place.run()
    assert outcome.code == 1
    assert outcome.err.startswith("stage 'wrong' (wrong:Wrong, local): an answer is 'x' int64, an earlier one 'x' null")


def test_a_half_grouped_dedupe_does_not_forget_its_duplicates(place: Place) -> None:
    place.jsonl("a.jsonl", [{"text": f"text {n % 10}", "n": n} for n in range(100)])
    place.pipeline(f'{SOURCE}[[stage]]\ndedupe = "exact"\n')
    done = place.good()["exact"]
    before = place.ids("exact", "a")
    folder = place.root / "artifacts" / done["fingerprint"]
    (folder / "manifest.json").unlink()
    folder.rename(folder.with_suffix(".partial"))
    assert not list(Path(folder.with_suffix(".partial")).glob("keys-*"))
    place.good()
    assert place.ids("exact", "a") == before
    assert len(before) == 10


def test_what_plugins_and_their_workers_print_is_not_in_the_report(place: Place) -> None:
    for name in "ab":
        place.jsonl(f"{name}.jsonl", [{"text": "fine"}])
    sources = "".join(f'[[source]]\nname = "{name}"\npath = "{name}.jsonl"\n' for name in "ab")
    place.pipeline(f'{sources}[[stage]]\nfilter = "loud:Loud"\n')
    place.write("loud.py", LOUD)
    command = [COMMAND, "run", "pipeline.toml", "--json", "--workers", "2"]
    done = subprocess.run(command, cwd=place.folder, capture_output=True, text=True, check=False)
    assert json.loads(done.stdout)["status"] == "done"
    assert done.stderr.count("by Python") == done.stderr.count("by the system") == 2
