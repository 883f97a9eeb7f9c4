"""A sweep's unit of work: every point of a grid over one shard."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from finery.data.artifacts import Artifacts
from finery.data.dataset import ShardedDataset
from finery.data.identity import one_chunk, unit_interval
from finery.data.shards import Group, Shard, ShardReader
from finery.errors import FineryError
from finery.journal import Unheard
from finery.kernel import bind
from finery.memo import Memo
from finery.plan import Step
from finery.plugins import hooks, manifest
from finery.stages.amounts import weights
from finery.stages.answers import blamed
from finery.stages.asking import Link, Worker, answers, named
from finery.stages.layers import ERROR, ShardOutput
from finery.sweep.counts import Change, Count, Counted, Sample
from finery.sweep.grid import Grid

AMOUNTS = ("characters", "tokens")
"""Columns that say how much a record is; without the first, characters are counted where the text is read anyhow."""


@dataclass(frozen=True)
class SweepTask:
    """Every point of a grid over one shard."""

    grid: Grid
    states: tuple[Any, ...]
    shard: Shard
    number: int
    columns: list[str] | None
    samples: int = 0

    def run(self) -> list[dict[str, Any]]:
        """One entry: `counted`."""
        counts = [{self.shard.source: Count()} for _ in self.grid.points]
        changes = {pair: Change() for pair in self.grid.neighbours()}
        with self.workers() as workers:
            for group in ShardReader(self.artifacts, self.shard, self.wanted()).groups():
                found = reasons(workers, group)
                amounts = self.amounts(group.batch)
                for own, answer in zip(counts, found, strict=True):
                    own[self.shard.source].add(counted(answer, amounts))
                for pair, change in changes.items():
                    change.add(self.changed(group, found[pair[0]], found[pair[1]]), self.samples)
        return [{"counted": Counted(tuple(counts), changes)}]

    @contextmanager
    def workers(self) -> Iterator[list[Worker]]:
        """The filter at every point, ready to be asked; what it leaves is for nobody."""
        with tempfile.TemporaryDirectory() as folder:
            pairs = zip(self.grid.points, self.states, strict=True)
            yield [worker(point.step, state, Path(folder)) for point, state in pairs]

    @property
    def artifacts(self) -> Artifacts:
        """Where the records lie."""
        return self.grid.dataset.artifacts

    def wanted(self) -> list[str] | None:
        """The columns to read; None for all."""
        if self.columns is None:
            return None
        return [*self.columns, *(name for name in AMOUNTS if name in self.shard.columns and name not in self.columns)]

    def amounts(self, batch: pa.Table) -> dict[str, np.ndarray]:
        """How much each record is, (n,) each."""
        known = [name for name in AMOUNTS if name in batch.column_names]
        if self.columns is None and "characters" not in known:
            known.insert(0, "characters")
        return {name: weights(batch, name) for name in known}

    def changed(self, group: Group, first: pa.Table, second: pa.Table) -> Change:
        """What is different between the answers at two points."""
        before, after = stays(first), stays(second)
        change = Change(int((after & ~before).sum()), int((before & ~after).sum()))
        if self.samples and (change.gained or change.lost):
            places = np.flatnonzero(before != after)
            ids = group.batch.column("id")
            order = unit_interval(one_chunk(ids).take(pa.array(places)), 0)
            chosen = np.argsort(order, kind="stable")[: self.samples]
            change.samples = [
                self.sample(group, second if before[place] else first, place, bool(after[place]), chance)
                for place, chance in zip(places[chosen].tolist(), order[chosen].tolist(), strict=True)
            ]
        return change

    def sample(self, group: Group, answer: pa.Table, place: int, kept: bool, chance: float) -> Sample:
        """A record whose fate changes, with why the stricter point drops it."""
        said = answer.slice(place, 1).to_pylist()[0]
        record = str(group.batch.column("id")[place].as_py())
        where = (self.number, group.number, place, record, self.shard.source)
        return Sample(chance, *where, kept, str(said["code"]), said["value"], said["bound"])


def with_errors(table: pa.Table, left: Group, group: Group) -> pa.Table:
    """Answers for the records that have one, and `error` for the others, in the order of the group."""
    place = np.full(len(group.rows), -1, np.int64)
    there = np.isin(group.rows, left.rows)
    place[there] = np.arange(len(left.rows))
    spread = table.take(pa.array(place, mask=~there))
    code = pc.if_else(pa.array(there), one_chunk(spread.column("code")), ERROR)
    return spread.set_column(0, "code", code)


def stays(answer: pa.Table) -> np.ndarray:
    """`bool` (n,): whether a record stays."""
    found: np.ndarray = one_chunk(answer.column("code")).is_null().to_numpy(zero_copy_only=False)
    return found


def counted(answer: pa.Table, amounts: dict[str, np.ndarray]) -> Count:
    """One answer as a count."""
    kept = stays(answer)
    made = Count(len(kept), int(kept.sum()))
    made.amounts = {name: [float(each.sum()), float(each[kept].sum())] for name, each in amounts.items()}
    for entry in pc.value_counts(one_chunk(answer.column("code")).drop_null()).to_pylist():
        made.reasons[entry["values"]] += entry["counts"]
    return made


def prepared(dataset: ShardedDataset, step: Step) -> Any:
    """What the filter's `prepare` finds out of the records before it; None where it does not prepare."""
    plugin = step.configured.plugin
    if "prepare" not in hooks(type(plugin)):
        return None
    with blamed(step):
        return bind(plugin, "prepare")(dataset=dataset, stage=step.stage, journal=Unheard())


def worker(step: Step, state: Any, folder: Path) -> Worker:
    """The filter at one point."""
    config = step.configured
    link = Link(step.stage, config.plugin, step.entry.label, step.fingerprint, 0, config.words.on_error)
    output = ShardOutput(Artifacts(folder), step.fingerprint, 0)
    return Worker(link, bind(config.plugin, "filter"), manifest(type(config.plugin)).batch, state, output, "filter")


def reasons(workers: Sequence[Worker], group: Group) -> list[pa.Table]:
    """The answers at every point: `code, value, bound, detail` (n,), with `error` for what made the filter raise.

    What the filter keeps in the memo is worked out once for all points.
    """
    found, memo = [], Memo(len(group.batch))
    for one in workers:
        try:
            table, left = answers(one, group, memo)
        except FineryError as error:
            raise named(one, error) from error
        if len(left.rows) != len(group.rows):
            table, memo = with_errors(table, left, group), Memo(len(group.batch))
        found.append(table)
    return found
