"""Small preferences, tasks and a reading of journals, for the tests of preference and reinforcement training."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import pyarrow as pa
from training_samples import WORDS, MemoryDataset, MemoryJournal, dataset


@dataclass
class Diary(MemoryJournal):
    """Keeps losses and notes too."""

    lost: list[pa.Table] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def losses(self, table: pa.Table) -> None:
        self.lost.append(table)

    def note(self, text: str) -> None:
        self.notes.append(text)


@dataclass
class StopsAt(Diary):
    """Stops the training at a step, as a kill would."""

    step: int = 0

    def progress(self, done: float, total: float, unit: str) -> None:
        if unit == "steps" and done == self.step:
            raise RuntimeError("stopped")


def questions(count: int) -> list[str]:
    """Prompts, of which every tenth is like the first but for its number."""
    return [f"What follows {WORDS[k % 10]}, {k}?" for k in range(count)]


def preferences(count: int, source: str = "likes", **more: Any) -> MemoryDataset:
    """Preferences of the first three words to the last three."""
    chosen, rejected = ([WORDS[first + k % 3] for k in range(count)] for first in (0, 7))
    return dataset({source: {"prompt": questions(count), "chosen": chosen, "rejected": rejected, **more}})


def asked(count: int, **more: Any) -> MemoryDataset:
    """Questions alone."""
    return dataset({"asked": {"prompt": questions(count), **more}})


def rise(journal: MemoryJournal, name: str = "reward") -> tuple[float, float]:
    """The mean of the first two and of the last two values of a metric."""
    values = list(journal.values(name).values())
    return sum(values[:2]) / 2, sum(values[-2:]) / 2


def as_messages(texts: list[str], role: str) -> list[list[dict[str, str]]]:
    """Each text as a list of one message."""
    return [[{"role": role, "content": text}] for text in texts]


def ends(journal: MemoryJournal, name: str) -> tuple[float, float]:
    """The first and the last value of a metric."""
    values = list(journal.values(name).values())
    return values[0], values[-1]
