"""Tasks on a Ray cluster: where they run, what an error costs, what a death costs, and what stays in memory."""

from __future__ import annotations

import os
import re
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from clusters import PATIENT, running
from worker_tasks import Fatal, Faulty, Greedy, Loading, Square

from finery.errors import ClusterError, DataError, WorkError
from finery.executors.cluster import Cluster
from finery.executors.ray import RayExecutor, lost

HERE = Path(__file__).parent


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """Two nodes of one CPU, each with a GPU that is only a word."""
    settings = {**PATIENT, "RAY_OVERRIDE_RESOURCES": '{"GPU": 1}'}
    with running(tmp_path_factory.mktemp("cluster"), jobs=False, settings=settings) as made:
        yield made


@pytest.fixture(scope="module")
def executor(cluster: Any) -> Iterator[RayExecutor]:
    """Joined by its address; the tasks are in a module beside this file."""
    made = RayExecutor(Cluster(cluster.address, folder=HERE, root=HERE), 2, patience=0)
    yield made
    made.close()


def test_each_node_is_looked_at_for_what_the_run_needs(cluster: Any) -> None:
    lacking = Cluster(cluster.address, root=HERE / "nowhere", packages={"acme-letters": "1.0"})
    with pytest.raises(ClusterError) as caught:
        lacking.join()
    for name in ("lacks acme-letters, this run uses 1.0", "does not see the work folder"):
        assert sum(name in str(fault) for fault in caught.value.faults) == 2, caught.value


def test_an_address_where_nothing_answers_is_one_line() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{taken.getsockname()[1]}"
    said = rf"\[run\] address 'ray://{address}': cannot be joined: nothing answers there"
    with pytest.raises(ClusterError, match=said):
        Cluster(f"ray://{address}").join()


def test_tasks_run_in_other_processes_and_answer_by_number(executor: RayExecutor) -> None:
    answers = dict(executor.run([Square(n) for n in range(9)], threads=False))
    assert [answers[n][0]["square"] for n in range(9)] == [n * n for n in range(9)]
    assert os.getpid() not in {answers[n][0]["process"] for n in range(9)}


def test_an_error_comes_as_it_was_raised(executor: RayExecutor) -> None:
    with pytest.raises(DataError, match=r"a\.jsonl:3: is no JSON: mend it"):
        list(executor.run([Faulty(), Faulty()], threads=False))
    assert not executor.flying


def test_a_worker_that_dies_is_replaced(executor: RayExecutor, tmp_path: Path) -> None:
    answers = dict(executor.run([Fatal(tmp_path / "log", 1), Square(3)], threads=False))
    assert sorted(answers) == [0, 1]


def test_workers_that_keep_dying_end_the_run_and_not_the_cluster(executor: RayExecutor, tmp_path: Path, capfd) -> None:
    with pytest.raises(WorkError, match=r"a task's worker died 4 times .*: is there enough memory\?"):
        list(executor.run([Fatal(tmp_path / "log", 99), Square(3)], threads=False))
    assert len((tmp_path / "log").read_text()) == 4
    assert dict(executor.run([Square(3)], threads=False))[0][0]["square"] == 9
    assert capfd.readouterr().out == ""


def test_plugins_that_hold_a_gpu_stay_in_an_actor_and_load_once(executor: RayExecutor, tmp_path: Path) -> None:
    answers = dict(executor.run([Loading.over(tmp_path, n) for n in range(6)], threads=False))
    assert sorted(answers) == list(range(6))
    assert (tmp_path / "loads").read_text() in ("loaded\n", "loaded\nloaded\n")  # one a GPU


def test_what_no_node_has_is_told_at_once(executor: RayExecutor) -> None:
    with pytest.raises(ClusterError, match=r"no node has 2 CPUs and 4 GPUs, which one worker of this stage holds"):
        list(executor.run([Greedy()], threads=False))


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("OutOfMemoryError", r"workers: a node ran out of memory \(why\): let fewer share a node"),
        ("ObjectStoreFullError", r"the cluster: a node's object store is full \(.*\): other work"),
        ("WorkerCrashedError", r"workers: a task's worker died 4 times .*: is there enough memory\?"),
    ],
)
def test_what_ray_raises_is_one_line_with_a_remedy(name: str, said: str) -> None:
    from ray import exceptions

    kind = getattr(exceptions, name)
    error = kind() if name == "WorkerCrashedError" else kind("why")
    found = lost(exceptions, error)
    assert re.match(said, str(found)) and len(found.faults) == 1 and "\n" not in str(found)
