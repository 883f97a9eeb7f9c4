"""What a training writes as it happens, attempt by attempt."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from finery import Stage
from finery.data.identity import hashed
from finery.journal import FileJournal, metrics
from finery.kernel import relay

STAGE = Stage("tune", "train", "sft", 1)


def journal(folder: Path) -> FileJournal:
    """The journal of a new attempt."""
    return FileJournal(folder, STAGE, relay([]))


def losses(folder: Path) -> dict[int | None, Any]:
    """The loss at each step."""
    return {entry["step"]: entry["value"] for entry in metrics(folder) if entry["name"] == "loss"}


def test_a_later_attempt_has_the_last_word(tmp_path: Path) -> None:
    for values in ([3.0, 2.0, 1.0], [9.0]):
        made = journal(tmp_path)
        for step, value in enumerate(values, start=4 - len(values)):
            made.metric("loss", value, step)
        made.close()
    assert losses(tmp_path) == {1: 3.0, 2: 2.0, 3: 9.0}


def test_metrics_of_sources_stand_beside_each_other(tmp_path: Path) -> None:
    made = journal(tmp_path)
    made.metric("loss", 1, 1, "a")
    made.metric("loss", 2, 1, "b")
    made.metric("loss", 3)
    made.close()
    found = {(entry["source"], entry["step"]): entry["value"] for entry in metrics(tmp_path)}
    assert found == {("a", 1): 1.0, ("b", 1): 2.0, (None, None): 3.0}


def test_a_nan_is_kept(tmp_path: Path) -> None:
    made = journal(tmp_path)
    made.metric("loss", math.nan, 1)
    made.close()
    assert math.isnan(losses(tmp_path)[1])


def test_a_half_written_line_is_passed_over(tmp_path: Path) -> None:
    made = journal(tmp_path)
    made.metric("loss", 1.0, 1)
    made.close()
    with (tmp_path / "metrics-000.jsonl").open("a") as file:
        file.write('{"name": "lo')
    assert losses(tmp_path) == {1: 1.0}


def test_steps_are_files_of_their_attempt(tmp_path: Path) -> None:
    record = hashed(pa.array(["x"]))
    table = pa.table({"record": record, "step": [1], "rank": [0], "start": [0], "length": [9]})
    for _ in range(2):
        made = journal(tmp_path)
        made.steps(table)
        made.steps(table)
        made.close()
    names = sorted(path.name for path in tmp_path.glob("steps-*"))
    assert names == [f"steps-{a:03}-{p:05}.parquet" for a in range(2) for p in range(2)]
    assert pq.read_table(tmp_path / names[0]).column_names == ["step", "rank", "record", "start", "length"]
