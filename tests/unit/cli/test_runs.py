"""`finery runs`: what has run, and what each run did."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from workshop import Workshop

from finery.cli.runs import settled


def test_runs_are_listed_the_latest_first(workshop: Workshop) -> None:
    rows = workshop.json("runs")
    assert [row["run"] for row in rows] == [workshop.second, workshop.first]
    assert [(row["status"], row["stages"], row["ran"], row["reused"]) for row in rows] == [
        ("done", 7, 5, 2),
        ("done", 7, 7, 0),
    ]
    assert workshop.lines("runs")[0] == "run name status started seconds stages ran reused"


def test_a_run_tells_its_stages_with_what_came_in_and_out(workshop: Workshop) -> None:
    found = workshop.json("runs", "last~1")
    assert found["run"] == workshop.first
    counts = {row["stage"]: (row["records_in"], row["records_out"]) for row in found["stages"]}
    assert counts["read-a"] == (5, 4)
    assert counts["short"] == (5, 3)
    assert counts["twice"] == (4, 8)
    assert workshop.lines("runs", "last~1")[0] == "stage hook plugin package in out seconds did"


def test_a_stage_says_why_it_ran(workshop: Workshop) -> None:
    lines = workshop.lines("runs", "last")
    assert any(line.startswith("short") and "option least: 4 -> 16" in line for line in lines)
    assert any(line.startswith("read-a") and line.endswith("reused") for line in lines)


RUNNERS = [(os.getpid(), "running"), (2**22 + 1, "killed"), ("", "killed")]


@pytest.mark.parametrize(("pid", "status"), RUNNERS, ids=["this", "gone", "none"])
def test_a_run_whose_process_is_gone_was_killed(tmp_path: Path, pid: object, status: str) -> None:
    (tmp_path / "lock").write_text(str(pid))
    rows = [{"status": "running", "started": 0}, {"status": "running", "started": 0}, {"status": "done", "started": 0}]
    assert [row["status"] for row in settled(tmp_path, rows)] == [status, "killed", "done"]
