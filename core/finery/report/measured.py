"""How the models were measured: evaluations beside each other, what was won and lost, what broke, and why."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from finery.lineage.runs import Rows, Run, rows
from finery.report.charts import axes, bars
from finery.report.explained import explained
from finery.report.parts import Chart, Part, Sample, Samples, Section, Table

if TYPE_CHECKING:
    import duckdb

BROKEN_SHOWN = 12
MOST_CHARTS = 6
MEASURES = """
select s.position, s.stage, s.plugin, m.source, m.name, m.value, a.manifest->>'$.parts.model' as model
from stages s join metrics m using (artifact) join artifacts a using (artifact)
where s.run = ? and s.hook = 'evaluate' and m.step is null order by s.position, m.source nulls first
"""
BROKEN = """
with told as (
    select s.position, s.stage, i.item, i.source, i.measures, (i.measures->>'$.details')::json as details
    from stages s join items i using (artifact)
    where s.run = $run and s.hook = 'evaluate' and i.measures->>'$.details' is not null)
select stage, item, source, measures->>'$.prompt' as prompt, measures->>'$.target' as target,
    measures->>'$.answer' as after, details->>'$.before.answer' as before, count(*) over (partition by stage) as total
from told where details->>'$.outcome' = 'right-to-wrong'
qualify row_number() over (partition by stage order by item) <= $shown order by position, item
"""
OUTCOMES = ("right_to_right", "right_to_wrong", "wrong_to_right", "wrong_to_wrong")
PAIRED = (*OUTCOMES, "difference_low", "difference_high")
"""What a comparison says in its own table."""
ASIDE = ("items", "unchecked", "unanswered", "unpaired", "tokens", "bytes", "records", "cost")
"""Counts, which a picture of measures leaves out."""


def measured(connection: duckdb.DuckDBPyConnection, run: Run) -> Section:
    """The section: tables by plugin, pictures of what several stages measured, comparisons, and what broke."""
    found = rows(connection, MEASURES, [run.id])
    parts: list[Part] = [*pictures(found), *tables(found), *matrices(found)]
    return Section("evaluation", "Evaluation", [*parts, *broken(connection, run), *explained(connection, run)])


def pictures(found: Rows) -> Iterator[Chart]:
    """A chart for each measure that several stages have: a group a source, a bar a stage."""
    names = [name for name in dict.fromkeys(row["name"] for row in found) if name not in (*ASIDE, *PAIRED)]
    drawn = 0
    for name in names:
        own = [row for row in found if row["name"] == name]
        stages = list(dict.fromkeys(row["stage"] for row in own))
        # Bars of nothing but zeros would look like a picture that failed; the tables have them.
        if len(stages) > 1 and drawn < MOST_CHARTS and any(row["value"] for row in own):
            drawn += 1
            yield picture(name, stages, own)


def picture(name: str, stages: Sequence[str], own: Rows) -> Chart:
    """One measure of several stages."""
    sources = list(dict.fromkeys(row["source"] or "all" for row in own))
    values = {(row["stage"], row["source"] or "all"): row["value"] for row in own}
    traces = [
        bars(stage, number, sources, [values.get((stage, source)) for source in sources])
        for number, stage in enumerate(stages, 1)
    ]
    body = [[source, *(values.get((stage, source)) for stage in stages)] for source in sources]
    told = f"{name.replace('_', ' ').capitalize()} as several evaluations measured it, over all and by source or tag."
    layout = axes("", name.replace("_", " "), barmode="group", yaxis={"rangemode": "tozero"})
    return Chart(name.replace("_", " ").capitalize(), told, traces, Table(name, ["over", *stages], body), layout)


def tables(found: Rows) -> Iterator[Table]:
    """A table for the evaluations of each plugin: a row a stage and source, a column a measure."""
    for plugin in dict.fromkeys(row["plugin"] for row in found):
        own = [row for row in found if row["plugin"] == plugin and row["name"] not in PAIRED]
        names = list(dict.fromkeys(row["name"] for row in own))
        body: dict[tuple[str, str], dict[str, Any]] = {}
        for row in own:
            body.setdefault((row["stage"], row["source"] or "all"), {})[row["name"]] = row["value"]
        lines = [[*key, *(values.get(name) for name in names)] for key, values in body.items()]
        yield Table(f"Measured by {plugin}", ["stage", "over", *(name.replace("_", " ") for name in names)], lines)


def matrices(found: Rows) -> Iterator[Table]:
    """For each comparison: how many items were right or wrong before and after."""
    for stage in dict.fromkeys(row["stage"] for row in found if row["name"] == OUTCOMES[0]):
        own = [row for row in found if row["stage"] == stage]
        groups = dict.fromkeys(row["source"] for row in own if row["name"] == OUTCOMES[0])
        values = {(row["source"], row["name"]): row["value"] for row in own}
        body = [line(group, values) for group in groups]
        columns = ["over", "right, right", "right, wrong", "wrong, right", "wrong, wrong", "change", "95 % from", "to"]
        yield Table(f"{stage}: before and after", columns, body, "Items by what the answer was before, then after.")


def line(group: str | None, values: Mapping[tuple[str | None, str], float]) -> list[Any]:
    """A line of a comparison."""
    counts = [int(values.get((group, name), 0)) for name in OUTCOMES]
    return [group or "all", *counts, *(values.get((group, f"difference{end}")) for end in ("", "_low", "_high"))]


def broken(connection: duckdb.DuckDBPyConnection, run: Run) -> Iterator[Samples]:
    """The items that were right and are wrong, with both answers."""
    found = rows(connection, BROKEN, {"run": run.id, "shown": BROKEN_SHOWN})
    for stage in dict.fromkeys(row["stage"] for row in found):
        own = [row for row in found if row["stage"] == stage]
        more = f", {len(own)} of {own[0]['total']:,}" if own[0]["total"] > len(own) else f", {len(own)}"
        yield Samples(f"{stage}: right before and wrong now{more}", [item(row) for row in own])


def item(row: Mapping[str, Any]) -> Sample:
    """One item that broke."""
    names = {"prompt": "prompt", "target": "right would be", "before": "before", "after": "after"}
    said = {title: row[name] for name, title in names.items() if row[name]}
    return Sample(", ".join(filter(None, [row["source"], row["item"]])), said)
