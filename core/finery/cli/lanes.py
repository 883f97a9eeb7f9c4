"""A run's graph as text: a lane a source and a model, a line a stage, a mark where the stage sees the lane."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from finery.cli.render import one_line
from finery.lineage.graph import Graph, Node

SEES, OPENS, PASSES = "●", "◆", "│"


def lanes(graph: Graph) -> Iterator[str]:
    """The lines of the graph. A lane begins where its source is read or its model trained, and ends at its last use."""
    names, uses = list(opened(graph)), used(graph)
    for place, node in enumerate(graph.nodes):
        marks = [mark(place, node, name, uses[name]) for name in names]
        yield f"{' '.join(marks)}  {one_line(told(node))}".rstrip()


def opened(graph: Graph) -> Iterator[tuple[str, str]]:
    """The lanes in the order in which they begin: `("source", name)` and `("model", node)`."""
    seen: set[str] = set()
    for node in graph.nodes:
        yield from (("source", name) for name in node.sources if name not in seen)
        seen |= set(node.sources)
        if node.hook in ("train", "model"):
            yield "model", node.id


def used(graph: Graph) -> dict[tuple[str, str], Sequence[int]]:
    """The places of the nodes that see each lane."""
    places = {node.id: place for place, node in enumerate(graph.nodes)}
    found: dict[tuple[str, str], list[int]] = {name: [] for name in opened(graph)}
    for node in graph.nodes:
        for source in node.sources:
            found["source", source].append(places[node.id])
        if node.hook in ("train", "model"):
            found["model", node.id].append(places[node.id])
    for edge in graph.edges:
        if edge.source is None:
            found["model", edge.start].append(places[edge.end])
    return {name: sorted(all_places) for name, all_places in found.items()}


def mark(place: int, node: Node, lane: tuple[str, str], uses: Sequence[int]) -> str:
    """What stands in a lane on the line of a node."""
    if lane == ("model", node.id):
        return OPENS
    if place in uses:
        return SEES
    return PASSES if uses[0] < place < uses[-1] else " "


def told(node: Node) -> str:
    """What is said of a node."""
    if node.hook == "model":
        return f"{node.id}  (a model from elsewhere)"
    if not node.is_finished:
        return f"{node.id}  {node.hook} {node.plugin}, not finished"
    if node.hook == "read":
        return f"{node.id}  {node.went:,} records"
    counts = f"{node.came:,}" if node.came == node.went else f"{node.came:,} → {node.went:,}"
    return f"{node.id}  {node.hook} {node.plugin}, {counts} records"
