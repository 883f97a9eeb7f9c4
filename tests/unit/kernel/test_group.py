"""A group of workers: the first answers, one that fails ends all with its cause and its number, none is left."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from group_tasks import Ends

from finery import DataError, Model, PluginError, Stage, WorkError, World
from finery.executors.group import Group
from finery.testing import MemoryJournal

STAGE = Stage("x", "train", "ends", 1)


def together(how: str, out: Path, journal: MemoryJournal | None = None) -> Model:
    """The answer of two workers."""
    return Group(Ends(how=how)).train(None, None, out, World(size=2, threads=3), STAGE, journal or MemoryJournal())


def left(out: Path) -> list[str]:
    """The workers that still live."""
    return [path.name for path in out.iterdir() if Path("/proc", path.name).exists()]


def test_the_first_worker_answers_and_each_knows_its_place(tmp_path: Path) -> None:
    assert together("well", tmp_path).name == "0 of 2, 0, 3"
    assert len(list(tmp_path.iterdir())) == 2
    assert left(tmp_path) == []


def test_metrics_are_the_first_worker_s_and_losses_all_workers(tmp_path: Path) -> None:
    journal = MemoryJournal()
    together("well", tmp_path, journal)
    assert journal.values("loss") == {1: 1.0}
    assert sorted(table["rank"][0].as_py() for table in journal.lost) == [0, 1]


def test_an_error_names_the_worker_that_raised_it_and_ends_the_others(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="train 'x', worker 1 of 2: is of no use: mend it"):
        together("data", tmp_path)
    assert left(tmp_path) == []


def test_what_all_raise_is_told_once_in_the_first_worker_s_words(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"^train 'x': is of no use: mend it$"):
        together("all", tmp_path)


def test_a_foreign_exception_comes_with_its_worker_and_its_traceback(tmp_path: Path) -> None:
    with pytest.raises(PluginError, match=r"stage 'x' \(ends\), worker 1 of 2: ValueError: seven") as caught:
        together("value", tmp_path)
    assert "raise ValueError" in str(caught.value.__cause__)


def test_a_worker_that_dies_ends_the_stage(tmp_path: Path) -> None:
    with pytest.raises(WorkError, match=r"worker 1 of 2 died \(signal 9\)"):
        together("death", tmp_path)
    assert left(tmp_path) == []
