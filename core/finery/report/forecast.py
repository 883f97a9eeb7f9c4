"""What the plan forecast of each stage, beside what came of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from finery.lineage.runs import Rows, Run, rows
from finery.report.charts import axes, bars
from finery.report.parts import Chart, Part, Section, Table

if TYPE_CHECKING:
    import duckdb

FORECASTS = """
with measured as (
    select artifact, max(value) filter (name = 'train_seconds') as seconds,
        max(value) filter (name = 'peak_bytes') as peak_bytes from metrics group by artifact),
came as (
    select artifact, sum(count)::double as records from tallies where kind = 'fate' and name = 'in' group by artifact)
select s.stage, f.measure, f.value as forecast, case f.measure when 'seconds' then coalesce(m.seconds, a.seconds)
    when 'peak_bytes' then m.peak_bytes else i.records end as happened
from forecasts f join stages s using (run, stage) left join artifacts a on a.artifact = f.artifact
left join measured m on m.artifact = f.artifact left join came i on i.artifact = f.artifact
where f.run = ? and f.measure in ('seconds', 'peak_bytes', 'records') and not s.reused order by s.position
"""
UNITS = {
    "seconds": ("Seconds", "s", 1.0),
    "peak_bytes": ("Peak memory", "GiB", 2.0**30),
    "records": ("Records", "records", 1.0),
}


def forecast(connection: duckdb.DuckDBPyConnection, run: Run) -> Section:
    """The section: a chart for seconds, memory and records, of the stages that ran."""
    found = [row for row in rows(connection, FORECASTS, [run.id]) if row["happened"] is not None]
    parts: list[Part] = [beside(name, own) for name in UNITS if (own := [r for r in found if r["measure"] == name])]
    return Section("forecast", "Forecast, and what happened", parts, "As the plan said it just before the run.")


def beside(measure: str, found: Rows) -> Chart:
    """One measure of the stages, forecast and as it came."""
    title, unit, size = UNITS[measure]
    stages = [row["stage"] for row in found]
    pairs = {when: [row[when] / size for row in found] for when in ("forecast", "happened")}
    body = [[stage, *both, error(*both)] for stage, *both in zip(stages, *pairs.values(), strict=True)]
    table = Table(
        title, ["stage", f"forecast, {unit}", f"happened, {unit}", "error"], body, "Error: against what happened."
    )
    traces = [bars(when, number, stages, values) for number, (when, values) in enumerate(pairs.items(), 1)]
    layout = axes("", unit, barmode="group", yaxis={"rangemode": "tozero"})
    return Chart(
        title, f"{title} of each stage that ran: what was forecast beside what came of it.", traces, table, layout
    )


def error(forecast: float, happened: float) -> str:
    """`+12 %`, or nothing where there is nothing to compare with."""
    return f"{forecast / happened - 1:+.0%}".replace("%", " %") if happened else ""
