"""Lengths and scores before and after: how they were spread as the records came, and how as they stand at the end."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from finery.lineage.runs import Run, RunStage, rows
from finery.lineage.view import dataset_after
from finery.report.charts import axes, bars, colour, ranges, rules
from finery.report.parts import Chart, Section, Table
from finery.report.sampled import Numbers, numbers

if TYPE_CHECKING:
    import duckdb

LENGTH = "characters"
BINS = 40
MOST_MEASURES = 12
"""Charts at most; scores beyond are left to `finery sql`."""
PERCENTILES = (5, 50, 95)
WIDE = 50
"""Where the 95th percentile is so many times the 5th, the axis is logarithmic."""
# A bound is what records were measured against: an option of that value is a threshold, others only look like one.
OPTIONS = """
select s.stage, a.options, list(distinct d.bound) as bounds from stages s join artifacts a using (artifact)
left join decisions d on d.artifact = s.artifact and d.bound is not null
where s.run = ? and s.hook = 'filter' group by s.position, s.stage, a.options order by s.position
"""


def spreads(connection: duckdb.DuckDBPyConnection, root: Path, run: Run) -> Section:
    """The section: a histogram of the lengths, and one of each score."""
    done = [stage for stage in run.data_stages() if stage.finished]
    read = [stage for stage in done if stage.hook == "read"]
    if not read:
        return Section("spreads", "Lengths and scores", [])
    scored = {name: stage for stage in done if stage.hook == "score" for name in columns_of(root, stage)}
    names = [LENGTH, *[name for name in scored if name != LENGTH]][:MOST_MEASURES]
    after = numbers(dataset_after(root, run, done[-1]), names)
    starts: dict[RunStage, list[str]] = {read[-1]: [LENGTH]}
    for name in names[1:]:
        starts.setdefault(scored[name], []).append(name)
    limits = list(thresholds(connection, run, names))
    parts = []
    for stage, measures in starts.items():
        before = numbers(dataset_after(root, run, stage), measures)
        found = [histogram(name, stage, before, after, limits) for name in measures]
        parts += [chart for chart in found if chart]
    return Section("spreads", "Lengths and scores, before and after", parts, LEAD)


LEAD = (
    "Before: as the records were read, or as a score was given. After: as they stand behind the last stage that leaves "
    "records. Dashed lines are thresholds of filters."
)


def columns_of(root: Path, stage: RunStage) -> list[str]:
    """The numeric columns that a score stage wrote."""
    dataset = dataset_after(root, Run("", "", "", (stage,)), stage)
    found: dict[str, None] = {}
    for shard in dataset.all_shards():
        own = [name for name, layers in shard.columns.items() if layers[-1][0].startswith(stage.artifact)]
        found |= dict.fromkeys(name for name in own if is_numeric(dataset, shard, name))
    return list(found)


def is_numeric(dataset: Any, shard: Any, name: str) -> bool:
    """Whether a column of a shard holds numbers."""
    import pyarrow as pa

    schema = dataset.artifacts.file(shard.columns[name][-1][0])
    kind = pa.parquet.read_schema(schema).field(name).type
    return bool(pa.types.is_integer(kind) or pa.types.is_floating(kind))


def thresholds(connection: duckdb.DuckDBPyConnection, run: Run, names: list[str]) -> Iterator[tuple[str, float, str]]:
    """`measure, value, stage` of each filter option that bounds one: `min_words`, `where = "quality > 0.4"`."""
    for row in rows(connection, OPTIONS, [run.id]):
        for option, value in json.loads(row["options"]).items():
            for name in names:
                if option in (f"min_{name}", f"max_{name}") and value in (row["bounds"] or ()):
                    yield name, float(value), row["stage"]
                elif isinstance(value, str):
                    bounds = re.findall(rf"\b{re.escape(name)}\s*[<>]=?\s*(-?\d+(?:\.\d+)?)", value)
                    yield from ((name, float(bound), row["stage"]) for bound in bounds)


def histogram(
    name: str, stage: RunStage, before: Numbers, after: Numbers, limits: list[tuple[str, float, str]]
) -> Chart | None:
    """Both histograms of one measure over the same bins; None where there is nothing to count."""
    values = {when: finite(found.of(name)) for when, found in (("before", before), ("after", after))}
    together = np.concatenate(list(values.values()))
    if not len(together):
        return None
    edges, wide = bins(together)
    own = [(value, f"{place} {value:g}") for measure, value, place in limits if measure == name]
    shown = [(value, text) for value, text in own if value > 0 or not wide]
    middles = np.sqrt(edges[:-1] * edges[1:]) if wide else (edges[:-1] + edges[1:]) / 2
    traces = []
    for number, (when, found) in enumerate(values.items(), 1):
        counts = np.histogram(found, edges)[0]
        widths = np.diff(edges)
        more = {"x": middles.tolist(), "width": widths.tolist(), "customdata": ranges(edges), "opacity": 0.75}
        hover = f"{when}: %{{y:,}} records of %{{customdata}}<extra></extra>"
        traces.append({**bars(when, (8, 1)[number - 1], [], counts.tolist()), **more, "hovertemplate": hover})
        traces[-1]["marker"] = {"color": colour((8, 1)[number - 1])}
    looks = {"type": "log"} if wide else {}
    layout = axes(name, "records", xaxis=looks, barmode="overlay", bargap=0, **rules(shown, wide))
    every = max(before.every, after.every)
    sample = f" Every {every}th part of the records was looked at." if every > 1 else ""
    scale = " on a logarithmic axis" if wide else ""
    told = (
        f"Records by their {name.replace('_', ' ')}{scale}: behind '{stage.id}', and as they stand at the end.{sample}"
    )
    return Chart(name.replace("_", " ").capitalize(), told, traces, figures(name, before, after), layout)


def finite(values: np.ndarray) -> np.ndarray:
    """The values that are numbers."""
    kept: np.ndarray = values[np.isfinite(values)]
    return kept


def bins(values: np.ndarray) -> tuple[np.ndarray, bool]:
    """Edges (n + 1,) of the bins, and whether they grow by a factor."""
    low, high = np.quantile(values, [0.05, 0.95])
    least, most = float(values.min()), float(values.max())
    if least >= 0 and high > WIDE * max(low, 1e-9) and high > 1:
        floor = max(1.0, least)
        return np.geomspace(floor, max(most, floor * 2), BINS + 1), True
    return np.linspace(least, most if most > least else least + 1, BINS + 1), False


def figures(name: str, before: Numbers, after: Numbers) -> Table:
    """Records, mean and percentiles by source, before and after."""
    columns = ["source", "when", "records", "mean", *(f"p{p}" for p in PERCENTILES)]
    sources = dict.fromkeys([*before.values.get(name, {}), *after.values.get(name, {})])
    found = [
        [source, when, *spread(finite(side.values.get(name, {}).get(source, np.empty(0))))]
        for source in sources
        for when, side in (("before", before), ("after", after))
    ]
    return Table(f"{name} by source", columns, found)


def spread(values: np.ndarray) -> list[float | int | None]:
    """How many, their mean and percentiles."""
    if not len(values):
        return [0, None, *(None for _ in PERCENTILES)]
    return [len(values), float(values.mean()), *map(float, np.percentile(values, PERCENTILES))]
