"""What the tests of merged, pruned and quantised models share: a way to change one, and data to compare on."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

sys.path.insert(0, str(Path(__file__).parent))
sys.path.insert(0, str(Path(__file__).parents[1]))

from training_samples import MemoryDataset, MemoryJournal, dataset, sentences

from finery import Model, Stage, World


@pytest.fixture(scope="session")
def texts() -> MemoryDataset:
    """Held-out texts in two sources."""
    return dataset({"forge": {"text": sentences(30, 100)}, "mill": {"text": sentences(20, 300, 20)}})


@pytest.fixture(scope="session")
def made(tmp_path_factory: pytest.TempPathFactory, stage: Stage) -> Callable[..., Model]:
    """A tiny model that was trained a little: `made(salt=0, architecture="llama")`; a salt gives it other texts."""
    from finery_plugins.train.pretrain import Pretrain

    known: dict[str, Model] = {}

    def make(salt: int = 0, model: Model | None = None, **said: Any) -> Model:
        key = repr((salt, model, sorted(said.items())))
        if key not in known:
            size = {} if model else {"layers": 2, "width": 64, "heads": 4, "vocabulary": 400, "context": 64}
            plugin = Pretrain(**{**size, "steps": 30, "batch": 8, "lr": 1e-2, **said})
            examples = dataset({"forge": {"text": sentences(60, salt)}})
            out = tmp_path_factory.mktemp("made")
            known[key] = plugin.train(examples, model, out, World(), stage, MemoryJournal())
        return known[key]

    return make


@pytest.fixture(scope="session")
def base(made: Callable[..., Model]) -> Model:
    """A tiny Llama."""
    return made()


@pytest.fixture
def change(tmp_path: Path, stage: Stage, texts: MemoryDataset) -> Callable[..., tuple[Model, dict[Any, float]]]:
    """Change a model by a plugin: the new one, and its metrics by name, or by name and source."""

    def run(plugin: Any, model: Model | None, examples: Any = texts, out: str = "changed") -> Any:
        journal = MemoryJournal()
        found = plugin.train(examples, model, tmp_path / out, World(threads=1), stage, journal)
        return found, {(name, source) if source else name: value for name, value, _, source in journal.metrics}

    return run
