"""One pass over one shard: consecutive filters, scores and formats, and a dedupe's keys, a batch at a time.

This is the unit of work of every executor. A document is read once however many stages look at it.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from finery.data.artifacts import Artifacts
from finery.data.identity import one_chunk
from finery.data.shards import Group, Shard, ShardReader, over
from finery.errors import FineryError
from finery.executors.tasks import together
from finery.memo import Memo
from finery.plugins import hooks
from finery.stages.answers import RESERVED, plain
from finery.stages.asking import Link, Worker, answers, keep_answers, made_ready, named
from finery.stages.births import bear
from finery.stages.layers import ShardOutput
from finery.types import Needs


@dataclass(frozen=True)
class PassTask:
    """A pass over one shard."""

    artifacts: Artifacts
    shard: Shard
    links: tuple[Link, ...]
    observers: tuple[object, ...] = ()

    @property
    def needs(self) -> Needs:
        """What all plugins of the pass hold together."""
        return together(link.needs for link in self.links)

    def run(self) -> list[dict[str, Any]]:
        """Each stage's entry for this shard; what an earlier, interrupted run finished is taken over."""
        done = [self.artifacts.json(link.fingerprint, f"shard-{link.number:05}.json") for link in self.links]
        return done if all(done) else ShardPass(self).run()  # type: ignore[return-value]


class ShardPass:
    """Carries a pass over one shard."""

    def __init__(self, task: PassTask) -> None:
        self.task = task
        self.workers = [made_ready(link, task.artifacts, task.observers) for link in task.links]

    def run(self) -> list[dict[str, Any]]:
        """Every group through every stage, then the entries."""
        shards = [self.task.shard] * len(self.workers)
        groups = 0
        for group in ShardReader(self.task.artifacts, self.task.shard).groups():
            groups += 1
            memo = Memo(len(group.batch))
            for worker in self.workers:
                group = timed(worker, group, memo)
        self.close(shards, groups)
        for worker in self.workers:
            keep_answers(worker)
        return [worker.output.finish(shard) for worker, shard in zip(self.workers, shards, strict=True)]

    def close(self, shards: list[Shard], groups: int) -> None:
        """Work out what each stage made of the shard, one after the other."""
        shard = self.task.shard
        for index, worker in enumerate(self.workers):
            shard = shards[index] = shard_after(shard, worker.output, groups)


def shard_after(shard: Shard, output: ShardOutput, groups: int) -> Shard:
    """The shard with the layers that one stage put over it, or the new one that it wrote."""
    counts = output.counts
    left = counts.records - counts.dropped - counts.merged - counts.failed
    if "data" in output.files:
        names = [n for n in output.columns or () if n not in ("id", "source")]
        base = output.name("data")
        return Shard(shard.source, base, counts.born, counts.born, dict.fromkeys(names, ((base, None),)))
    gone = [] if output.columns is None else [n for n in shard.columns if n not in output.columns]
    shard = over(shard, output.written(groups), gone)
    drops = (*shard.drops, output.name("decisions")) if output.decisions else shard.drops
    return replace(shard, records=left, drops=drops)


def timed(worker: Worker, group: Group, memo: Memo) -> Group:
    """One stage over one group, its seconds counted."""
    started = time.perf_counter()
    worker.output.counts.records += len(group.batch)
    try:
        after = STEPS[worker.link.stage.hook](worker, group, memo)
    except FineryError as error:
        raise named(worker, error) from error
    worker.output.seconds += time.perf_counter() - started
    return after


def filter_group(worker: Worker, group: Group, memo: Memo) -> Group:
    """Take out the records that get a reason."""
    table, group = answers(worker, group, memo)
    code = table.column("code")
    if code.null_count == len(code):
        return group
    gone = pc.is_valid(code)
    decided = table.filter(gone).rename_columns({"code": "reason"})
    dropped = group.batch.filter(gone)
    mask = gone.to_numpy()
    decided = decided.append_column("row", pa.array(group.rows[mask])).append_column("record", dropped.column("id"))
    worker.output.drop(decided)
    stays = pc.invert(gone)
    memo.keep(stays)
    return replace(group, batch=group.batch.filter(stays), rows=group.rows[~mask])


def score_group(worker: Worker, group: Group, memo: Memo) -> Group:
    """Put new columns beside the records."""
    table, group = answers(worker, group, memo)
    batch = group.batch
    for name in table.column_names:
        place = batch.schema.get_field_index(name)
        column = table.column(name)
        batch = batch.append_column(name, column) if place < 0 else batch.set_column(place, name, column)
    worker.output.put(group.number, group.length, group.rows - group.start, columns_of(table))
    memo.forget(table.column_names)
    return replace(group, batch=batch)


def format_group(worker: Worker, group: Group, memo: Memo) -> Group:
    """Records again: changed columns are layered, records with parents make a new base."""
    table, group = answers(worker, group, memo)
    if "parent" in table.column_names:
        group = bear(worker.output, worker.link.stage.id, group, table, worker.childless)
        worker.childless = {}
        memo.clear(len(group.batch))
        return group
    changed = {
        name: plain(one_chunk(column))
        for name, column in columns_of(table).items()
        if name not in RESERVED and not unchanged(group.batch, name, column)
    }
    worker.output.columns = tuple(table.column_names)
    worker.output.put(group.number, group.length, group.rows - group.start, changed)
    memo.forget(changed)
    return replace(group, batch=table)


def dedupe_group(worker: Worker, group: Group, memo: Memo) -> Group:
    """Write each record's keys, for the grouping that follows the pass."""
    table, group = answers(worker, group, memo)
    keys = one_chunk(table.column("keys"))
    parents = pc.list_parent_indices(keys).cast(pa.int64())
    flat = pa.table({"row": pa.array(group.rows).take(parents), "key": pc.list_flatten(keys)})
    if "cut" in hooks(type(worker.link.plugin)):
        # A key that is null holds its place, so that the others keep theirs.
        position = np.arange(len(flat)) - np.searchsorted(parents, parents)
        flat = flat.append_column("position", pa.array(position, pa.int64()))
    else:
        flat = flat.drop_null()
    if len(flat):
        worker.output.file("keys", flat.schema).write(flat)
    return group


STEPS = {"filter": filter_group, "score": score_group, "format": format_group, "dedupe": dedupe_group}


def columns_of(table: pa.Table) -> dict[str, Any]:
    """The columns of a table by name."""
    return dict(zip(table.column_names, table.columns, strict=True))


def unchanged(batch: pa.Table, name: str, column: pa.ChunkedArray) -> bool:
    """Whether a column is as it was."""
    return name in batch.column_names and bool(batch.column(name).equals(column))
