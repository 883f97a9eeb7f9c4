"""The lineage database: filled from files, found again when it is lost, read while others write."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from finery.data.artifacts import Artifacts, write_json
from finery.data.identity import hashed
from finery.errors import WorkError
from finery.lineage import store
from finery.lineage.ingest import ingest_artifact, ingest_run
from finery.lineage.store import reading, writing
from finery.stages.layers import DECISIONS

RECORDS = hashed(pa.array([str(n) for n in range(4)]))
MANIFEST: dict[str, Any] = {
    "fingerprint": "f",
    "stage": {"id": "length", "hook": "filter", "plugin": "length", "package": "finery 0.1"},
    "parts": {"options": {"min_words": 3}, "inputs": {"a": "r/a"}},
    "sources": {"a": {"in": 4, "kept": 2, "dropped": 2, "reasons": {"few-words": 2}}},
    "tally": {"seen": 4},
    "seconds": 0.5,
    "shards": [],
}
RUN: dict[str, Any] = {
    "run": "r1", "name": "try", "status": "done", "started": "2026-01-02T03:04:05+00:00", "seconds": 1.5,
    "pipeline": {"name": "try"}, "versions": {"python": "3.11"},
    "stages": [
        {"id": "length", "hook": "filter", "plugin": "length", "package": "finery 0.1", "artifact": "f",
         "reused": False, "why": "first run", "done": True, "parts": {}},
    ],
}  # fmt: skip


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A work folder with one run of one stage, and no database."""
    artifacts = Artifacts(tmp_path)
    folder = artifacts.partial("f")
    taken = RECORDS.take(pa.array([3, 1]))
    row = {"row": [3, 1], "record": taken, "reason": ["few-words"] * 2, "value": [1.0, 2.0], "bound": [3.0] * 2}
    table = pa.table({**row, "other": pa.nulls(2, pa.uuid()), "detail": pa.nulls(2, pa.string())}, schema=DECISIONS)
    pq.write_table(table, folder / "decisions-00000.parquet")
    artifacts.commit("f", MANIFEST)
    (tmp_path / "runs").mkdir()
    write_json(tmp_path / "runs/r1.json", RUN)
    return tmp_path


def rows(root: Path, query: str) -> list[tuple[Any, ...]]:
    """What a query finds."""
    with reading(root) as connection:
        return connection.execute(query).fetchall()


def test_a_lineage_is_made_from_the_files(root: Path) -> None:
    assert rows(root, "select run, name, status, seconds from runs") == [("r1", "try", "done", 1.5)]
    assert rows(root, "select stage, artifact, reused, why from stages") == [("length", "f", False, "first run")]
    assert rows(root, "select source, mark from inputs") == [("a", "r/a")]
    assert sorted(rows(root, "select kind, name, count from tallies")) == [
        ("fate", "dropped", 2), ("fate", "in", 4), ("fate", "kept", 2),
        ("reason", "few-words", 2), ("tally", "seen", 4),
    ]  # fmt: skip


def test_decisions_are_sorted_by_record(root: Path) -> None:
    found = rows(root, "select record, reason, value, bound, other from decisions")
    expected = [(RECORDS[3].as_py(), "few-words", 1.0, 3.0, None), (RECORDS[1].as_py(), "few-words", 2.0, 3.0, None)]
    assert found == sorted(expected, key=lambda row: str(row[0]))


def test_what_is_entered_twice_stands_once(root: Path) -> None:
    with writing(root) as connection:
        for _ in range(2):
            ingest_run(connection, RUN)
            ingest_artifact(connection, Artifacts(root).path("f"), MANIFEST)
    assert rows(root, "select count(*) from decisions") == [(2,)]
    assert rows(root, "select count(*) from stages") == [(1,)]


def test_what_is_not_finished_is_not_in_it(root: Path) -> None:
    folder = Artifacts(root).partial("g")
    write_json(folder / "manifest.json", {**MANIFEST, "fingerprint": "g"})
    assert rows(root, "select artifact from artifacts") == [("f",)]


def test_a_transaction_that_fails_leaves_nothing(root: Path) -> None:
    rows(root, "select run from runs")
    with pytest.raises(ZeroDivisionError), writing(root) as connection:
        connection.execute("delete from decisions")
        raise ZeroDivisionError
    assert rows(root, "select count(*) from decisions") == [(2,)]


def test_ctrl_c_in_a_query_is_ctrl_c(root: Path) -> None:
    with pytest.raises(KeyboardInterrupt), writing(root):
        raise RuntimeError("Query interrupted")


def test_a_folder_without_runs_has_no_lineage(tmp_path: Path) -> None:
    with pytest.raises(WorkError, match="there is no lineage here: run a pipeline first"), reading(tmp_path):
        pass


def test_a_damaged_database_says_what_to_do(root: Path) -> None:
    store.database(root).write_bytes(b"x" * 20_000)
    with pytest.raises(WorkError, match=r"cannot be opened .*: move the file away"), reading(root):
        pass


HOLD = """
import sys
from pathlib import Path
from finery.lineage.store import writing
with writing(Path(sys.argv[1])):
    print("held", flush=True)
    sys.stdin.read()
"""


def test_a_reader_waits_for_a_writer_and_says_so_in_the_end(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(store, "READER_SECONDS", 0.2)
    command = [sys.executable, "-c", HOLD, str(root)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == "held\n"
        with pytest.raises(WorkError, match="another process holds the lineage: try again"), reading(root):
            pass
        other.communicate("")
    assert json.loads(rows(root, "select pipeline from runs")[0][0]) == {"name": "try"}
