"""A journal that keeps what a plugin wrote, to be looked at."""

from __future__ import annotations

from dataclasses import dataclass, field

import pyarrow as pa


@dataclass
class MemoryJournal:
    """What a plugin wrote, in the order of writing."""

    metrics: list[tuple[str, float, int | None, str | None]] = field(default_factory=list)
    """Name, value, step and source of each metric."""
    tables: list[pa.Table] = field(default_factory=list)
    """Which records went into which step."""
    lost: list[pa.Table] = field(default_factory=list)
    """The losses of records."""
    notes: list[str] = field(default_factory=list)
    progressed: list[tuple[float, float, str]] = field(default_factory=list)

    def metric(self, name: str, value: float, step: int | None = None, source: str | None = None) -> None:
        """Keep a metric."""
        self.metrics.append((name, value, step, source))

    def steps(self, table: pa.Table) -> None:
        """Keep which records went into a step."""
        self.tables.append(table)

    def losses(self, table: pa.Table) -> None:
        """Keep losses of records."""
        self.lost.append(table)

    def note(self, text: str) -> None:
        """Keep a line for the reader."""
        self.notes.append(text)

    def progress(self, done: float, total: float, unit: str) -> None:
        """Keep how far it was."""
        self.progressed.append((done, total, unit))

    def values(self, name: str, source: str | None = None) -> dict[int | None, float]:
        """The values of one metric by step."""
        return {step: value for told, value, step, whose in self.metrics if (told, whose) == (name, source)}
