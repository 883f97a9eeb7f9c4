"""The work folder: finished or not, whole or damaged, held by one run."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from finery.data.artifacts import Artifacts, locked, read_json, write_json
from finery.errors import WorkError


@pytest.fixture
def artifacts(tmp_path: Path) -> Artifacts:
    """An empty work folder."""
    return Artifacts(tmp_path)


def test_an_artifact_is_there_when_it_is_finished(artifacts: Artifacts) -> None:
    (artifacts.partial("f") / "data").write_text("x")
    assert artifacts.manifest("f") is None
    assert artifacts.file("f/data").read_text() == "x"
    artifacts.commit("f", {"fingerprint": "f", "n": 1})
    assert artifacts.manifest("f") == {"fingerprint": "f", "n": 1}
    assert artifacts.file("f/data") == artifacts.root / "artifacts/f/data"
    assert not (artifacts.root / "artifacts/f.partial").exists()


def test_what_killed_workers_left_goes_when_it_is_finished(artifacts: Artifacts) -> None:
    (artifacts.partial("f") / "data-00000.123.tmp").write_text("half")
    artifacts.commit("f", {"fingerprint": "f"})
    assert [path.name for path in artifacts.path("f").iterdir()] == ["manifest.json"]


def test_a_folder_without_manifest_makes_way(artifacts: Artifacts) -> None:
    artifacts.path("f").mkdir(parents=True)
    (artifacts.path("f") / "old").write_text("x")
    artifacts.commit("f", {"fingerprint": "f"})
    assert not (artifacts.path("f") / "old").exists()


@pytest.mark.parametrize("content", ["", "{", "null", "3", "{}", '{"fingerprint": "g"}', "\x00"])
def test_a_damaged_manifest_is_an_error(artifacts: Artifacts, content: str) -> None:
    artifacts.path("f").mkdir(parents=True)
    (artifacts.path("f") / "manifest.json").write_text(content)
    with pytest.raises(WorkError, match=r"manifest.json: is damaged .*: remove the folder"):
        artifacts.manifest("f")


def test_json_is_there_whole_or_not_at_all(tmp_path: Path) -> None:
    path = tmp_path / "x.json"
    assert read_json(path) is None
    write_json(path, {"b": 1, "a": "ü"})
    assert json.dumps(read_json(path)) == json.dumps({"b": 1, "a": "ü"})
    path.write_text('{"b": ')
    assert read_json(path) is None
    assert [other.name for other in tmp_path.iterdir()] == ["x.json"]


def test_a_work_folder_is_held_by_one_run(tmp_path: Path) -> None:
    with (
        locked(tmp_path),
        pytest.raises(WorkError, match=rf"another run \(process {os.getpid()}\) works in this folder"),
        locked(tmp_path),
    ):
        pass
    with locked(tmp_path):
        pass


def test_a_killed_run_holds_nothing(tmp_path: Path) -> None:
    code = (
        "import os, sys; from pathlib import Path; from finery.data.artifacts import locked\n"
        f"with locked(Path({str(tmp_path)!r})): os.kill(os.getpid(), 9)"
    )
    assert subprocess.run([sys.executable, "-c", code]).returncode == -9
    with locked(tmp_path):
        pass


def test_a_work_folder_that_cannot_be_made_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(WorkError, match="the work folder cannot be written"), locked(tmp_path / "file/work"):
        pass
