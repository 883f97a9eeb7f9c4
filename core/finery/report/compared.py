"""Two runs beside each other: what they differ in, where records went otherwise, and how their curves run."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from finery.lineage.diff import Difference, compare
from finery.lineage.runs import Rows, Run, rows
from finery.report.charts import axes, bars, line
from finery.report.curves import ASIDE, CURVES, POINTS, points
from finery.report.markup import label
from finery.report.parts import Chart, Facts, Part, Report, Section, Table
from finery.report.pedigree import worded

if TYPE_CHECKING:
    import duckdb

MOST_FATES = 25
"""Moves from fate to fate that are drawn."""
MOST_CURVES = 12
BOTH = ("a", "b")


def of_two(connection: duckdb.DuckDBPyConnection, first: Run, second: Run) -> Report:
    """The report of two runs."""
    found = compare(connection, first, second)
    told = {"A": f"{first.name} {first.id}, {first.status}", "B": f"{second.name} {second.id}, {second.status}"}
    sections = [
        Section("overview", "Which runs", [Facts(told)], "Only what differs is shown."),
        Section("settings", "Settings and versions", settings(found)),
        Section("counts", "Records", counts(found)),
        Section("fates", "Records whose fate changed", fates(found)),
        Section("training", "Training", list(overlaid(connection, first, second))),
        Section("evaluation", "Measures", measures(found)),
    ]
    return Report(f"{first.name}: two runs", f"A is {first.id}, B is {second.id}", sections)


def settings(found: Difference) -> list[Part]:
    """Options and code that differ."""
    options = [[row["option"], *(worded(row["option"], row[side]) for side in BOTH)] for row in found.config]
    code = [[row["stage"], row["a"], row["b"]] for row in found.plugins]
    tables = {"Options": (["option", *BOTH], options), "Plugins and libraries": (["what", *BOTH], code)}
    return [Table(title, columns, body) for title, (columns, body) in tables.items() if body]


def counts(found: Difference) -> list[Part]:
    """Counts that differ: a picture of what came out of each stage, and all of them."""
    body = [[row[name] for name in ("stage", "source", "kind", "name", *BOTH)] for row in found.counts]
    if not body:
        return []
    kept: dict[str, list[int]] = {}
    for row in found.counts:
        if row["kind"] == "fate" and row["name"] in ("kept", "born"):
            pair = kept.setdefault(row["stage"], [0, 0])
            kept[row["stage"]] = [pair[0] + (row["a"] or 0), pair[1] + (row["b"] or 0)]
    table = Table("Counts that differ", ["stage", "source", "kind", "name", *BOTH], body)
    traces = [bars(side.upper(), n + 1, list(kept), [pair[n] for pair in kept.values()]) for n, side in enumerate(BOTH)]
    told = "Records that came out of each stage, of the sources for which the runs differ."
    layout = axes("", "records", barmode="group", yaxis={"rangemode": "tozero"})
    return [Chart("Records behind each stage", told, traces, table, layout)] if kept else [table]


def fates(found: Difference) -> list[Part]:
    """A Sankey diagram from the fates in A to those in B."""
    if not found.fates:
        return []
    body = [[row["a"], row["b"], row["count"], ", ".join(map(str, row["examples"]))] for row in found.fates]
    shown = found.fates[:MOST_FATES]
    left, right = (list(dict.fromkeys(row[side] for row in shown)) for side in BOTH)
    node = {
        "label": [*(label(f"A: {name}") for name in left), *(label(f"B: {name}") for name in right)],
        "color": ["@muted" if name == "kept" else "@gone" for name in (*left, *right)],
        "pad": 14,
        "thickness": 14,
        "line": {"width": 0},
    }
    link = {
        "source": [left.index(row["a"]) for row in shown],
        "target": [len(left) + right.index(row["b"]) for row in shown],
        "value": [row["count"] for row in shown],
        "color": ["@c1/45" for _ in shown],
    }
    table = Table("Fates that changed", ["in A", "in B", "records", "some of them"], body)
    told = "A Sankey diagram: how many records went from which fate in run A to which in run B."
    height = min(900, 160 + 34 * max(len(left), len(right)))
    trace: dict[str, Any] = {"type": "sankey", "valueformat": ",", "node": node, "link": link}
    return [Chart("From fate to fate", told, [trace], table, height=height, least_width=340)]


def overlaid(connection: duckdb.DuckDBPyConnection, first: Run, second: Run) -> list[Chart]:
    """The curves of both runs over all sources, in one picture a measure."""
    both = [
        {**row, "source": side}
        for side, run in (("A", first), ("B", second))
        for row in rows(connection, CURVES, {"run": run.id, "points": POINTS})
        if row["source"] is None and row["name"] not in ASIDE
    ]
    places = list(dict.fromkeys((row["stage"], row["name"]) for row in both))
    charts = [
        beside(stage, name, [r for r in both if (r["stage"], r["name"]) == (stage, name)]) for stage, name in places
    ]
    return [chart for chart in charts if len(chart.table.rows) > 1][:MOST_CURVES]


def beside(stage: str, name: str, found: Rows) -> Chart:
    """One measure of a training in both runs."""
    sides = list(dict.fromkeys(row["source"] for row in found))
    traces = []
    for number, side in enumerate(sides, 1):
        own = [row for row in found if row["source"] == side]
        traces.append(line(side, number, [row["step"] for row in own], [row["value"] for row in own]))
    title = f"{stage}: {name.replace('_', ' ')}"
    told = f"{name.replace('_', ' ').capitalize()} of '{stage}' by step in both runs."
    return Chart(title, told, traces, points(title, sides, found), axes("step", name.replace("_", " ")))


def measures(found: Difference) -> list[Part]:
    """Measures that differ."""
    body = [
        [row["stage"], row["name"], row["source"] or "all", row["a"], row["b"], change(row["a"], row["b"])]
        for row in found.metrics
    ]
    return [Table("Measures that differ", ["stage", "measure", "over", "A", "B", "change"], body)] if body else []


def change(before: float | None, after: float | None) -> float | None:
    """How much a measure changed, where both runs have it."""
    return None if before is None or after is None else after - before
