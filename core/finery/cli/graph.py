"""`finery graph`: the stages of a run, and what leads from one to another."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from finery.lineage.graph import Edge, Graph, Node


@click.command()
@click.argument("run", default="last")
@click.option("--format", "kind", type=click.Choice(["text", "dot", "html"]), default="text", show_default=True)
@click.option("--to", "place", type=click.Path(path_type=Path), help="The file; html needs one, others may have one.")
@click.option("--json", "as_json", is_flag=True, help="Nodes and edges as JSON.")
def graph(run: str, kind: str, place: Path | None, as_json: bool) -> None:
    """Draw the stages of RUN with its sources and models.

    As text a lane stands for a source or a model: ● a stage that sees it, ◆ the training that made it. `dot` is for
    Graphviz: finery graph --format dot | dot -Tsvg.
    """
    from finery.cli.render import emit_json
    from finery.cli.work import work_folder
    from finery.lineage.graph import graph as graph_of
    from finery.lineage.runs import find_run
    from finery.lineage.store import reading

    with reading(work_folder()) as connection:
        found = graph_of(connection, find_run(connection, run))
    if as_json:
        emit_json(asdict(found))
    elif kind == "html":
        as_page(found, place)
    else:
        put(in_lanes(found) if kind == "text" else dot(found), place)


def in_lanes(found: Graph) -> str:
    """The graph as text."""
    from finery.cli.lanes import lanes

    return "\n".join(lanes(found)) + "\n"


def put(text: str, place: Path | None) -> None:
    """Print, or write into a file. Raises WorkError where that cannot be written."""
    from finery.errors import WorkError

    if place is None:
        click.echo(text, nl=False)
        return
    try:
        place.write_text(text, encoding="utf-8")
    except OSError as error:
        raise WorkError.at(place, f"cannot be written ({error.strerror})", "name another file with --to") from None
    click.echo(str(place))


def dot(found: Graph) -> str:
    """The graph in Graphviz's language."""
    nodes = [f"  {quoted(node.id)} [label={quoted(label(node))} shape={shape(node)}];" for node in found.nodes]
    edges = [f"  {quoted(edge.start)} -> {quoted(edge.end)} [{looks(edge)}];" for edge in found.edges]
    head = f'digraph {quoted(found.run)} {{\n  rankdir=LR;\n  node [fontname="sans-serif"];'
    return "\n".join([head, *nodes, *edges, "}"]) + "\n"


def quoted(text: str) -> str:
    """Text as Graphviz takes it; a line break is the two characters that it reads as one."""
    inner = text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    return f'"{inner}"'


def label(node: Node) -> str:
    """What stands in a node."""
    counts = f"\n{node.came:,} to {node.went:,}" if node.came != node.went else f"\n{node.went:,}" if node.went else ""
    return f"{node.id}\n{node.hook} {node.plugin}".rstrip() + counts


def shape(node: Node) -> str:
    """The shape of a node by its hook."""
    return {"read": "folder", "train": "component", "model": "component", "evaluate": "note"}.get(node.hook, "box")


def looks(edge: Edge) -> str:
    """The label of an edge; a model's is dashed."""
    return f"label={quoted(f'{edge.source} {edge.records:,}')}" if edge.source else "style=dashed"


def as_page(found: Graph, place: Path | None) -> None:
    """Write the graph as an HTML file. Raises UsageError without one to write."""
    from finery.errors import UsageError
    from finery.report.network import of_graph
    from finery.report.writing import write

    if place is None:
        raise UsageError.at("finery graph", "--format html needs a file", "name it with --to graph.html")
    size = write(of_graph(found), place)
    click.echo(f"{place} ({size / 1e6:.1f} MB)")
