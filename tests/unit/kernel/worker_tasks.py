"""Tasks for workers, in a module that worker processes can import."""

from __future__ import annotations

import os
import signal
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from finery.errors import DataError


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
