"""A training that waits for a file, so that there is a run to watch."""

from __future__ import annotations

import time
from pathlib import Path

import pyarrow as pa

from finery import Batch, Dataset, Journal, Model, hookimpl, plugin


@plugin
class Short:
    """Drop what is short."""

    @hookimpl
    def filter(self, batch: Batch) -> pa.Array:
        """`short` for texts under four characters."""
        return pa.array(["short" if len(text) < 4 else None for text in batch["text"].to_pylist()], pa.string())


@plugin
class Waiting:
    """Tell of five steps of ten, and wait for a file `open` in the folder that the examples lie in."""

    gate: str
    """The file."""

    @hookimpl
    def train(self, examples: Dataset, out: Path, journal: Journal) -> Model:
        """Wait a minute at most."""
        for step in range(1, 6):
            journal.metric("loss", 4.0 / step, step)
            journal.progress(step, 10, "steps")
            time.sleep(0.6 if step == 4 else 0)  # The fifth is told for certain: two a second are written.
        deadline = time.monotonic() + 60
        while not Path(self.gate).exists() and time.monotonic() < deadline:
            time.sleep(0.05)
        (out / "model.txt").write_text("toy")
        return Model(out, "toy", "feedbeef0123")
