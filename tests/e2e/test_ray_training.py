"""A training on a Ray cluster: workers and nodes may be lost, and it ends in the same bits as one that lost none."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from clusters import local, running

from finery import DataError, Evaluation, Model, Needs, Stage, World
from finery.errors import ClusterError
from finery.executors.group import Group
from finery.executors.raygroup import RayGroup
from finery.journal import FileJournal, metrics
from finery_plugins.train.pretrain import Pretrain

SAMPLES = Path(__file__).parents[1] / "unit" / "train"
STAGE = Stage(id="study", hook="train", plugin="pretrain", seed=17)
TINY = {"layers": 1, "width": 32, "heads": 2, "vocabulary": 400, "context": 64, "steps": 12, "batch": 8}
STUDY = Pretrain(**TINY, lr=1e-2, log_steps=1, checkpoint_steps=2)


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """Three nodes of one CPU: one more than there are workers."""
    with running(tmp_path_factory.mktemp("cluster"), nodes=3, jobs=False) as made:
        yield made


@pytest.fixture(scope="module")
def ray(cluster: Any) -> Iterator[Any]:
    """Ray, connected, quick to notice what is lost; the workers find the samples of other tests."""
    import ray

    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("RAY_TRAIN_HEALTH_CHECK_INTERVAL_S", "0.2")
        patch.syspath_prepend(str(SAMPLES))
        places = os.pathsep.join([str(SAMPLES), *filter(None, [os.environ.get("PYTHONPATH")])])
        found = {"env_vars": {"PYTHONPATH": places}}
        ray.init(address=cluster.address, runtime_env=found, log_to_driver=False, logging_level="error")
        yield ray


@dataclass
class Told:
    """Observers that do something when a step is heard of."""

    deeds: dict[int, Any] = field(default_factory=dict)

    def stage_progress(self, done: float, unit: str, **_: Any) -> None:
        """Do it, once."""
        if unit == "steps" and done in self.deeds:
            self.deeds.pop(int(done))()

    def metric(self, **_: Any) -> None:
        """Nothing."""


def trained(group: Any, out: Path, size: int, hear: Told) -> Model:
    """A training by a group, its journal beside it."""
    from training_samples import dataset, sentences

    out.mkdir(parents=True)
    journal = FileJournal(out, STAGE, hear)
    examples = dataset({"forge": {"text": sentences(60)}})
    try:
        return group.train(examples, None, out / "out", World(size=size), STAGE, journal)
    finally:
        journal.close()


def curve(out: Path) -> dict[tuple[str, int | None], float]:
    """Losses and tokens of each step, as the lineage has them."""
    return {(m["name"], m["step"]): m["value"] for m in metrics(out) if m["name"] in ("loss", "tokens", "grad_norm")}


def workers(cluster: Any) -> dict[str, int]:
    """The nodes that train, and the process that does it on each."""
    found = local.processes(cluster)
    return {name: pid for name, pid in found if b"RayTrainWorker" in words(Path(f"/proc/{pid}/cmdline"))}


def lose_worker(cluster: Any) -> None:
    """`kill -9` for one of the processes that train."""
    os.kill(min(workers(cluster).values()), signal.SIGKILL)


def lose_node(cluster: Any) -> None:
    """A node that trains is gone, and not the one that the driver is on."""
    local.kill(cluster, max(workers(cluster).keys() - {"head"}))


def words(path: Path) -> bytes:
    """A process's command line; nothing of one that is gone."""
    try:
        return path.read_bytes()
    except OSError:
        return b""


def test_more_than_the_cluster_has_is_told_before_anything_starts(ray: Any, tmp_path: Path) -> None:
    fault = "needs 4 CPUs of the cluster's 3 and 4 GPUs of the cluster's 0: add nodes"
    with pytest.raises(ClusterError, match=fault):
        trained(RayGroup(STUDY, Needs(cpus=1, gpus=1)), tmp_path / "run", 4, Told())


def test_more_than_any_node_has_is_told_before_anything_starts(ray: Any, tmp_path: Path) -> None:
    fault = r"needs 2 CPUs of one node for each of its workers \(1\), and the nodes have room for 0 such: add nodes"
    with pytest.raises(ClusterError, match=fault):
        trained(RayGroup(STUDY, Needs(cpus=2)), tmp_path / "run", 1, Told())


def evaluated(plugin: Any, out: Path) -> tuple[Evaluation, FileJournal]:
    """What a plugin that works alone answers on the cluster, and its journal."""
    from training_samples import dataset, sentences

    out.mkdir()
    journal, examples = FileJournal(out, STAGE, Told()), dataset({"forge": {"text": sentences(10)}})
    with closing(journal):
        asks = RayGroup(plugin, Needs(cpus=1))
        return asks.evaluate(None, examples, out / "out", World(), STAGE, journal, None), journal


def test_a_worker_alone_answers_from_the_cluster(ray: Any, tmp_path: Path) -> None:
    from worker_jobs import Counting

    answer, journal = evaluated(Counting(), tmp_path / "run")
    assert answer.metrics == {"records": 10}
    assert answer.items.to_pydict() == {"item": ["0", "1"], "size": [7, 3]}
    assert [(one["name"], one["value"]) for one in metrics(tmp_path / "run")] == [("batches", 2.0)]
    assert journal.attempt == 0


def test_a_fault_that_a_worker_finds_is_told_as_if_here(ray: Any, tmp_path: Path) -> None:
    from worker_jobs import Broken

    with pytest.raises(DataError, match="evaluate 'study': finds 10 records: give it others"):
        evaluated(Broken(), tmp_path / "run")


@pytest.mark.slow
def test_a_worker_and_a_node_lost_cost_no_bit(ray: Any, cluster: Any, tmp_path: Path) -> None:
    whole = trained(Group(STUDY), tmp_path / "whole", 2, Told())
    hear = Told({4: partial(lose_worker, cluster), 9: partial(lose_node, cluster)})
    again = trained(RayGroup(STUDY, Needs(cpus=1)), tmp_path / "again", 2, hear)
    assert not hear.deeds
    assert again.fingerprint == whole.fingerprint
    assert curve(tmp_path / "again") == curve(tmp_path / "whole")
    attempts = sorted(path.name for path in (tmp_path / "again").glob("metrics-*.jsonl"))
    assert len(attempts) == 3
    told = [json.loads(line)["step"] for line in (tmp_path / "again" / attempts[1]).read_text().splitlines()]
    assert max(step for step in told if step) >= 8
