"""Small plugins for a pipeline that is done in no time: drop, cut in two, draw twice, pretend to train, count."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

from finery import Batch, Dataset, Evaluation, Journal, Model, Reasons, Source, hookimpl, plugin


@plugin
class Short:
    """Drop short texts."""

    least: int = 4
    """Fewest characters."""

    @hookimpl
    def filter(self, batch: Batch) -> Reasons:
        """`short` with the length."""
        lengths = pc.utf8_length(batch["text"]).cast(pa.float64())
        return Reasons(pc.if_else(pc.less(lengths, self.least), "short", None), lengths, float(self.least))


@plugin
class Halves:
    """Cut each text in two."""

    @hookimpl
    def format(self, batch: Batch) -> Batch:
        """Two records of each."""
        rows = [
            (i.bytes, part) for i, text in pairs(batch) for part in (text[: len(text) // 2], text[len(text) // 2 :])
        ]
        parents, texts = [row[0] for row in rows], [row[1] for row in rows]
        return pa.table({"parent": pa.array(parents, pa.uuid()), "text": pa.array(texts, pa.large_string())})


def pairs(batch: Batch) -> list[tuple[object, str]]:
    """Ids and texts."""
    return list(zip(batch["id"].to_pylist(), batch["text"].to_pylist(), strict=True))


@plugin
class Twice:
    """Draw everything twice."""

    @hookimpl
    def mix(self, sources: Sequence[Source]) -> Mapping[str, float]:
        """Two epochs of each."""
        return {source.name: 2.0 for source in sources}


@plugin
class Toy:
    """Pretend to train."""

    @hookimpl
    def train(self, examples: Dataset, out: Path, journal: Journal) -> Model:
        """A step a batch, a token a record."""
        for step, batch in enumerate(examples.batches([])):
            size = len(batch)
            numbers = {"step": [step] * size, "rank": [0] * size, "start": [0] * size, "length": [1] * size}
            journal.steps(pa.table({**numbers, "record": batch["id"]}))
            journal.metric("loss", 5.0 - step, step)
        (out / "model.txt").write_text("toy")
        return Model(out, "toy", "feedbeef0123")


@plugin
class Counting:
    """Count the records."""

    @hookimpl
    def evaluate(self, examples: Dataset) -> Evaluation:
        """`records`."""
        return Evaluation({"records": float(examples.records)})
