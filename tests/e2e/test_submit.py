"""Pipelines handed to a cluster as jobs, from folders that it does not share, with plugins that it does not have."""

from __future__ import annotations

import json
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from clusters import PATIENT, running
from fresh import Fresh, letters_wheel, new_fresh, said
from places import COMMAND, digests
from processes import until

QUIET = '''
"""A filter beside a pipeline, with a file of its own."""

import time
from pathlib import Path

import pyarrow as pa

from finery import Batch, File, hookimpl, plugin


@plugin
class Quiet:
    """Drop documents with one of the words in a file."""

    words: File
    """A file with a word a line."""

    seconds: float = 0
    """How long to take over a batch."""

    @hookimpl
    def filter(self, batch: Batch) -> pa.Array:
        """`loud` for each that has one."""
        time.sleep(self.seconds)
        words = set(Path(self.words).read_text().split())
        return pa.array(["loud" if words & set(text.split()) else None for text in batch["text"].to_pylist()])
'''

PIPELINE = """
name = "notes"
source = [{ name = "notes", path = "data/*.jsonl" }]
stage = [
    { filter = "letters", minimum = 0.7 },
    { filter = "quiet:Quiet", words = "lists/loud.txt", id = "quiet" },
]
"""

NOTES = [
    "The keeper writes the weather into the log.",
    "3.14159 2.71828 1.41421",
    "he will SHOUT again",
    "*** 50 % ***",
]


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """A cluster of one node with a job server; it has this environment, in which there is no `letters`."""
    with running(tmp_path_factory.mktemp("cluster"), nodes=1, cpus=2, settings=PATIENT) as made:
        yield made


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Fresh:
    """An environment that has acme-letters too."""
    made = new_fresh(tmp_path_factory.mktemp("client") / "env")
    made.pip("install", "--no-deps", "--no-index", "--quiet", str(letters_wheel(tmp_path_factory.mktemp("acme"))))
    return made


def project(folder: Path) -> Path:
    """A folder with the pipeline, its plugin, its list and its data."""
    for name in ("data", "lists"):
        (folder / name).mkdir(parents=True)
    (folder / "pipeline.toml").write_text(PIPELINE)
    (folder / "quiet.py").write_text(QUIET)
    (folder / "lists/loud.txt").write_text("SHOUT\n")
    for number, text in enumerate(NOTES):
        (folder / f"data/{number}.jsonl").write_text(json.dumps({"text": text}) + "\n")
    return folder


