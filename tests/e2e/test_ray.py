"""A pipeline on a Ray cluster whose nodes share a bucket and nothing else: same bytes, whoever dies meanwhile."""

from __future__ import annotations

import contextlib
import os
import random
import signal
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from buckets import bucket, pull
from clusters import local, running
from places import Place, conserve, copied, digests, ended, new_place
from processes import kill, until

__all__ = ["bucket"]

DRIVE = Path(__file__).with_name("ray_drive.py")

PIPELINE = """
name = "spread"
[[source]]
name = "a"
path = "a/*.jsonl"
[[source]]
name = "b"
path = "b/*.jsonl"
[[stage]]
filter = "tiny:Short"
[[stage]]
score = "tiny:Words"
[[stage]]
id = "blocked"
filter = "blocklist"
files = ["blocked.txt"]
[[stage]]
score = "tiny:Slow"
seconds = 0.05
[[stage]]
dedupe = "lines"
[[stage]]
dedupe = "minhash"
threshold = 0.5
prefer = "words"
[[stage]]
mix = "tiny:Epochs"
epochs = { a = 1.5, b = 0.5 }
[[stage]]
format = "tiny:Lines"
"""


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> Place:
    """A run on this machine, without a store: some twelve shards."""
    place = new_place(tmp_path_factory.mktemp("ray") / "plain")
    draw = random.Random(1)
    for source in "ab":
        for number in range(6):
            words = [f"{draw.randrange(300)} {draw.randrange(300)}\ntail of {number}" for _ in range(500)]
            place.jsonl(f"{source}/{number}.jsonl", [{"text": text} for text in words])
    place.write("blocked.txt", "77\n")
    place.pipeline(PIPELINE)
    assert ended(place.start("--workers", "1", script=DRIVE)).code == 0
    conserve(place)
    assert len(place.manifests()["slow"]["shards"]) >= 10
    return place


@pytest.fixture(scope="module")
def cluster(bucket: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """Two nodes of one CPU, which know the keys of the bucket from their environment."""
    with running(tmp_path_factory.mktemp("cluster"), jobs=False) as made:
        yield made


@pytest.fixture
def spread(plain: Place, tmp_path: Path, cluster: Any, bucket: str) -> tuple[Place, list[str]]:
    """The same input with an empty store, and how a run on the cluster is called."""
    place = copied(plain, tmp_path / "p")
    store = f"{bucket}/{tmp_path.name}"
    settings = {"executor": "ray", "address": cluster.address, "store": store}
    return place, [word for key, value in settings.items() for word in ("--set", f"run.{key}={value}")]


def workers(cluster: Any, task: str) -> list[int]:
    """The workers of a cluster that are at some task."""
    found = []
    for _, pid in local.processes(cluster):
        with contextlib.suppress(OSError):
            if Path(f"/proc/{pid}/cmdline").read_bytes().startswith(f"ray::{task}".encode()):
                found.append(pid)
    return found


def one_is_at(cluster: Any, task: str) -> Callable[[], bool]:
    """Whether a worker is at some task."""
    return lambda: bool(workers(cluster, task))


def check(process: subprocess.Popen[str], place: Place, plain: Place, words: list[str]) -> None:
    """The run ends well, with the bytes of a run on one machine."""
    outcome = ended(process)
    assert outcome.code == 0, outcome
    pull(place.root, words[-1].removeprefix("run.store="))
    assert digests(place.root) == digests(plain.root)
    conserve(place)


def test_workers_that_die_in_a_pass_and_in_the_shuffle_cost_nothing(
    spread: tuple[Place, list[str]], plain: Place, cluster: Any
) -> None:
    place, words = spread
    process = place.start(*words, script=DRIVE)
    for task in ("PassTask", "ScatterKeys", "GroupKeys"):
        assert until(one_is_at(cluster, task), 120), (task, ended(process))
        kill(workers(cluster, task)[0])
    check(process, place, plain, words)


@pytest.mark.parametrize("task", ["PassTask", "ScatterKeys"])
def test_a_node_that_is_lost_costs_nothing(
    spread: tuple[Place, list[str]], plain: Place, cluster: Any, task: str
) -> None:
    place, words = spread
    process = place.start(*words, script=DRIVE)
    try:
        assert until(one_is_at(cluster, task), 120), (task, ended(process))
        node = next(name for name, _ in local.processes(cluster) if name != "head")
        local.kill(cluster, node)
        check(process, place, plain, words)
    finally:
        local.add(cluster)


def test_another_machine_goes_on_with_what_lies_in_the_store(
    spread: tuple[Place, list[str]], plain: Place, tmp_path: Path, cluster: Any
) -> None:
    place, words = spread
    process = place.start(*words, script=DRIVE)
    assert until(one_is_at(cluster, "GroupKeys"), 120), ended(process)
    kill(process.pid)
    ended(process)
    other = copied(place, tmp_path / "other")
    here = [word for pair in zip(*[iter(words)] * 2, strict=True) for word in pair if "run.store" in pair[1]]
    outcome = ended(other.start("--workers", "1", *here, script=DRIVE))
    assert outcome.code == 0, outcome
    record = {stage["id"]: stage["reused"] for stage in other.record()["stages"]}
    assert record["read-a"] and record["slow"] and not record["lines-2"]
    pull(other.root, words[-1].removeprefix("run.store="))
    assert digests(other.root) == digests(plain.root)
    conserve(other)


def marked(mark: str) -> dict[int, str]:
    """Every living process that has a word in its environment, and its command line."""
    found = {}
    for folder in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            state = (folder / "stat").read_text().rpartition(")")[2].split()[0]
            if state != "Z" and f"TEST_MARK={mark}\0".encode() in (folder / "environ").read_bytes():
                found[int(folder.name)] = (folder / "cmdline").read_bytes().replace(b"\0", b" ").decode()
    return found


def test_ctrl_c_ends_a_cluster_of_the_runs_own_and_the_next_run_goes_on(
    plain: Place, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TEST_MARK", tmp_path.name)
    place = copied(plain, tmp_path / "p")
    process = place.start("--workers", "2", "--set", "run.executor=ray", script=DRIVE)
    assert until(lambda: bool(list(place.root.glob("artifacts/*.partial/columns-*.parquet"))), 180), ended(process)
    os.killpg(process.pid, signal.SIGINT)
    outcome = ended(process)
    message = "interrupted: run the same command again to go on; finished shards are kept"
    assert (outcome.code, outcome.out, outcome.err.strip()) == (130, "", message)
    assert until(lambda: not marked(tmp_path.name), 20), marked(tmp_path.name)
    assert ended(place.start("--workers", "1", script=DRIVE)).code == 0
    assert digests(place.root) == digests(plain.root)
    conserve(place)
