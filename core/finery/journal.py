"""What a train or evaluate stage writes as it happens: metrics as JSON lines, the records of its steps as Parquet.

An interrupted stage begins a new attempt; where two attempts tell of the same step, the later one counts.
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


class FileJournal:
    """A Journal in the folder of a stage's artifact."""

    def __init__(self, folder: Path, stage: Stage, hear: Any) -> None:
        self.folder = folder
        self.stage = stage
        self.hear = hear
        self.attempt = len(list(folder.glob("metrics-*.jsonl")))
        self.parts = 0
        self.file: TextIO = (folder / f"metrics-{self.attempt:03}.jsonl").open("w", encoding="utf-8")

    def metric(self, name: str, value: float, step: int | None = None, source: str | None = None) -> None:
        """One number; it is on disk when this returns."""
        line = {"name": name, "value": float(value), "step": step, "source": source}
        self.file.write(json.dumps(line) + "\n")
        self.file.flush()
        self.hear.metric(stage=self.stage, name=name, value=float(value), step=step, source=source)

    def steps(self, table: pa.Table) -> None:
        """Which records went into which step."""
        path = self.folder / f"steps-{self.attempt:03}-{self.parts:05}.parquet"
        pq.write_table(table.select(STEPS.names).cast(STEPS), path, compression="zstd")
        self.parts += 1

    def progress(self, done: float, total: float, unit: str) -> None:
        """How far the stage is."""
        self.hear.stage_progress(stage=self.stage, done=done, total=total, unit=unit)

    def close(self) -> None:
        """Close the file."""
        self.file.close()


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