def finery(*arguments: str, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
    """What the command of this environment says."""
    return said([str(COMMAND), *arguments], cwd)


def test_a_job_from_a_folder_that_is_gone_with_plugins_of_its_own_is_the_local_run(
    cluster: Any, client: Fresh, tmp_path: Path
) -> None:
    here, there = project(tmp_path / "here"), tmp_path / "there"
    local = client.finery("run", "--quiet", "--workers", "1", cwd=here)
    assert local.returncode == 0, local.stderr
    expected = digests(here / ".finery")

    done = client.finery("submit", "--detach", "--store", str(there), cwd=here)
    assert done.returncode == 0, done.stderr
    assert "7 files (0.0 MB), acme-letters 1.0.0 went along" in done.stderr
    shutil.rmtree(here)  # what the cluster does not have it cannot read

    job = done.stdout.strip()
    followed = finery("jobs", "logs", "--follow", job)
    assert followed.returncode == 0, followed.stdout + followed.stderr
    assert re.search(r"^letters +notes +few-letters +2$", followed.stdout, re.MULTILINE)
    assert re.search(r"^quiet +notes +loud +1$", followed.stdout, re.MULTILINE)
    assert digests(there) == expected
    again = project(tmp_path / "again")
    plan = client.finery("plan", "--json", "--set", f"run.store={there}", cwd=again)
    assert [stage["reused"] for stage in json.loads(plan.stdout)["stages"]] == [True] * 3
    status = json.loads(finery("jobs", "status", "--json", job).stdout)
    assert (status["status"], status["pipeline"], status["exit code"]) == ("succeeded", "notes", 0)


def test_what_fails_there_fails_here_with_its_line_and_its_code(cluster: Any, client: Fresh, tmp_path: Path) -> None:
    here = project(tmp_path / "here")
    (here / "lists/loud.txt").unlink()
    done = client.finery("submit", "--store", str(tmp_path / "there"), cwd=here)
    assert done.returncode == 2
    assert "there is no file" in done.stdout and "Traceback" not in done.stdout + done.stderr


def test_ctrl_c_detaches_and_a_stopped_job_goes_on_when_it_is_submitted_again(
    cluster: Any, client: Fresh, tmp_path: Path
) -> None:
    here, there = project(tmp_path / "here"), tmp_path / "there"
    # Ray unpacks equal folders in one place, where a job of another store has left its work.
    (here / "data" / "more.jsonl").write_text('{"text": "Nothing was seen from the tower."}\n')
    slow = [*client.command, "submit", "--store", str(there), "--set", "quiet.seconds=300"]
    log = tmp_path / "log"
    with log.open("w") as file:
        process = subprocess.Popen(slow, cwd=here, stdout=file, stderr=subprocess.STDOUT, text=True)
        assert until(lambda: "read-notes" in log.read_text()), log.read_text()
        process.send_signal(signal.SIGINT)
        assert process.wait(30) == 130
    text = log.read_text()
    (job,) = re.findall(r"detached: job (\S+) goes on", text)
    assert f"finery jobs logs --follow {job} --address {cluster.jobs}" in text
    assert json.loads(finery("jobs", "list", "--json").stdout)[0]["status"] == "running"
    assert finery("jobs", "stop", job).returncode == 0
    assert finery("jobs", "logs", "--follow", job).returncode == 130
    (record,) = (json.loads(path.read_text()) for path in (there / "runs").glob("*.json"))
    assert record["status"] == "interrupted"

    done = client.finery("submit", "--store", str(there), cwd=here)
    assert done.returncode == 0, done.stdout + done.stderr
    assert re.search(r"read-notes +reused", done.stdout)


def test_a_wrong_token_and_none_are_told(cluster: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "token").write_text("0" * 64)
    monkeypatch.setenv("RAY_AUTH_TOKEN_PATH", str(tmp_path / "token"))
    wrong = finery("jobs", "list")
    assert wrong.returncode == 1 and "asks for a token, and yours is another cluster's" in wrong.stderr
    monkeypatch.setenv("RAY_AUTH_MODE", "disabled")
    none = finery("jobs", "list")
    assert none.returncode == 1 and "asks for a token, and yours is missing" in none.stderr


def test_where_work_is_kept_must_be_said_and_be_a_place_of_the_clusters(cluster: Any, tmp_path: Path) -> None:
    here = project(tmp_path / "here")
    (here / "pipeline.toml").write_text(PIPELINE.replace('filter = "letters", minimum = 0.7', 'filter = "length"'))
    unsaid, relative = (finery("submit", *more, cwd=here) for more in ((), ("--store", "work")))
    assert unsaid.returncode == 2 and "where finished work is kept is not said: --store s3://" in unsaid.stderr
    assert relative.returncode == 2 and "store 'work': starts at no folder that the cluster knows" in relative.stderr


def test_a_job_that_is_not_there_is_told(cluster: Any) -> None:
    for verb in ("logs", "status", "stop"):
        done = finery("jobs", verb, "unheard-of")
        assert done.returncode == 2 and "has no such job: finery jobs list" in done.stderr, done


def test_what_the_cluster_lacks_is_told_before_anything_starts(cluster: Any, tmp_path: Path) -> None:
    """Here the client is what differs: it has a Finery of another version."""
    here = project(tmp_path / "here")
    (here / "pipeline.toml").write_text(PIPELINE.replace('filter = "letters", minimum = 0.7', 'filter = "length"'))
    other = "import finery.submit.agreement as a; before = a.facts; " + (
        "a.facts = lambda names: before(names) | {'distributions': before(names)['distributions'] | {'finery': '9.9'}}"
    )
    code = f"{other}; import sys; sys.argv[0] = 'finery'; from finery.cli.main import main; main()"
    done = said([sys.executable, "-c", code, "submit", "--store", str(tmp_path / "there")], here)
    assert done.returncode == 2 and "finery: the cluster has" in done.stderr and "here is 9.9" in done.stderr
    assert not (tmp_path / "there").exists()
