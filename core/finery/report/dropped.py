"""What left and why: what was measured of the records of each reason, and some of the records."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from finery.lineage.facts import origins
from finery.lineage.runs import Rows, Run, rows
from finery.report.charts import axes, bars, colour, ranges, rules
from finery.report.parts import Chart, Part, Sample, Samples, Section, Table
from finery.report.texts import texts

if TYPE_CHECKING:
    import duckdb

SHOWN = 4
"""Records a reason."""
MOST_REASONS = 40
MOST_CHARTS = 8
BINS = 30

# The records with the smallest ids: ids are hashes, so they are a sample, and the same whenever it is drawn.
REASONS = """
select s.position, s.stage, d.reason, any_value(d.artifact) as artifact, count(*) as count,
    count(d.value) filter (isfinite(d.value)) as measured,
    min(d.value) filter (isfinite(d.value)) as low, max(d.value) filter (isfinite(d.value)) as high,
    min(d.bound) filter (isfinite(d.bound)) as bound, max(d.bound) filter (isfinite(d.bound)) as bound_high,
    min(d.record, $shown) as records
from stages s join decisions d using (artifact) where s.run = $run
group by s.position, s.stage, d.reason order by count desc, s.position, d.reason limit $most
"""
VALUES = """
select least(floor((value - $low) / $width), $bins - 1)::int as bin, count(*) as count from decisions
where artifact = $artifact and reason = $reason and isfinite(value) group by bin order by bin
"""
DECISIONS = """
select artifact, reason, record, value, bound, other, detail from decisions
where artifact in (select unnest($artifacts)) and record in (select unnest($records::uuid[]))
"""


def dropped(connection: duckdb.DuckDBPyConnection, root: Path, run: Run) -> Section:
    """The section: a histogram a reason that measures something, then some records of every reason."""
    found = rows(connection, REASONS, {"run": run.id, "shown": SHOWN, "most": MOST_REASONS})
    measured = [row for row in found if row["measured"] and row["high"] > row["low"]]
    parts: list[Part] = [histogram(connection, row) for row in measured[:MOST_CHARTS]]
    return Section("dropped", "What was dropped", [*parts, *samples(connection, root, run, found)], LEAD)


LEAD = "Records of each reason, chosen by their ids, which are hashes: a sample that is the same whenever it is drawn."


def histogram(connection: duckdb.DuckDBPyConnection, row: dict[str, Any]) -> Chart:
    """What a filter measured of the records that left for one reason."""
    low, width = row["low"], (row["high"] - row["low"]) / BINS
    asked = {"artifact": row["artifact"], "reason": row["reason"], "low": low, "width": width, "bins": BINS}
    counts = {found["bin"]: found["count"] for found in rows(connection, VALUES, asked)}
    edges = [low + width * number for number in range(BINS + 1)]
    heights = [counts.get(number, 0) for number in range(BINS)]
    middles = [edge + width / 2 for edge in edges[:-1]]
    told_ranges = ranges(edges)
    hover = "%{y:,} records of %{customdata}<extra></extra>"
    trace = {**bars(row["reason"], 1, [], heights), "x": middles, "customdata": told_ranges, "hovertemplate": hover}
    trace["marker"] = {"color": colour(1)}
    limits = {bound for bound in (row["bound"], row["bound_high"]) if bound is not None}
    shown = [(bound, f"bound {bound:.4g}") for bound in limits]
    listed = [[one, count] for one, count in zip(told_ranges, heights, strict=True) if count]
    title = f"{row['stage']}: {row['reason']}"
    told = f"What was measured of the {row['measured']:,} records that left '{row['stage']}' as {row['reason']}."
    layout = axes("measured", "records", bargap=0, showlegend=False, **rules(shown))
    return Chart(title, told, [trace], Table(title, ["measured", "records"], listed), layout, height=220)


def samples(connection: duckdb.DuckDBPyConnection, root: Path, run: Run, found: Rows) -> list[Samples]:
    """Some records of every reason with their texts."""
    wanted = [record for row in found for record in row["records"]]
    places, said = origins(connection, run, wanted), texts(connection, root, run, wanted)
    asked = {"artifacts": [row["artifact"] for row in found], "records": [str(record) for record in wanted]}
    decisions = rows(connection, DECISIONS, asked) if wanted else []
    told = {(row["artifact"], row["reason"], row["record"]): row for row in decisions}
    return [
        Samples(
            f"{row['stage']}: {row['reason']}, {row['count']:,} {'record' if row['count'] == 1 else 'records'}",
            [sample(told[row["artifact"], row["reason"], record], places, said) for record in row["records"]],
        )
        for row in found
    ]


def sample(decision: dict[str, Any], places: dict[Any, dict[str, Any]], said: dict[Any, str]) -> Sample:
    """One record that left."""
    record = decision["record"]
    title = ", ".join(filter(None, [place(places.get(record)), measured(decision), str(record)]))
    more = {"detail": decision["detail"]} if decision["detail"] else {}
    if decision["other"] is not None:
        more["kept in its place"] = str(decision["other"])
    return Sample(title, {"text": said.get(record, "its text is not there any more"), **more})


def measured(decision: dict[str, Any]) -> str:
    """`12 against 30`."""
    parts = [f"{decision[name]:.4g}" for name in ("value", "bound") if decision[name] is not None]
    return " against ".join(parts) if decision["value"] is not None else ""


def place(origin: dict[str, Any] | None) -> str:
    """`source, file:line`, or nothing for a record that never was read."""
    return f"{origin['source']}, {origin['file']}:{origin['line']}" if origin else ""
