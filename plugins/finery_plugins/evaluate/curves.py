"""The evaluation `curves`: what a good engineer would say of a training's metrics, with the records behind it."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Annotated

from pydantic import Field

from finery import Dataset, Evaluation, Journal, Model, Needs, Stage, UsageError, hookimpl, plugin
from finery_plugins.evaluate.findings import Bounds, Finding, findings
from finery_plugins.evaluate.items import Row, Rows, fingerprint_of, item_id
from finery_plugins.evaluate.journals import Metrics, Trail, metrics_in
from finery_plugins.train.site import place

DATA = "training"
"""What items call what they were found in."""


@plugin(needs=Needs(cpus=1))
class Curves:
    """Read the metrics of the training that made the model, and say in words what is remarkable.

    Findings: `high-first-loss`, `over-fit` (loss under 0.5), `held-out-rises`, `diverges`, `not-learnt` (a source that
    stays flat, far above the others), `epoch-jump`, `loss-spike`, `gradient-spike`, `rate-rises`, `no-rate`,
    `not-finite`. Each is an item: `answer` says it in words, `score` is what was measured, and the details
    hold `first_step`, `last_step`, `bound`, `remedy`, and `records`: those of its steps with most tokens, or for
    `over-fit` and `held-out-rises` those with the lowest loss in the last epoch, with `of_records`, how many there
    are. Of a source's findings, records of other sources are left out where the stage's data set has them. The stage
    reads no text and asks no model.

    Metrics: `findings`, over all and by kind.

    ```toml
    [[stage]]
    evaluate = "curves"
    model = "tune"
    bounds = { low_loss = 0.3 }
    ```
    """

    bounds: Bounds = Field(default_factory=Bounds)
    """From where on a curve is remarkable; each bound says where it comes from."""
    records: Annotated[int, Field(ge=0, le=10_000)] = 20
    """Records named with each finding at most."""

    @hookimpl
    def evaluate(self, model: Model | None, examples: Dataset, out: Path, stage: Stage, journal: Journal) -> Evaluation:
        """Metrics, and a row a finding. Raises UsageError for a model that no training's metrics stand beside."""
        where = place(stage)
        if model is None:
            raise UsageError.at(where, "has no model whose training to read", "set `model`, or train one before it")
        folder = Path(model.path).parent
        metrics = metrics_in(folder)
        if not len(metrics.curve("loss").steps):
            remedy = "name a train stage: a folder or hub name tells nothing of its training"
            raise UsageError.at(where, f"finds no loss beside model '{model.name}'", remedy)
        out.mkdir(parents=True, exist_ok=True)
        trail = Trail(folder, out)
        try:
            trail.learn(examples)
            return self.told(metrics, trail, model, out, journal)
        finally:
            trail.close()

    def told(self, metrics: Metrics, trail: Trail, model: Model, out: Path, journal: Journal) -> Evaluation:
        """The findings as items, and as lines for the reader."""
        found = findings(metrics, self.bounds, fresh_vocabulary(model), trail.borders())
        rows, kinds, name = Rows(out), Counter(one.kind for one in found), fingerprint_of(model)
        for one in found:
            rows.add([self.row(one, trail, name)])
            journal.note(f"{one.kind}: {one.said}")
        said = {"findings": float(len(found)), **{f"findings/{kind}": float(kinds[kind]) for kind in sorted(kinds)}}
        return Evaluation(said, rows.read())

    def row(self, found: Finding, trail: Trail, model: str) -> Row:
        """The row of a finding."""
        details = {"first_step": found.first, "last_step": found.last, "bound": found.bound, "remedy": found.remedy}
        if found.is_memory:
            count, total, records = trail.easiest(self.bounds.low_loss, found.source, self.records)
            details |= {"of_records": count, "trained_records": total, "records": records}
        else:
            count, ids = trail.records(found.first, found.last, found.source, self.records)
            details |= {"of_records": count, "records": [{"record": record} for record in ids]}
        item = item_id({"kind": found.kind, "source": found.source, "first": found.first, "last": found.last})
        score = found.value if found.value == found.value else None
        return Row(item, model, DATA, found.source or "", (found.kind,), "", found.said, score=score, details=details)


def fresh_vocabulary(model: Model) -> int | None:
    """How many tokens a model from scratch knows; None for one that was trained from another."""
    place = Path(model.path) / "config.json"
    if model.base is not None or not place.is_file():
        return None
    said = json.loads(place.read_text(encoding="utf-8"))
    known = said.get("vocab_size", said.get("text_config", {}).get("vocab_size"))
    return int(known) if known else None
