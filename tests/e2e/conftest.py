"""What the end-to-end tests share: a fresh folder, a watch over the records of every run in it, and an end of the
processes that a failed test left."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
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


@pytest.fixture(autouse=True)
def alone(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A test that fails fails alone: what it started and did not wait for ends with it."""
    started: list[subprocess.Popen[str]] = []
    begin = Place.start

    def start(place: Place, *more: str, **named: Path) -> subprocess.Popen[str]:
        started.append(begin(place, *more, **named))
        return started[-1]

    monkeypatch.setattr(Place, "start", start)
    yield
    for process in started:
        if process.stdout and not process.stdout.closed:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.communicate()
