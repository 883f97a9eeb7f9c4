"""Tiny models, a chat server on loopback, and ways to call evaluations, for the tests of evaluation."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from finery import Model

sys.path.insert(0, str(Path(__file__).parent))
sys.path.insert(0, str(Path(__file__).parents[1] / "plugins/generate"))

from chat_stub import ChatStub
from evaluation_samples import Evaluator, tiny


@pytest.fixture
def stub() -> Iterator[ChatStub]:
    with ChatStub() as server:
        yield server


@pytest.fixture(scope="session")
def first(tmp_path_factory: pytest.TempPathFactory) -> Model:
    return tiny(tmp_path_factory.mktemp("models") / "first", 0)


@pytest.fixture(scope="session")
def second(tmp_path_factory: pytest.TempPathFactory) -> Model:
    return tiny(tmp_path_factory.mktemp("models") / "second", 1)


@pytest.fixture
def evaluate(tmp_path: Path) -> Evaluator:
    return Evaluator(tmp_path / "out")


@pytest.fixture
def jsonl(tmp_path: Path) -> Callable[..., str]:
    """Write rows as JSON lines: `jsonl(name, row, row)` answers with the path."""

    def write(name: str, *rows: Any) -> str:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), encoding="utf-8")
        return str(path)

    return write
