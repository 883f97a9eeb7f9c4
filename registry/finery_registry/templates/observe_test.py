"""The observer keeps its contract, and writes what it hears."""

# ruff: noqa: S101
from pathlib import Path

from finery import Stage
from finery.testing import conformance
from finery_registry.templates.observe import Starter

test_it_keeps_the_contract = conformance(Starter())


def test_a_run_leaves_a_heading_and_a_line_a_stage(tmp_path: Path) -> None:
    diary = Starter(path=str(tmp_path / "runs.md"))
    stage = Stage("short", "filter", "length", 0)
    diary.run_started("r1", {"name": "small"})
    diary.stage_finished(stage, {"sources": {"a": {"in": 3, "kept": 2}}, "reused": True})
    diary.stage_failed(stage, ValueError("no"))
    diary.run_finished("r1", "failed", 1.25)
    assert (tmp_path / "runs.md").read_text().split("\n") == [
        "",
        "## small, run r1",
        "",
        "- short: 3 records in, 2 kept (reused)",
        "- short: failed with ValueError: no",
        "",
        "failed after 1.2 s",
        "",
    ]
