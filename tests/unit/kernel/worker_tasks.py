"""Tasks for workers, in a module that worker processes can import."""

from __future__ import annotations

import os
import signal
import threading
import time
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from finery.errors import DataError
from finery.stages.asking import Link
from finery.types import Needs, Stage


@dataclass(frozen=True)
class Square:
    """Says who did it."""

    number: int

    def run(self) -> list[dict[str, Any]]:
        """The square."""
        return [{"square": self.number**2, "process": os.getpid(), "thread": threading.get_ident()}]


@dataclass(frozen=True)
class Faulty:
    """Raises."""

    def run(self) -> list[dict[str, Any]]:
        """Never answers."""
        raise DataError.at("a.jsonl:3", "is no JSON", "mend it")


@dataclass(frozen=True)
class Fatal:
    """Kills its worker until a file says that it has been done often enough."""

    log: Path
    times: int

    def run(self) -> list[dict[str, Any]]:
        """An answer, in the end."""
        with self.log.open("a") as file:
            file.write("x")
        if len(self.log.read_text()) <= self.times:
            os.kill(os.getpid(), signal.SIGKILL)
        return [{}]


@dataclass(frozen=True)
class Greedy:
    """Holds more than any machine of a test has."""

    needs: Needs = field(default_factory=lambda: Needs(cpus=2, gpus=4))

    def run(self) -> list[dict[str, Any]]:
        """Never called."""
        raise AssertionError


class Reader:
    """A plugin whose model takes long to load: each time it does, it says so."""

    def __init__(self, log: Path) -> None:
        self.log = log

    @cached_property
    def model(self) -> str:
        """The model, loaded when first asked for."""
        with self.log.open("a") as file:
            file.write("loaded\n")
        return "model"


@dataclass(frozen=True)
class Loading:
    """Asks a plugin that holds a GPU for its model."""

    link: Link
    needs: Needs = field(default_factory=lambda: Needs(gpus=1))

    @classmethod
    def over(cls, folder: Path, number: int) -> Loading:
        """The task of a shard."""
        return cls(Link(Stage("read", "score", "reader", 1), Reader(folder / "loads"), "local", "f1", number))

    def run(self) -> list[dict[str, Any]]:
        """One entry."""
        return [{"model": self.link.plugin.model}]


@dataclass(frozen=True)
class Long:
    """Takes longer than anybody waits."""

    def run(self) -> list[dict[str, Any]]:
        """Nothing, much later."""
        time.sleep(600)
        return []
