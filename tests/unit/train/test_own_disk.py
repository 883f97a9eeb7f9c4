"""Machines that share no disk: what one keeps is all that another goes on from, and it ends in the same bits."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from training_samples import MemoryJournal, StopsAt, dataset, sentences

from finery import Stage, World
from finery.data.artifacts import Artifacts
from finery.data.store import Store
from finery.executors.ownhome import Home
from finery_plugins.train.pretrain import Pretrain

STUDY = Pretrain(
    layers=1, width=32, heads=2, vocabulary=400, context=64, steps=8, batch=8, lr=1e-2, log_steps=1, checkpoint_steps=2
)


@pytest.fixture
def home(tmp_path: Path) -> Home:
    """The driver's."""
    store = Store(str(tmp_path / "store"))
    return Home(Artifacts(tmp_path / "driver", store), "f" * 32, store)


def settled(home: Home, node: str, attempt: str) -> Home:
    """A node's copy, when an attempt begins there."""
    own = home.moved(home.artifacts.root.with_name(node))
    with own.alone():
        own.settle(attempt)
    return own


def put(home: Home, name: str, content: str = "whole") -> Path:
    """A file of `out`."""
    path = home.out / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(content)
    return path


def found(home: Home) -> set[str]:
    """The files of `out`."""
    return {path.relative_to(home.out).as_posix() for path in home.out.rglob("*") if path.is_file()}


def test_what_was_kept_is_all_that_the_next_attempt_finds(home: Home) -> None:
    first = settled(home, "one", "a")
    kept = put(first, "checkpoints/checkpoint-2/weights").parent
    first.keep(kept)
    first.keep(put(first, "checkpoints/checkpoint-2/finished"))
    put(first, "checkpoints/checkpoint-4/weights", "half")
    there = {"checkpoints/checkpoint-2/weights", "checkpoints/checkpoint-2/finished"}
    assert found(settled(home, "two", "b")) == there
    assert found(settled(home, "one", "c")) == there


def test_workers_of_one_attempt_share_a_machine_s_copy(home: Home) -> None:
    put(settled(home, "one", "a"), "tokens")
    assert found(settled(home, "one", "a")) == {"tokens"}


def test_what_is_gone_here_goes_there_with_the_next_that_is_kept(home: Home) -> None:
    own = settled(home, "one", "a")
    for step in (2, 4):
        own.keep(put(own, f"checkpoints/checkpoint-{step}/weights").parent)
        if step == 4:
            shutil.rmtree(own.out / "checkpoints" / "checkpoint-2")
        own.keep(put(own, f"checkpoints/checkpoint-{step}/finished"))
    names = {f"checkpoints/checkpoint-4/{name}" for name in ("weights", "finished")}
    assert set(home.store.files(home.name("."))) == names


def test_in_the_end_the_store_has_what_out_has(home: Home) -> None:
    own = settled(home, "one", "a")
    own.keep(put(own, "checkpoints/checkpoint-2/weights").parent)
    (own.out / "checkpoints" / "checkpoint-2" / "weights").unlink()
    put(own, "model.safetensors")
    own.finish()
    assert set(home.store.files(home.name("."))) == {"model.safetensors"}


def test_a_training_goes_on_on_another_machine(home: Home, tmp_path: Path, stage: Stage) -> None:
    examples = dataset({"forge": {"text": sentences(60)}})
    whole = STUDY.train(examples, None, tmp_path / "whole", World(), stage, MemoryJournal())
    first = settled(home, "one", "a")
    with pytest.raises(StopsAt.Stopped):
        STUDY.train(examples, None, first.out, World(keep=first.keep), stage, StopsAt(5))
    second, told = settled(home, "two", "b"), MemoryJournal()
    again = STUDY.train(examples, None, second.out, World(keep=second.keep), stage, told)
    assert again.fingerprint == whole.fingerprint
    assert min(step for _, _, step, _ in told.metrics if step) <= 4
    second.finish()
    home.artifacts.fetch_folder(home.fingerprint, "out")
    assert {"model.safetensors", "config.json"} <= found(home)
    assert not any(name.startswith("checkpoints") for name in found(home))
