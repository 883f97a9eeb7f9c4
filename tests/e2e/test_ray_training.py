"""A training on a Ray cluster: workers and nodes may be lost, and it ends in the same bits as one that lost none."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from clusters import cluster, local  # noqa: F401 - the fixture

from finery import Model, Needs, Stage, World
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
def ray(cluster: Any) -> Iterator[Any]:  # noqa: F811
    """Ray, connected, quick to notice what is lost; the workers find the samples of other tests."""
    import ray

    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("RAY_TRAIN_HEALTH_CHECK_INTERVAL_S", "0.2")
        patch.syspath_prepend(str(SAMPLES))
        found = {"env_vars": {"PYTHONPATH": str(SAMPLES)}}
        ray.init(address=cluster.address, runtime_env=found, log_to_driver=False, logging_level="error")
        yield ray


@dataclass
class Told:
    """Observers that do something when a step is heard of."""

    deeds: dict[int, Any] = field(default_factory=dict)

    def stage_progress(self, stage: Stage, done: float, total: float, unit: str) -> None:
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


def kill_worker(out: Path) -> None:
    """`kill -9` for the first process that trains here."""
    found = [int(p.parent.name) for p in Path("/proc").glob("[0-9]*/cmdline") if b"RayTrainWorker" in words(p)]
    os.kill(min(found), signal.SIGKILL)


def words(path: Path) -> bytes:
    """A process's command line; nothing of one that is gone."""
    try:
        return path.read_bytes()
    except OSError:
        return b""


@pytest.mark.slow
def test_a_worker_and_a_node_lost_cost_no_bit(ray: Any, cluster: Any, tmp_path: Path) -> None:  # noqa: F811
    def lose_node() -> None:
        local.kill(cluster, "node-1")
        local.add(cluster)

    whole = trained(Group(STUDY), tmp_path / "whole", 2, Told())
    hear = Told({4: lambda: kill_worker(tmp_path), 9: lose_node})
    again = trained(RayGroup(STUDY, Needs(cpus=1)), tmp_path / "again", 2, hear)
    assert not hear.deeds
    assert again.fingerprint == whole.fingerprint
    assert curve(tmp_path / "again") == curve(tmp_path / "whole")
    attempts = sorted(path.name for path in (tmp_path / "again").glob("metrics-*.jsonl"))
    assert len(attempts) == 3
    told = [json.loads(line)["step"] for line in (tmp_path / "again" / attempts[1]).read_text().splitlines()]
    assert max(step for step in told if step) >= 9


def test_more_than_the_cluster_has_is_told_before_anything_starts(ray: Any, tmp_path: Path) -> None:
    with pytest.raises(ClusterError, match="needs 3 CPUs of the cluster's 2 and 3 GPUs of the cluster's 0: add nodes"):
        trained(RayGroup(STUDY, Needs(cpus=1, gpus=1)), tmp_path / "run", 3, Told())
