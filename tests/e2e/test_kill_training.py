"""`kill -9` during a training, of a worker or of the driver: run again, it ends in the same losses and weights."""

from __future__ import annotations

import json
import random
from pathlib import Path

import pytest
from places import Place, copied, ended, new_place
from processes import kill, session, until, workers

WORDS = ["iron", "slag", "bloom", "forge", "anvil", "ember", "tongs", "quench", "temper", "rivet"]
PIPELINE = """
[[source]]
name = "forge"
path = "forge.jsonl"
[[stage]]
id = "base"
train = "masked-lm"
layers = 1
width = 32
heads = 2
vocabulary = 400
context = 64
batch = 4
packing = false
epochs = 4
log_steps = 1
checkpoint_steps = 3
needs = { workers = WORKERS, cpus = 1 }
"""

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> Place:
    """A folder with texts; masks and dropout are drawn anew for each."""
    place = new_place(tmp_path_factory.mktemp("plain"))
    texts = [" ".join([WORDS[k % 10]] * (8 + k % 6)) + f" {k}." for k in range(60)]
    place.jsonl("forge.jsonl", [{"text": text} for text in texts])
    return place


def with_workers(plain: Place, folder: Path, count: int) -> Place:
    """The same texts and a pipeline for so many workers."""
    place = copied(plain, folder)
    place.pipeline(PIPELINE.replace("WORKERS", str(count)))
    return place


def steps_done(place: Place) -> int:
    """How many steps the journal of the last attempt tells of."""
    files = sorted((place.root / "artifacts").glob("*.partial/metrics-*.jsonl"))
    lines = files[-1].read_text().splitlines() if files else []
    return sum('"name": "loss"' in line and '"source": null' in line for line in lines)


def left(place: Place) -> tuple[str, dict[int, float], int]:
    """The model's fingerprint, the loss of each step, and the checkpoints and work that are left."""
    manifest = place.manifests()["base"]
    (out,) = (place.root / "artifacts").glob("*/out")
    found: dict[int, float] = {}
    for file in sorted(out.parent.glob("metrics-*.jsonl")):
        for line in map(json.loads, file.read_text().splitlines()):
            if line["name"] == "loss" and line["source"] is None:
                found[line["step"]] = line["value"]
    return manifest["model"]["fingerprint"], found, len(list(out.glob("checkpoints/*")))


def finished(place: Place) -> None:
    """Run to the end."""
    outcome = ended(place.start())
    assert outcome.code == 0, outcome


def killed(place: Place, step: int, victim: str) -> None:
    """Run, and kill the driver or a worker as soon as a step is told of; no process is left."""
    process = place.start()
    assert until(lambda: steps_done(place) >= step)
    assert kill(process.pid if victim == "driver" else random.Random(step).choice(workers(process.pid)))
    outcome = ended(process)
    assert until(lambda: not session(process.pid))
    assert outcome.code != 0
    if victim == "worker":
        assert "died (signal 9): is there enough memory? run again" in outcome.err


def test_a_training_killed_at_any_step_ends_as_one_that_was_not(plain: Place, tmp_path: Path) -> None:
    whole, cut = (with_workers(plain, tmp_path / name, 1) for name in ("whole", "cut"))
    finished(whole)
    assert len(left(whole)[1]) == 60
    killed(cut, random.Random(7).randrange(4, 50), "driver")
    finished(cut)
    assert left(cut) == left(whole)


def test_two_workers_one_of_them_killed_and_then_their_driver_end_as_if_nothing_had_happened(
    plain: Place, tmp_path: Path
) -> None:
    whole, cut = (with_workers(plain, tmp_path / name, 2) for name in ("whole", "cut"))
    finished(whole)
    killed(cut, 5, "worker")
    killed(cut, 8, "driver")
    finished(cut)
    assert left(cut) == left(whole)
