"""Small data sets and a journal in memory, for the tests of training and evaluation."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import pyarrow as pa

from finery import record_ids
from finery.testing import MemoryJournal

WORDS = ["iron", "slag", "bloom", "forge", "anvil", "ember", "tongs", "quench", "temper", "rivet"]


@dataclass
class MemoryDataset:
    """Records in memory, as plugins see those on disk."""

    tables: dict[str, pa.Table]
    rows: int = 7
    """Records in a batch."""
    fingerprint: str = "memory"

    @property
    def sources(self) -> tuple[str, ...]:
        return tuple(self.tables)

    @property
    def records(self) -> int:
        return sum(map(len, self.tables.values()))

    def columns(self, source: str) -> tuple[str, ...]:
        return tuple(self.tables[source].column_names)

    def batches(self, columns: Sequence[str] | None = None, only: Sequence[str] | None = None) -> Iterator[pa.Table]:
        for name, table in self.tables.items():
            if only is not None and name not in only:
                continue
            kept = table if columns is None else table.select([c for c in table.column_names if c in columns])
            yield from (kept.slice(start, self.rows) for start in range(0, len(kept), self.rows))


def source_table(source: str, columns: dict[str, Any]) -> pa.Table:
    """Records of one source, with their ids."""
    table = pa.table(columns)
    names = pa.array([source] * len(table)).dictionary_encode()
    ids = record_ids(table, source)
    return table.add_column(0, "source", names).add_column(0, "id", ids)


def dataset(sources: dict[str, dict[str, Any]], rows: int = 7) -> MemoryDataset:
    """A data set of a few sources, each given by its columns."""
    return MemoryDataset({name: source_table(name, columns) for name, columns in sources.items()}, rows)


def sentences(count: int, salt: int = 0, length: int = 12) -> list[str]:
    """Texts in which the next word follows from the one before it."""
    size = len(WORDS)
    starts = itertools.islice(itertools.count(salt), count)
    walks = ((start, range(length + start % 5)) for start in starts)
    return [" ".join(WORDS[(start + 3 * k) % size] for k in walk) + f" {start}." for start, walk in walks]


def chats(count: int, shift: int = 3) -> list[list[dict[str, str]]]:
    """Conversations of two turns whose answers follow from the questions."""
    return [
        [
            {"role": "user", "content": f"What follows {WORDS[k % 10]}?"},
            {"role": "assistant", "content": WORDS[(k + shift) % 10]},
            {"role": "user", "content": "And then?"},
            {"role": "assistant", "content": WORDS[(k + 2 * shift) % 10]},
        ]
        for k in range(count)
    ]


def echoes(count: int, salt: int = 0) -> list[str]:
    """Texts that say one word over and over: whatever is hidden, the rest tells."""
    return [" ".join([WORDS[(k + salt) % len(WORDS)]] * (8 + k % 6)) for k in range(count)]


class StopsAt(MemoryJournal):
    """A journal that ends the process at a step, as a kill would."""

    class Stopped(RuntimeError):
        """Stands for a kill."""

    def __init__(self, step: int) -> None:
        super().__init__()
        self.step = step

    def progress(self, done: float, total: float, unit: str) -> None:
        if unit == "steps" and done == self.step:
            raise self.Stopped
