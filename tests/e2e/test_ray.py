"""A pipeline on a Ray cluster whose nodes share a bucket and nothing else: same bytes, whoever dies meanwhile."""

from __future__ import annotations

import contextlib
import random
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
        assert until(one_is_at(cluster, task)), (task, ended(process))
        kill(workers(cluster, task)[0])
    check(process, place, plain, words)


@pytest.mark.parametrize("task", ["PassTask", "ScatterKeys"])
def test_a_node_that_is_lost_costs_nothing(
    spread: tuple[Place, list[str]], plain: Place, cluster: Any, task: str
) -> None:
    place, words = spread
    process = place.start(*words, script=DRIVE)
    try:
        assert until(one_is_at(cluster, task)), (task, ended(process))
        node = next(name for name, _ in local.processes(cluster) if name != "head")
        local.kill(cluster, node)
        check(process, place, plain, words)
    finally:
        local.add(cluster)
