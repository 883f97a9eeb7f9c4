"""Plugins for a run that has something for every section of a report, and tries to break out of it."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

from finery import Batch, Dataset, Evaluation, Journal, Model, Reasons, Source, hookimpl, plugin

HOSTILE = "</script><script>window.broken=1</script><img src=x onerror='window.broken=2'>\x00 %{x} \u202e"
"""What a record may hold."""


@plugin
class Worth:
    """Score the length."""

    @hookimpl
    def score(self, batch: Batch) -> dict[str, pa.Array]:
        """`worth`."""
        return {"worth": pc.utf8_length(batch["text"]).cast(pa.float64())}


@plugin
class Least:
    """Drop what is worth little."""

    min_worth: float = 30
    """Least worth."""

    @hookimpl
    def filter(self, batch: Batch) -> Reasons:
        """A reason that is no word."""
        code = pc.if_else(pc.less(batch["worth"], self.min_worth), "<b>cheap</b>", None)
        return Reasons(code, batch["worth"], self.min_worth, pa.array([HOSTILE] * len(batch)))


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

    start: float = 3.0
    """The first loss."""

    @hookimpl
    def train(self, examples: Dataset, out: Path, journal: Journal) -> Model:
        """Twenty steps, with losses by source."""
        for step in range(20):
            for source in (None, *examples.sources):
                journal.metric("loss", self.start / (step + 1), step, source)
            journal.metric("learning_rate", 1e-3 * (20 - step), step)
            journal.metric("tokens_per_second", 100.0 + step, step)
        for batch in examples.batches([]):
            size = len(batch)
            ids = {"record": batch["id"]}
            whole = {"step": [1] * size, "rank": [0] * size, "start": [0] * size, "length": [9] * size}
            journal.steps(pa.table({**whole, **ids}))
            journal.losses(pa.table({**ids, "epoch": [1] * size, "loss": [2.5] * size, "tokens": [9] * size}))
        (out / "model.txt").write_text("toy")
        return Model(out, "toy", "feedbeef0123")


@plugin
class Compared:
    """Pretend to compare."""

    @hookimpl
    def evaluate(self) -> Evaluation:
        """Two items: one broke."""
        names = ("right_to_right", "right_to_wrong", "wrong_to_right", "wrong_to_wrong")
        counts = dict(zip(names, (3.0, 1.0, 2.0, 4.0), strict=True))
        details = {"outcome": "right-to-wrong", "before": {"answer": "a lamb", "correct": True}}
        row = {"item": "i1", "source": "asked", "prompt": HOSTILE, "answer": "a goat", "target": "a lamb"}
        items = pa.Table.from_pylist([{**row, "details": json.dumps(details)}])
        return Evaluation({"accuracy": 0.5, "accuracy/asked": 0.4, **counts}, items)


@plugin
class Explained:
    """Pretend to know why."""

    @hookimpl
    def evaluate(self) -> Evaluation:
        """Five wrong answers, four of one cause."""
        hit = {"record": "ab12", "source": "a", "excerpt": f"a goat {HOSTILE}"}
        items = []
        for number in range(5):
            cause = "refusal" if number == 4 else "hallucination"
            labels = [{"label": cause, "why": f"said so {number} times"}]
            details = {"cause": cause, "labels": labels, "nearest": [hit]}
            row = {"item": f"i{number}", "source": "asked", "prompt": "which?", "answer": "a goat", "target": "a lamb"}
            items.append({**row, "details": json.dumps(details)})
        return Evaluation({"bad_cases": 5.0}, pa.Table.from_pylist(items))
