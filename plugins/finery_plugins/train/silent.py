"""A journal for what is not a run: only its notes are kept."""

from __future__ import annotations

from dataclasses import dataclass, field

import pyarrow as pa


@dataclass
class Silent:
    """A journal that keeps notes alone."""

    notes: list[str] = field(default_factory=list)

    def metric(self, name: str, value: float, step: int | None = None, source: str | None = None) -> None:
        """Not kept."""

    def steps(self, table: pa.Table) -> None:
        """Not kept."""

    def losses(self, table: pa.Table) -> None:
        """Not kept."""

    def note(self, text: str) -> None:
        """Kept."""
        self.notes.append(text)

    def progress(self, done: float, total: float, unit: str) -> None:
        """Not kept."""
