"""A run's graph as a page: stages from left to right, a band a source, a thin one a model."""

from __future__ import annotations

from collections.abc import Sequence

from finery.lineage.graph import Edge, Graph
from finery.report.charts import colour
from finery.report.flow import COLUMN_PIXELS
from finery.report.markup import label
from finery.report.parts import Chart, Report, Section, Table


def of_graph(graph: Graph) -> Report:
    """The page."""
    columns = ["from", "to", "source", "records"]
    body = [[edge.start, edge.end, edge.source or "a model", edge.records or None] for edge in graph.edges]
    table = Table("What leads from stage to stage", columns, body)
    stages = Table(
        "Stages",
        ["stage", "hook", "plugin", "in", "out", "artifact"],
        [[node.id, node.hook, node.plugin, node.came, node.went, node.artifact] for node in graph.nodes],
    )
    section = Section(
        "graph", "Stages, sources and models", [picture(graph, table), stages] if graph.edges else [stages]
    )
    return Report("The graph of a run", f"run {graph.run}", [section])


def picture(graph: Graph, table: Table) -> Chart:
    """The edges as a Sankey diagram."""
    places = {node.id: place for place, node in enumerate(graph.nodes)}
    sources = list(dict.fromkeys(edge.source for edge in graph.edges if edge.source))
    thin = max(1.0, max(edge.records for edge in graph.edges) / 40)
    shades = {"train": "@c4", "model": "@c4", "evaluate": "@c3", "read": "@text"}
    node = {
        "label": [label(one.id) for one in graph.nodes],
        "color": [shades.get(one.hook, "@muted") for one in graph.nodes],
        "pad": 14,
        "thickness": 14,
        "line": {"width": 0},
        "hovertemplate": "%{label}<extra></extra>",
    }
    link = {
        "source": [places[edge.start] for edge in graph.edges],
        "target": [places[edge.end] for edge in graph.edges],
        "value": [max(edge.records, thin) for edge in graph.edges],
        "color": [shade(edge, sources) for edge in graph.edges],
        "customdata": [told(edge) for edge in graph.edges],
        "hovertemplate": "%{customdata}<extra></extra>",
    }
    text = (
        "A Sankey diagram: stages from left to right; bands are sources, one colour each, as wide as there are records."
    )
    width = COLUMN_PIXELS * min(12, longest(graph))
    height = min(1200, 220 + 40 * len(sources))
    trace = {"type": "sankey", "arrangement": "snap", "node": node, "link": link}
    return Chart(
        "From stage to stage", f"{text} Thin bands are models.", [trace], table, height=height, least_width=width
    )


def shade(edge: Edge, sources: Sequence[str]) -> str:
    """The colour of an edge."""
    return f"{colour(sources.index(edge.source) + 1)}/45" if edge.source else "@gone/60"


def told(edge: Edge) -> str:
    """What is said of an edge."""
    what = f"{edge.records:,} records of {edge.source}" if edge.source else "the model"
    return label(f"{what}, from {edge.start} to {edge.end}")


def longest(graph: Graph) -> int:
    """The nodes on the longest way: edges lead on in the order of the nodes."""
    depth = {node.id: 1 for node in graph.nodes}
    for node in graph.nodes:
        before = [depth[edge.start] for edge in graph.edges if edge.end == node.id]
        depth[node.id] = 1 + max(before, default=0)
    return max(depth.values(), default=1)
