"""Plugins of a few lines for the end-to-end tests; a copy lies beside each pipeline that uses them."""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

from finery import Batch, Draw, Reasons, Source, Tally, hookimpl, plugin

BATCH: int | None = None
THREADS = False


def texts_of(batch: Batch) -> list[str]:
    """The texts, an empty one for a null."""
    return [text or "" for text in batch["text"].to_pylist()]


@plugin(batch=BATCH, releases_gil=THREADS)
class Short:
    """Drop texts of few characters."""

    minimum: int = 3
    """Fewest characters."""

    @hookimpl
    def filter(self, batch: Batch, tally: Tally) -> Reasons:
        """`short`, with the length."""
        lengths = pc.utf8_length(batch["text"]).cast(pa.float64())
        tally["seen"] += len(batch)
        code = pc.if_else(pc.less(lengths, self.minimum), "short", pa.scalar(None, pa.string()))
        return Reasons(code, lengths, float(self.minimum))


@plugin(batch=BATCH, releases_gil=THREADS)
class Words:
    """Count words."""

    factor: int = 1
    """What each word counts."""

    @hookimpl
    def score(self, batch: Batch) -> dict[str, pa.Array]:
        """`words` and `weight`."""
        counts = [self.factor * len(text.split()) for text in texts_of(batch)]
        return {"words": pa.array(counts, pa.int64()), "weight": pa.array([c / 7 for c in counts], pa.float64())}


@plugin(batch=BATCH, releases_gil=THREADS)
class Lower:
    """Write texts in lower case."""

    @hookimpl
    def format(self, batch: Batch) -> Batch:
        """The same records."""
        place = batch.column_names.index("text")
        return batch.set_column(place, "text", pa.array([t.lower() for t in texts_of(batch)], pa.large_string()))


@plugin(batch=BATCH, releases_gil=THREADS)
class Lines:
    """Make a record of each line that is not blank."""

    @hookimpl
    def format(self, batch: Batch) -> Batch:
        """Records with a `parent`."""
        lines = [[line for line in text.split("\n") if line.strip()] for text in texts_of(batch)]
        index = pa.array([i for i, part in enumerate(lines) for _ in part], pa.int64())
        flat = pa.array([line for part in lines for line in part], pa.large_string())
        born = batch.take(index)
        born = born.set_column(born.column_names.index("text"), "text", flat)
        return born.append_column("parent", born["id"])


@plugin(batch=BATCH, releases_gil=THREADS)
class Keys:
    """Find records that share a key: the words of a text."""

    @hookimpl
    def dedupe(self, batch: Batch) -> pa.Array:
        """Words."""
        return pa.array([text.split() for text in texts_of(batch)], pa.list_(pa.large_string()))


@plugin(batch=BATCH, releases_gil=THREADS)
class CloseKeys:
    """Find records that share a word, and whose `at` is at most 1 apart."""

    @hookimpl
    def dedupe(self, batch: Batch) -> pa.Array:
        """Words."""
        return pa.array([text.split() for text in texts_of(batch)], pa.list_(pa.large_string()))

    @hookimpl
    def same(self, left: Batch, right: Batch) -> pa.Array:
        """1 where they are close, null elsewhere."""
        apart = pc.abs(pc.subtract(left["at"], right["at"]))
        return pc.if_else(pc.less_equal(apart, 1), 1.0, pa.scalar(None, pa.float64()))


@plugin
class Epochs:
    """Draw given epochs."""

    epochs: dict[str, float]
    """Epochs of each source."""
    unit: str = "records"
    """What they are measured in."""

    @hookimpl
    def mix(self, sources: Sequence[Source]) -> Draw:
        """As given; once where nothing is."""
        return Draw({s.name: self.epochs.get(s.name, 1.0) for s in sources}, self.unit)


@plugin(batch=BATCH)
class Slow:
    """Take time, and leave a line in a file for each call."""

    seconds: float = 0.0
    """How long a call takes."""
    log: str = ""
    """Where the lines go."""

    @hookimpl
    def score(self, batch: Batch) -> dict[str, pa.Array]:
        """`slow`: 1."""
        if self.log:
            line = f"{batch['id'][0].as_py() if len(batch) else None} {os.getpid()}\n"
            with Path(self.log).open("a", encoding="utf-8") as file:
                file.write(line)
        time.sleep(self.seconds)
        return {"slow": pa.array([1] * len(batch), pa.int64())}
