"""`finery graph`: a run's stages with its sources and models."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest
from workshop import Workshop

from finery.cli.graph import dot
from finery.errors import UsageError
from finery.lineage.graph import Edge, Graph, Node


def test_lanes_show_which_stage_sees_which_source_and_model(workshop: Workshop) -> None:
    lines = workshop.ask("graph", workshop.first).splitlines()
    assert [line.split()[-1] for line in lines][:2] == ["records", "records"]
    assert lines[0].startswith("●      read-a") and lines[1].startswith("│ ●    read-b")
    found = {re.split(r"  +", line.strip("●◆│ "))[0]: line[:6] for line in lines}
    assert found["short"] == "● ●   " and found["halves"] == "│ ●   "
    assert found["toy"] == "● ● ◆ " and found["counting"] == "● ● ● "


def test_as_json_edges_carry_the_records_of_each_source(workshop: Workshop) -> None:
    found = workshop.json("graph", workshop.first)
    edges = {(edge["start"], edge["end"], edge["source"]): edge["records"] for edge in found["edges"]}
    assert edges["read-a", "short", "a"] == 4 and edges["toy", "counting", None] == 0
    assert edges["halves", "twice", "b"] == 2 and edges["short", "twice", "a"] == 2


def test_dot_escapes_what_a_stage_is_called(tmp_path: Path) -> None:
    nodes = (Node('a"b\\', "filter", "x", came=3, went=2), Node("org/model", "model"))
    text = dot(Graph("r", nodes, (Edge("org/model", 'a"b\\', None), Edge('a"b\\', "org/model", 's"', 2))))
    assert '"a\\"b\\\\" [label="a\\"b\\\\\\nfilter x\\n3 to 2" shape=box];' in text
    assert 'label="s\\" 2"' in text and "style=dashed" in text
    if shutil.which("dot"):
        subprocess.run(["dot", "-Tsvg"], input=text, text=True, check=True, capture_output=True)


def test_a_page_needs_a_file_and_holds_every_stage(workshop: Workshop, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="name it with --to"):
        workshop.ask("graph", "--format", "html")
    pytest.importorskip("plotly")
    workshop.ask("graph", "--format", "html", "--to", str(tmp_path / "graph.html"))
    text = (tmp_path / "graph.html").read_text(encoding="utf-8")
    assert all(f">{name}<" in text for name in ("read-a", "halves", "toy", "counting"))
