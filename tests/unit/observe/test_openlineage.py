"""The observer `openlineage`, over HTTP to a server on loopback and into a file."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError
from trackers import KEPT, nobody, run, server

from finery import Stage
from finery.kernel import relay
from finery_plugins.observe.openlineage import OpenLineage

pytest.importorskip("openlineage.client")

TARGET = "finery_plugins.observe.openlineage:OpenLineage"
STAGES = ("small.read-a", "small.read-b", "small.long")


def check_events(events: list[Any]) -> None:
    """The run encloses its stages, each of which starts, completes and names the run as its parent."""
    assert [(e["job"]["name"], e["eventType"]) for e in events] == [
        ("small", "START"),
        *((name, state) for name in STAGES for state in ("START", "COMPLETE")),
        ("small", "COMPLETE"),
    ]
    ids = {e["run"]["runId"] for e in events if e["job"]["name"] == "small"}
    assert {e["run"]["facets"]["parent"]["run"]["runId"] for e in events[1:-1]} == ids
    long = events[-2]
    assert {one["name"]: one["outputFacets"]["outputStatistics"]["rowCount"] for one in long["outputs"]} == {
        f"small.{source}": count for source, count in KEPT.items()
    }
    numbers = long["run"]["facets"]["finery_metrics"]["metrics"]
    assert {"name": "reasons/few-words", "source": "a", "value": 1.0} in numbers


def test_a_pipeline_is_told_to_a_server(tmp_path: Path) -> None:
    with server() as (url, events):
        run(tmp_path, TARGET, f'{{ url = "{url}" }}')
    check_events(events)


def test_a_server_that_was_down_for_a_while_hears_everything_once(tmp_path: Path) -> None:
    with server(refusals=2) as (url, events):
        run(tmp_path, TARGET, f'{{ url = "{url}" }}')
    check_events(events)


def test_a_pipeline_is_told_to_a_file_with_versions_that_lead_from_stage_to_stage(tmp_path: Path) -> None:
    run(tmp_path, TARGET, f'{{ path = "{tmp_path / "events.jsonl"}" }}')
    events = [json.loads(line) for line in (tmp_path / "events.jsonl").read_text().splitlines()]
    check_events(events)
    left = {one["name"]: one["facets"]["version"] for e in events[1:5] for one in e["outputs"]}
    assert {one["name"]: one["facets"]["version"] for one in events[-2]["inputs"]} == left


def test_a_server_that_is_down_does_not_fail_the_run(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run(tmp_path, TARGET, f'{{ url = "{nobody()}", patience_seconds = 0.5 }}')
    lines = capsys.readouterr().err.splitlines()
    assert len([line for line in lines if "openlineage: does not take events" in line]) == 1
    assert "openlineage: gave up 8 events" in lines[-1]


def test_a_training_ends_with_its_model_and_the_last_of_each_number(tmp_path: Path) -> None:
    hear = relay([OpenLineage(path=str(tmp_path / "events.jsonl"))])
    stage = Stage("toy", "train", "sft", 0)
    hear.run_started(run="r", pipeline={"name": "p"})
    hear.stage_started(stage=stage, total=3)
    for step in (1, 2):
        hear.metric(stage=stage, name="loss", value=float(step), step=step, source="a")
    hear.metric(stage=stage, name="ratio", value=math.nan, step=2, source=None)
    hear.stage_finished(stage=stage, summary={"fingerprint": "f00d", "parts": {"inputs": {"a": "mark"}}})
    hear.stage_failed(stage=stage, error=ValueError("no"))
    hear.run_finished(run="r", status="interrupted", seconds=1.0)
    events = [json.loads(line) for line in (tmp_path / "events.jsonl").read_text().splitlines()]
    (done,) = [e for e in events if e["eventType"] == "COMPLETE"]
    assert done["run"]["facets"]["finery_metrics"]["metrics"] == [
        {"name": "loss", "source": "a", "step": 2, "value": 2.0},
        {"name": "ratio", "step": 2, "value": "nan"},
    ]
    assert [(one["name"], one["facets"]["version"]["datasetVersion"]) for one in done["outputs"]] == [("p.toy", "f00d")]
    (failed,) = [e for e in events if e["eventType"] == "FAIL"]
    assert failed["run"]["facets"]["errorMessage"]["message"] == "ValueError: no"
    assert events[-1]["eventType"] == "ABORT"


@pytest.mark.parametrize("options", [{}, {"url": "http://x", "path": "y"}])
def test_exactly_one_place_is_wanted(options: dict[str, str]) -> None:
    with pytest.raises(ValidationError, match="give either url or path"):
        OpenLineage(**options)
