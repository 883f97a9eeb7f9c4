"""Several trainings in one group of workers, one after the other: starting a group costs more than they do."""

from __future__ import annotations

import pickle
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import pyarrow as pa
from training_samples import MemoryDataset, MemoryJournal, StopsAt

from finery import DataError, Evaluation, Journal, Model, Stage, World, hookimpl
from finery.executors.group import Group


class Job(NamedTuple):
    """A training: what by, on what, from what, and the step after which it is stopped."""

    plugin: Any
    examples: MemoryDataset
    model: Model | None = None
    stopped: int | None = None
    folder: str = ""
    """Where it goes on from what another one left there; a folder of its own name where not given."""


class Done(NamedTuple):
    """What a training left."""

    model: Model | None
    """None where it was stopped."""
    journal: MemoryJournal


def carried_out(job: Job, out: Path, world: World, stage: Stage) -> Done:
    """A training, by one worker of however many."""
    journal = MemoryJournal() if job.stopped is None else StopsAt(job.stopped)
    try:
        model = job.plugin.train(job.examples, job.model, out, world, stage, journal)
    except StopsAt.Stopped:
        model = None
    return Done(model, MemoryJournal(journal.metrics, journal.tables, journal.lost, journal.notes))


@dataclass
class Jobs:
    """Stands for a train plugin that carries out all jobs."""

    jobs: dict[str, Job]

    @hookimpl
    def train(
        self, examples: Any, model: Model | None, out: Path, world: World, stage: Stage, journal: Journal
    ) -> Model:
        """Each job in a folder of its own; what the first worker heard lies beside it."""
        for name, job in self.jobs.items():
            done = carried_out(job, out / (job.folder or name), world, stage)
            if not world.rank:
                (out / f"{name}.pickle").write_bytes(pickle.dumps(done))
        return Model(out, "jobs", "")


@dataclass
class Counting:
    """Stands for an evaluate plugin whose items are read one batch at a time."""

    @hookimpl
    def evaluate(self, examples: Any, journal: Journal) -> Evaluation:
        """How many records there are, and an item for each batch."""
        sizes = [len(batch) for batch in examples.batches()]
        journal.metric("batches", len(sizes))
        items = pa.table({"item": [str(at) for at in range(len(sizes))], "size": sizes})
        return Evaluation({"records": sum(sizes)}, items.to_reader())


@dataclass
class Broken:
    """Stands for an evaluate plugin that finds its input at fault."""

    @hookimpl
    def evaluate(self, examples: Any) -> Evaluation:
        """Nothing."""
        raise DataError.at("evaluate 'study'", f"finds {examples.records} records", "give it others")


def by_two(jobs: dict[str, Job], out: Path, stage: Stage, workers: int = 2) -> dict[str, Done]:
    """What two workers make of each job, or as many as are asked for."""
    out.mkdir(parents=True, exist_ok=True)
    Group(Jobs(jobs)).train(None, None, out, World(size=workers), stage, MemoryJournal())
    return {name: pickle.loads((out / f"{name}.pickle").read_bytes()) for name in jobs}
