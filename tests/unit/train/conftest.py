"""Fixtures of the tests of training and evaluation, and the way to their samples."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from finery import Model, Stage, World

sys.path.insert(0, str(Path(__file__).parent))

from training_samples import MemoryDataset, MemoryJournal, dataset, sentences


@pytest.fixture(scope="session")
def stage() -> Stage:
    return Stage(id="study", hook="train", plugin="pretrain", seed=17)


@pytest.fixture
def journal() -> MemoryJournal:
    return MemoryJournal()


Train = Callable[..., Model]


@pytest.fixture
def train(tmp_path: Path, stage: Stage) -> Train:
    """Train with a plugin: `train(plugin, examples, model=None, journal=None, out=None)`."""

    def run(
        plugin: Any,
        examples: MemoryDataset,
        model: Model | None = None,
        journal: MemoryJournal | None = None,
        out: Path | None = None,
    ) -> Model:
        folder = out or tmp_path / "out"
        return plugin.train(examples, model, folder, World(threads=1), stage, journal or MemoryJournal())

    return run


@pytest.fixture(scope="session")
def base(tmp_path_factory: pytest.TempPathFactory, stage: Stage) -> Model:
    """A tiny pre-trained model."""
    from finery_plugins.train.pretrain import Pretrain

    examples = dataset({"forge": {"text": sentences(60)}})
    plugin = Pretrain(layers=2, width=32, heads=2, vocabulary=400, context=64, steps=20, batch=8, lr=1e-2)
    return plugin.train(examples, None, tmp_path_factory.mktemp("base"), World(), stage, MemoryJournal())
