"""The mixes: what share of each source was asked for, and what share came out."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from finery.lineage.runs import Run, RunStage, rows
from finery.lineage.view import dataset_after
from finery.report.charts import axes, bars
from finery.report.parts import Chart, Section, Table
from finery.report.sampled import numbers

if TYPE_CHECKING:
    import duckdb

MIXED = """
select t.source, sum(t.count) filter (t.name = 'in')::bigint as records_in,
    sum(t.count) filter (t.name in ('kept', 'born'))::bigint as records_out
from tallies t where t.artifact = ? and t.kind = 'fate' group by t.source order by t.source
"""
ARTIFACT = "select options, manifest->'$.draw' as draw from artifacts where artifact = ?"


def mixes(connection: duckdb.DuckDBPyConnection, root: Path, run: Run) -> Section:
    """The section: a chart a mix."""
    stages = [stage for stage in run.stages if stage.hook == "mix" and stage.finished]
    parts = [mix(connection, root, run, stage) for stage in stages]
    return Section("mixes", "The mix, asked and got", parts)


def mix(connection: duckdb.DuckDBPyConnection, root: Path, run: Run, stage: RunStage) -> Chart:
    """One mix."""
    row = rows(connection, ARTIFACT, [stage.artifact])[0]
    draw = json.loads(row["draw"])
    counts = {found["source"]: found for found in rows(connection, MIXED, [stage.artifact])}
    asked = shares(wanted(json.loads(row["options"]), draw, list(counts)))
    got = shares(
        amounts(root, run, stage, draw["unit"], {name: found["records_out"] for name, found in counts.items()})
    )
    table = [
        [name, found["records_in"], epochs(draw, name), found["records_out"], asked.get(name), got.get(name)]
        for name, found in counts.items()
    ]
    columns = ["source", "records in", "epochs", "records out", "share asked", f"share of {draw['unit']} got"]
    traces = [bars(when, number, list(counts), [found.get(name) for name in counts]) for number, (when, found) in
              enumerate((("asked", asked), ("got", got)), 1)]  # fmt: skip
    told = f"The share of each source in '{stage.id}', in {draw['unit']}: what was asked for beside what was drawn."
    layout = axes("", f"share of {draw['unit']}", yaxis={"tickformat": ".0%", "rangemode": "tozero"}, barmode="group")
    return Chart(f"{stage.id} ({stage.plugin})", told, traces, Table(f"{stage.id} by source", columns, table), layout)


def wanted(options: Mapping[str, Any], draw: Mapping[str, Any], sources: list[str]) -> dict[str, float]:
    """What was asked for: the option `shares` where the plugin has it, else what its epochs come to."""
    said = options.get("shares")
    if isinstance(said, Mapping) and set(said) == set(sources):
        return {name: float(value) for name, value in said.items()}
    found = {name: epochs(draw, name) for name in sources}
    return {name: value * draw["amounts"].get(name, 0) for name, value in found.items() if value is not None}


def epochs(draw: Mapping[str, Any], source: str) -> float | None:
    """How many epochs of a source a mix drew; None where it drew the source by parts."""
    said = draw["epochs"].get(source, 0.0)
    return said if isinstance(said, int | float) else None


def amounts(root: Path, run: Run, stage: RunStage, unit: str, records: Mapping[str, int]) -> dict[str, float]:
    """How much of each source came out, in a unit: the mean of a sample, times the records."""
    if unit == "records":
        return {name: float(count) for name, count in records.items()}
    found = numbers(dataset_after(root, run, stage), [unit]).values.get(unit, {})
    return {name: float(values.mean()) * records.get(name, 0) for name, values in found.items() if len(values)}


def shares(found: Mapping[str, float]) -> dict[str, float]:
    """Amounts as shares of their sum."""
    total = sum(found.values())
    return {name: value / total for name, value in found.items()} if total else {}
