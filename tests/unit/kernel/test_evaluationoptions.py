"""Options that name an evaluation: an earlier stage's, one of the work folder, or one in a path."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from finery.errors import PipelineError
from finery.evaluationoptions import evaluation_place


@pytest.fixture
def root(tmp_path: Path) -> Path:
    stages = [
        {"id": "before", "hook": "evaluate", "artifact": "aa"},
        {"id": "after", "hook": "evaluate", "artifact": "bb"},
    ]
    record = {"stages": [{"id": "tuned", "hook": "train", "artifact": "cc"}, *stages]}
    (tmp_path / "work/runs").mkdir(parents=True)
    (tmp_path / "work/runs/20260101-000000-0000.json").write_text(json.dumps(record), encoding="utf-8")
    return tmp_path / "work"


def place(name: str, root: Path, stages: dict[str, str] | None = None) -> Path:
    return evaluation_place(name, stages or {}, root, root.parent, "pipeline.toml:3")


def test_an_earlier_stage_comes_first(root: Path) -> None:
    (root.parent / "before").mkdir()
    assert place("before", root, {"before": "dd"}) == root / "artifacts/dd"
    assert place("before", root) == root.parent / "before"


def test_a_run_names_its_stages_or_its_last_evaluation(root: Path) -> None:
    assert place("20260101-000000-0000/before", root) == root / "artifacts/aa"
    assert place("20260101-000000-0000", root) == root / "artifacts/bb"


@pytest.mark.parametrize("name", ["befor", "20260101-000000-0000/tuned", "20250101-000000-0000"])
def test_a_name_that_leads_nowhere_is_a_fault_with_its_line(root: Path, name: str) -> None:
    with pytest.raises(PipelineError, match=rf"pipeline\.toml:3: there is no evaluation '{name}'"):
        place(name, root, {"before": "dd"})
