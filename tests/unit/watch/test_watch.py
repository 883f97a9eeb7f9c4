"""`finery watch`: a run that another process carries out, looked at while it goes on and after."""

from __future__ import annotations

import http.client
import io
import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from finery.cli.runs import RUNS
from finery.lineage.live import live_file
from finery.lineage.store import reading
from finery.watch.screen import drawn, said
from finery.watch.state import RunState, StageState, Watcher
from finery.watch.web import served, told

COMMAND = Path(sys.executable).with_name("finery")
PIPELINE = """
name = "gated"
[run]
workers = 1
[[source]]
name = "a"
path = "a.jsonl"
[[stage]]
filter = "gates:Short"
[[stage]]
id = "model"
train = "gates:Waiting"
gate = "{gate}"
"""


@dataclass
class Going:
    """A run that waits."""

    folder: Path
    process: subprocess.Popen[str]

    @property
    def root(self) -> Path:
        """Its work folder."""
        return self.folder / ".finery"

    def watch(self, *words: str) -> subprocess.CompletedProcess[str]:
        """What the command says of it."""
        command = [str(COMMAND), "watch", *words]
        return subprocess.run(command, cwd=self.folder, capture_output=True, text=True, check=False, timeout=180)

    def finish(self) -> None:
        """Let it go on to its end."""
        (self.folder / "open").touch()
        self.process.wait(60)


@pytest.fixture(scope="module")
def going(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Going]:
    """A run that has trained for five steps and waits; the tests stand in the order in which it goes on."""
    folder = tmp_path_factory.mktemp("gated")
    shutil.copy(Path(__file__).with_name("gates.py"), folder)
    (folder / "a.jsonl").write_text("".join(json.dumps({"text": text}) + "\n" for text in ("ox", "lamb", "goat")))
    (folder / "pipeline.toml").write_text(PIPELINE.format(gate=folder / "open"))
    command = [str(COMMAND), "run", "pipeline.toml", "--quiet"]
    process = subprocess.Popen(command, cwd=folder, stdout=subprocess.DEVNULL, text=True)
    made = Going(folder, process)
    deadline = time.monotonic() + 60
    while not (live_file(made.root).exists() and '"done":5' in live_file(made.root).read_text()):
        assert time.monotonic() < deadline and process.poll() is None
        time.sleep(0.05)
    yield made
    made.finish()


def stage_of(state: RunState, name: str) -> StageState:
    """One stage of a state."""
    return next(stage for stage in state.stages if stage.id == name)


def test_a_run_is_seen_going_on_without_its_database(going: Going) -> None:
    state = Watcher(going.root, "last").state()
    assert (state.name, state.status, state.is_over) == ("gated", "running", False)
    assert dict(stage_of(state, "short").reasons) == {"short": 1}
    model = stage_of(state, "model")
    assert (model.status, model.done, model.total, model.unit) == ("running", 5, 10, "steps")
    assert model.seconds_left and model.share == 0.5 and model.metrics["loss"] == 0.8
    assert state.curve["all"][0] == (1, 4.0)


def test_a_page_shows_it_on_loopback_alone(going: Going) -> None:
    pytest.importorskip("plotly")
    with served(Watcher(going.root, "last").state) as address:
        assert address.startswith("http://127.0.0.1:")
        host = address.split("/")[2]

        def asked(path: str, name: str = host) -> tuple[int, bytes]:
            line = http.client.HTTPConnection(host, timeout=30)
            line.request("GET", path, headers={"Host": name})
            answer = line.getresponse()
            return answer.status, answer.read()

        assert asked("/")[0] == 200 and b"script-src" not in asked("/")[1]
        assert json.loads(asked("/state")[1])["stages"][-1]["said"].startswith("5/10 steps")
        assert asked("/state", "evil.example")[0] == 403
        assert asked("/../pipeline.toml")[0] == asked("/lineage.duckdb")[0] == 404


def test_once_and_as_json_it_says_the_same_in_a_pipe(going: Going) -> None:
    shown = going.watch("--once")
    assert shown.returncode == 0 and "50%" in shown.stdout and "\x1b" not in shown.stdout
    found = json.loads(going.watch("--once", "--json").stdout)
    assert [stage["status"] for stage in found["stages"]] == ["done", "done", "running"]


def test_the_end_is_told_and_leaves_nothing_behind(going: Going) -> None:
    watching = subprocess.Popen(
        [str(COMMAND), "watch"], cwd=going.folder, stdout=subprocess.PIPE, text=True, env=os.environ
    )
    time.sleep(1)
    going.finish()
    lines = watching.communicate(timeout=180)[0].splitlines()
    assert watching.returncode == 0 and lines[-1].endswith(" done")
    assert any(line.split()[:2] == ["model", "done"] for line in lines)
    assert not live_file(going.root).exists()
    with reading(going.root) as connection:
        assert connection.execute(RUNS).fetchall()[0][2] == "done"


def test_a_run_whose_process_is_gone_was_killed(going: Going, tmp_path: Path) -> None:
    record = next((going.root / "runs").glob("*.json"))
    (tmp_path / "runs").mkdir()
    told = json.loads(record.read_text()) | {"status": "running"}
    (tmp_path / "runs" / record.name).write_text(json.dumps(told))
    state = Watcher(tmp_path, "last").state()
    assert state.status == "killed" and {stage.status for stage in state.stages} == {"stopped"}


@pytest.mark.parametrize("width", [60, 200])
def test_it_fits_the_terminal(width: int) -> None:
    from rich.console import Console

    stage = StageState(
        "a-stage-with-a-long-name", "filter", "x", "running", 5, 10, "records", 3, reasons={"few-words": 2}
    )
    console = Console(width=width, record=True, file=io.StringIO())
    console.print(drawn(RunState("r", "n", "running", 3, (stage,)), width))
    lines = console.export_text().splitlines()
    assert max(map(len, lines)) <= width and "50%" in lines[1]
    assert "2 few-words" in said(stage) and told(RunState("r", "n", "done", 1, (stage,)))["stages"][0]["share"] == 0.5
