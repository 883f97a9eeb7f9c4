"""The way of the records: from their sources through the stages that changed something, and why they left."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from finery.lineage.runs import Rows, Run, rows
from finery.report.charts import colour
from finery.report.markup import label
from finery.report.parts import Chart, Part, Section, Table

if TYPE_CHECKING:
    import duckdb

FATES = ("kept", "dropped", "merged", "failed", "born")
COUNTS = """
pivot (
    select s.position, s.stage, s.hook, t.source, t.name, t.count from stages s join tallies t using (artifact)
    where s.run = $run and t.kind = 'fate' and s.hook not in ('train', 'evaluate'))
on name in ('in', 'kept', 'dropped', 'merged', 'failed', 'born') using coalesce(sum(count), 0)::bigint
group by position, stage, hook, source order by position, source
"""
REASONS = """
select s.position, s.stage, t.source, t.name as reason, t.count from stages s join tallies t using (artifact)
where s.run = $run and t.kind = 'reason' and t.count > 0 order by s.position, t.count desc, t.name, t.source
"""
MOST_REASONS = 4
"""Reasons of a stage that are drawn; the others are drawn as one."""
COLUMN_PIXELS = 120
"""Room for a stage and its label where the screen is too narrow for all."""
END = "at the end"


def flow(connection: duckdb.DuckDBPyConnection, run: Run) -> Section:
    """The section: a Sankey diagram, the counts behind it, and every reason."""
    counts, reasons = rows(connection, COUNTS, {"run": run.id}), rows(connection, REASONS, {"run": run.id})
    drawn = Diagram(shortened(reasons))
    for source in dict.fromkeys(row["source"] for row in counts):
        drawn.follow(source, [row for row in counts if row["source"] == source])
    table = Table(
        "Records by stage and source",
        ["stage", "source", "in", *FATES],
        [[row["stage"], row["source"], row["in"], *(row[fate] for fate in FATES)] for row in counts],
    )
    why = Table(
        "Why records left",
        ["stage", "source", "reason", "records"],
        [[row["stage"], row["source"], row["reason"], row["count"]] for row in reasons],
    )
    lead = "in = kept + dropped + merged + failed at every stage; a split or a mix may bear records as well."
    parts: list[Part] = [drawn.chart(table)] if counts else []
    parts += [why] if reasons else []
    return Section("flow", "Where the records went", parts, lead)


def shortened(reasons: Rows) -> dict[tuple[str, str], list[tuple[str, int]]]:
    """By stage and source: how many records each reason took, rare reasons of a stage together."""
    totals: dict[str, dict[str, int]] = {}
    for row in reasons:
        stage = totals.setdefault(row["stage"], {})
        stage[row["reason"]] = stage.get(row["reason"], 0) + row["count"]
    kept = {stage: frequent(found) for stage, found in totals.items()}
    short: dict[tuple[str, str], dict[str, int]] = {}
    for row in reasons:
        reason = row["reason"] if row["reason"] in kept[row["stage"]] else "other reasons"
        own = short.setdefault((row["stage"], row["source"]), {})
        own[reason] = own.get(reason, 0) + row["count"]
    return {place: list(found.items()) for place, found in short.items()}


def frequent(counts: Mapping[str, int]) -> list[str]:
    """The reasons that took most records."""
    return sorted(counts, key=lambda reason: (-counts[reason], reason))[:MOST_REASONS]


@dataclass
class Diagram:
    """Nodes and links of a Sankey diagram as they are found."""

    reasons: Mapping[tuple[str, str], Sequence[tuple[str, int]]]
    nodes: dict[tuple[str, ...], str] = field(default_factory=dict)
    """Colour by name: `("source", name)`, `("stage", id)`, `("gone", stage, reason)`, `("end",)`."""
    links: list[tuple[tuple[str, ...], tuple[str, ...], int, str]] = field(default_factory=list)
    sources: int = 0

    def follow(self, source: str, stages: Iterable[Mapping[str, Any]]) -> None:
        """Draw the way of one source; stages at which nothing happened to it are passed by."""
        self.sources += 1
        shade = colour(self.sources)
        place: tuple[str, ...] = ("source", source)
        self.nodes[place] = shade
        amount = 0
        for row in stages:
            gone = self.reasons.get((row["stage"], source), ())
            if row["hook"] != "read" and (gone or row["born"]):
                place = self.step(place, ("stage", row["stage"]), row["in"], shade)
            for reason, count in gone:
                self.step(place, ("gone", row["stage"], reason), count, shade)
            amount = row["kept"] + row["born"]
        if amount:
            self.step(place, ("end",), amount, shade)

    def step(self, here: tuple[str, ...], there: tuple[str, ...], amount: int, shade: str) -> tuple[str, ...]:
        """One link, and the node that it leads to."""
        self.nodes.setdefault(there, {"gone": "@gone", "end": "@text"}.get(there[0], "@muted"))
        self.links.append((here, there, amount, shade))
        return there

    def chart(self, table: Table) -> Chart:
        """The diagram with the numbers behind it."""
        places = {name: number for number, name in enumerate(self.nodes)}
        stages = sum(name[0] == "stage" for name in self.nodes)
        leaves = sum(name[0] in ("gone", "source") for name in self.nodes)
        node = {
            "label": list(self.labels()),
            "color": list(self.nodes.values()),
            "align": "left",
            "pad": 14,
            "thickness": 14,
            "line": {"width": 0},
            "hovertemplate": "%{label}: %{value:,} records<extra></extra>",
        }
        link = {
            "source": [places[here] for here, *_ in self.links],
            "target": [places[there] for _, there, *_ in self.links],
            "value": [amount for *_, amount, _ in self.links],
            "color": [f"{shade}/45" for *_, shade in self.links],
            "hovertemplate": "%{value:,} records: %{source.label} to %{target.label}<extra></extra>",
        }
        return Chart(
            "Records from their sources to the end",
            "A Sankey diagram: bands from left to right, one colour a source, as wide as there are records. Stages "
            "that changed nothing are left out; bands that end in a reason left there.",
            [{"type": "sankey", "arrangement": "snap", "valueformat": ",", "node": node, "link": link}],
            table,
            height=min(900, 160 + 34 * leaves),
            least_width=COLUMN_PIXELS * (stages + 2),
        )

    def labels(self) -> Iterator[str]:
        """What stands beside each node."""
        for name in self.nodes:
            yield label(END if name[0] == "end" else name[-1])
