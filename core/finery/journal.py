"""What a train or evaluate stage writes as it happens: metrics as JSON lines, records' steps and losses as Parquet.

An interrupted stage begins a new attempt; where two attempts tell of the same step or epoch, the later one counts.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, TextIO

import pyarrow as pa
import pyarrow.parquet as pq

from finery.types import Stage

STEPS = pa.schema(
    [
        ("step", pa.int64()),
        ("rank", pa.int32()),
        ("record", pa.uuid()),
        ("start", pa.int64()),
        ("length", pa.int64()),
    ]
)

LOSSES = pa.schema(
    [
        ("record", pa.uuid()),
        ("epoch", pa.int32()),
        ("loss", pa.float64()),
        ("tokens", pa.int64()),
    ]
)


class FileJournal:
    """A Journal in the folder of a stage's artifact."""

    def __init__(self, folder: Path, stage: Stage, hear: Any) -> None:
        self.folder = folder
        self.stage = stage
        self.hear = hear
        self.notes: list[str] = []
        self.begin()

    def begin(self) -> None:
        """Open the files of one more attempt."""
        self.attempt = len(list(self.folder.glob("metrics-*.jsonl")))
        self.parts = 0
        self.file: TextIO = (self.folder / f"metrics-{self.attempt:03}.jsonl").open("w", encoding="utf-8")

    def again(self) -> None:
        """Begin another attempt: the stage was interrupted, and goes on while this run does."""
        self.close()
        self.begin()

    def metric(self, name: str, value: float, step: int | None = None, source: str | None = None) -> None:
        """One number; it is on disk when this returns."""
        line = {"name": name, "value": float(value), "step": step, "source": source}
        self.file.write(json.dumps(line) + "\n")
        self.file.flush()
        self.hear.metric(stage=self.stage, name=name, value=float(value), step=step, source=source)

    def steps(self, table: pa.Table) -> None:
        """Which records went into which step."""
        self.write("steps", table, STEPS)

    def losses(self, table: pa.Table) -> None:
        """The loss of each record in an epoch."""
        self.write("losses", table, LOSSES)

    def note(self, text: str) -> None:
        """One line for the reader, once: the stage's summary has them all."""
        if text not in self.notes:
            self.notes.append(text)

    def write(self, kind: str, table: pa.Table, schema: pa.Schema) -> None:
        """One more file of a kind."""
        path = self.folder / f"{kind}-{self.attempt:03}-{self.parts:05}.parquet"
        pq.write_table(table.select(schema.names).cast(schema), path, compression="zstd")
        self.parts += 1

    def progress(self, done: float, total: float, unit: str) -> None:
        """How far the stage is."""
        self.hear.stage_progress(stage=self.stage, done=done, total=total, unit=unit, reasons=None)

    def close(self) -> None:
        """Close the file."""
        self.file.close()


class Unheard:
    """A Journal for a stage that is only tried: what it says is kept nowhere."""

    def metric(self, name: str, value: float, step: int | None = None, source: str | None = None) -> None:
        """Let a number go."""

    def steps(self, table: pa.Table) -> None:
        """Let the records of steps go."""

    def losses(self, table: pa.Table) -> None:
        """Let losses go."""

    def note(self, text: str) -> None:
        """Let a line go."""

    def progress(self, done: float, total: float, unit: str) -> None:
        """Say nothing of how far it is."""


def metrics(folder: Path) -> Iterator[dict[str, Any]]:
    """Every metric, the last attempt's word where there are several; a half-written line is passed over."""
    found: dict[tuple[Any, ...], dict[str, Any]] = {}
    for path in sorted(folder.glob("metrics-*.jsonl")):
        for line in path.read_text(encoding="utf-8").splitlines():
            try:
                entry = json.loads(line)
            except ValueError:
                continue
            found[entry["name"], entry["step"], entry["source"]] = entry
    yield from found.values()
