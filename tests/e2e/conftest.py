"""What the end-to-end tests share: a fresh folder, and a watch over the records of every run in it."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from places import Place, conserve, new_place


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    """An empty folder with the tiny plugins; every stage of every run in it must have kept its records."""
    made = new_place(tmp_path / "p")
    yield made
    conserve(made)
