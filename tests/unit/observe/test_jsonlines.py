"""The observer `jsonlines` writes a line for everything that it hears."""

from __future__ import annotations

import json
from pathlib import Path

from finery import Stage
from finery.kernel import relay
from finery_plugins.observe.jsonlines import JsonLines

STAGE = Stage("length", "filter", "length", 0)


def test_every_event_of_a_run_is_a_line(tmp_path: Path) -> None:
    hear = relay([JsonLines(path=str(tmp_path / "events.jsonl"))])
    hear.run_started(run="r", pipeline={"name": "p"})
    hear.stage_started(stage=STAGE, total=3)
    hear.metric(stage=STAGE, name="loss", value=1.5, step=2, source=None)
    hear.stage_finished(stage=STAGE, summary={"sources": {}, "seconds": 1.0})
    hear.stage_failed(stage=STAGE, error=ValueError("no"))
    hear.run_finished(run="r", status="failed", seconds=2.0)
    lines = [json.loads(line) for line in (tmp_path / "events.jsonl").read_text().splitlines()]
    assert [line["event"] for line in lines] == [
        "run_started", "stage_started", "metric", "stage_finished", "stage_failed", "run_finished",
    ]  # fmt: skip
    assert lines[2]["value"] == 1.5
    assert lines[4]["error"] == "ValueError: no"
