"""`finery export --openlineage`: a finished run as events that the library's own classes take."""

from __future__ import annotations

import json
from datetime import datetime
from pathlib import Path

import pytest
from workshop import Workshop

from finery.errors import UsageError

client = pytest.importorskip("openlineage.client.event_v2")


@pytest.fixture(scope="module")
def events(workshop: Workshop, tmp_path_factory: pytest.TempPathFactory) -> list[dict]:
    """The events of the second run, which reused two stages."""
    place = tmp_path_factory.mktemp("events") / "events.jsonl"
    assert "16 events" in workshop.ask("export", workshop.second, "--openlineage", "--to", str(place))
    return [json.loads(line) for line in place.read_text(encoding="utf-8").splitlines()]


def test_the_librarys_own_classes_take_every_event(events: list[dict]) -> None:
    for event in events:
        inputs, outputs = (
            [kind(**one) for one in event.get(name, [])]
            for name, kind in (("inputs", client.InputDataset), ("outputs", client.OutputDataset))
        )
        run, job = client.Run(**event["run"]), client.Job(**event["job"])
        state = client.RunState[event["eventType"]]
        about = {"run": run, "job": job, "eventType": state, "inputs": inputs, "outputs": outputs}
        client.RunEvent(eventTime=event["eventTime"], producer=event["producer"], **about)


def test_each_stage_begins_and_ends_within_the_run(events: list[dict]) -> None:
    jobs = [event["job"]["name"] for event in events]
    stages = ["read-a", "read-b", "short", "halves", "twice", "toy", "counting"]
    assert jobs == ["small", *(f"small.{stage}" for stage in stages for _ in range(2)), "small"]
    when = [datetime.fromisoformat(event["eventTime"]) for event in events]
    assert all(when[0] <= one <= when[-1] for one in when)
    assert when[13] < when[-1] and all(early <= late for early, late in zip(when[1::2], when[2::2], strict=False))


def test_versions_of_data_lead_from_stage_to_stage(events: list[dict]) -> None:
    left = {(o["name"], o["facets"]["version"]["datasetVersion"]) for e in events for o in e.get("outputs", [])}
    read = {(o["name"], o["facets"]["version"]["datasetVersion"]) for e in events for o in e.get("inputs", [])}
    assert read and read <= left


def test_a_file_that_is_there_is_not_written_over(workshop: Workshop, tmp_path: Path) -> None:
    (tmp_path / "kept").write_text("mine")
    with pytest.raises(UsageError, match="is there already"):
        workshop.ask("export", "--openlineage", "--to", str(tmp_path / "kept"))
    assert (tmp_path / "kept").read_text() == "mine"
