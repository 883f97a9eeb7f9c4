"""How the trainings went: loss by source, learning rate, tokens a second, and whatever else was told of steps."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from finery.lineage.runs import Rows, Run, RunStage, rows
from finery.lineage.trace import Training, trace_model
from finery.report.charts import axes, line
from finery.report.parts import Chart, Part, Section, Table

if TYPE_CHECKING:
    import duckdb

POINTS = 300
"""Points of a curve at most; each is the mean over as many steps."""
MOST_CURVES = 6
"""Charts a training, beyond the three that every training has."""

CURVES = """
with told as (
    select s.stage, s.position, m.name, m.source, m.step, m.value, max(m.step) over (partition by s.stage) + 1 as steps
    from stages s join metrics m using (artifact) where s.run = $run and m.step is not null and isfinite(m.value))
select stage, name, source, max(step) as step, avg(value) as value from told
group by stage, position, name, source, floor(step * $points / steps) order by position, name, source nulls first, step
"""
FIRST = {
    "loss": ("Loss", "loss"),
    "learning_rate": ("Learning rate", "learning rate"),
    "tokens_per_second": ("Tokens a second", "tokens a second"),
}
LOSSES = (
    "The mean over the steps of a point: in nats a token where a model learns to write, else as the objective has it."
)
ASIDE = ("tokens", "grad_norm", "epoch")
"""What is not worth a picture."""


def curves(connection: duckdb.DuckDBPyConnection, root: Path, run: Run) -> Section:
    """The section: for each training its sources, then its curves."""
    found = rows(connection, CURVES, {"run": run.id, "points": POINTS})
    parts: list[Part] = []
    for stage in run.stages:
        own = [row for row in found if row["stage"] == stage.id]
        if stage.hook == "train" and stage.finished:
            parts.append(fed(trace_model(connection, root, stage.artifact, run.id).trainings[-1]))
        parts += charts(stage, own)
    return Section("training", "Training", parts, LOSSES)


def fed(made: Training) -> Table:
    """What each source gave to a training."""
    columns = ["source", "records", "tokens", "epochs", "first loss", "last loss"]
    body = [[s.source, s.records, s.tokens, s.epochs, s.first_loss, s.last_loss] for s in made.shares]
    effort = f"{made.steps:,} steps in {made.seconds:,.0f} s; model {made.model}" if made.steps else ""
    return Table(f"{made.stage} ({made.plugin}): what it was trained on", columns, body, effort)


def charts(stage: RunStage, found: Rows) -> Iterator[Chart]:
    """The curves of one stage, the loss first."""
    names = list(dict.fromkeys(row["name"] for row in found))
    others = [name for name in names if name not in FIRST and name not in ASIDE][:MOST_CURVES]
    for name in (*FIRST, *others):
        own = [row for row in found if row["name"] == name]
        if len({row["step"] for row in own}) > 1:
            yield curve(stage.id, name, own)


def curve(stage: str, name: str, found: Rows) -> Chart:
    """One measure over the steps, a line a source."""
    title, unit = FIRST.get(name, (name.replace("_", " ").capitalize(), name.replace("_", " ")))
    sources = list(dict.fromkeys(row["source"] for row in found))
    traces = []
    for number, source in enumerate(sources, 1):
        own = [row for row in found if row["source"] == source]
        traces.append(line(source or "all", number, [r["step"] for r in own], [r["value"] for r in own]))
    layout = axes("step", unit, yaxis={"rangemode": "normal" if name == "loss" else "tozero"})
    by = ", all and by source" if len(sources) > 1 else ""
    told = f"{title} of '{stage}' by step{by}."
    return Chart(f"{stage}: {title.lower()}", told, traces, points(f"{stage}: {title.lower()}", sources, found), layout)


def points(title: str, sources: list[str | None], found: Rows, most: int = 25) -> Table:
    """Some of a curve's points, the first and the last with them: a column a source."""
    steps = sorted({row["step"] for row in found})
    chosen = steps if len(steps) <= most else [steps[round(n * (len(steps) - 1) / (most - 1))] for n in range(most)]
    values: dict[Any, Any] = {(row["step"], row["source"]): row["value"] for row in found}
    body = [[step, *(values.get((step, source)) for source in sources)] for step in dict.fromkeys(chosen)]
    note = f"{most} of {len(steps)} points" if len(steps) > most else ""
    return Table(title, ["step", *(source or "all" for source in sources)], body, note)
