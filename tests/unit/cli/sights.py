"""A train plugin whose tokens are words, of which those in capitals are trained, with a preview of them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from finery import Dataset, Fault, Model, Piece, Preview, Shown, Stage, hookimpl, plugin


@plugin
class Words:
    """Pretend to train on words."""

    context: int = 8
    """Words in a row."""
    fails: bool = False
    """Whether the pre-flight finds a fault."""

    @hookimpl
    def train(self, out: Path, stage: Stage) -> Model:
        """Nothing."""
        (out / "model.txt").write_text("words")
        return Model(out, stage.id, "feedbeef")

    @hookimpl
    def preview(self, examples: Dataset, model: Model | None, out: Path, stage: Stage) -> Preview:
        """Each record's words."""
        (out / "scratch").write_text("may be written")
        faults = [Fault(stage.id, "is wrong", "mend it")] if self.fails else []
        metrics = {"preflight/rows": float(examples.records), "preflight/trained_share": 0.25}
        metrics |= {f"preflight/trained_share/{name}": 0.5 for name in examples.sources}
        start = "none" if model is None else model.name
        rows = [[(str(record), 2)] * 2 for batch in examples.batches([]) for record in batch["id"].to_pylist()]
        return Preview(self.shown(examples), self.context, metrics, faults, [f"starts from {start}"], rows)

    def shown(self, examples: Dataset) -> Iterator[Shown]:
        """One sequence a record."""
        for batch in examples.batches(["text"]):
            for row in batch.to_pylist():
                words = row["text"].split(" ")
                pieces = [self.piece(word, place) for place, word in enumerate(words)]
                note = "left out: it is empty" if not row["text"] else ""
                yield Shown(str(row["id"]), row["source"], "text", pieces if row["text"] else (), note)

    def piece(self, word: str, place: int) -> Piece:
        """A word and the blank before it."""
        flags = {"trained": word.isupper(), "special": word.startswith("<"), "cut": place >= self.context}
        return Piece(f" {word}" if place and word != "\n" else word, 1, **flags, opens=word.startswith("<"))


@plugin
class Blind:
    """Pretend to train, without a preview."""

    @hookimpl
    def train(self, out: Path, stage: Stage) -> Model:
        """Nothing."""
        (out / "model.txt").write_text("blind")
        return Model(out, stage.id, "feedbeef")
