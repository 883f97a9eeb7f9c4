"""One pass over one shard: consecutive filters, scores and formats, and a dedupe's keys, a batch at a time.

This is the unit of work of every executor. A document is read once however many stages look at it.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from finery.data.artifacts import Artifacts, read_json
from finery.data.identity import one_chunk
from finery.data.shards import Group, Shard, ShardReader, over
from finery.errors import FineryError, PluginError
from finery.kernel import bind
from finery.plugins import manifest
from finery.stages.answers import FORMS, RESERVED, plain
from finery.stages.births import bear
from finery.stages.layers import ERROR, ShardOutput
from finery.stages.state import load_state
from finery.types import Stage


@dataclass(frozen=True)
class Link:
    """One stage of a pass, as a worker gets it."""

    stage: Stage
    plugin: object
    label: str
    """Package and version, for errors."""
    fingerprint: str
    number: int
    """The shard's place among those that the stage sees: what its files are numbered by."""
    on_error: str = "record"
    """`record`: a record that raises is a decision; `stop`: it stops the run."""


@dataclass(frozen=True)
class PassTask:
    """A pass over one shard."""

    artifacts: Artifacts
    shard: Shard
    links: tuple[Link, ...]
    observers: tuple[object, ...] = ()

    def run(self) -> list[dict[str, Any]]:
        """Each stage's entry for this shard; what an earlier, interrupted run finished is taken over."""
        folders = [(self.artifacts.partial(link.fingerprint), link.number) for link in self.links]
        done = [read_json(folder / f"shard-{number:05}.json") for folder, number in folders]
        return done if all(done) else ShardPass(self).run()  # type: ignore[return-value]


@dataclass
class Worker:
    """A link that is bound to its hook, and what it leaves."""

    link: Link
    ask: Callable[..., Any]
    size: int | None
    state: Any
    output: ShardOutput


class ShardPass:
    """Carries a pass over one shard."""

    def __init__(self, task: PassTask) -> None:
        self.task = task
        self.workers = [self.worker(link) for link in task.links]

    def worker(self, link: Link) -> Worker:
        """A link made ready: its plugin bound, its state read, its output opened."""
        folder = self.task.artifacts.partial(link.fingerprint)
        ask = bind(link.plugin, link.stage.hook, self.task.observers)
        output = ShardOutput(folder, link.fingerprint, link.number)
        return Worker(link, ask, manifest(type(link.plugin)).batch, load_state(folder), output)

    def run(self) -> list[dict[str, Any]]:
        """Every group through every stage, then the entries."""
        shards = [self.task.shard] * len(self.workers)
        groups = 0
        for group in ShardReader(self.task.artifacts, self.task.shard).groups():
            groups += 1
            for worker in self.workers:
                group = timed(worker, group)
        self.close(shards, groups)
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


def timed(worker: Worker, group: Group) -> Group:
    """One stage over one group, its seconds counted."""
    started = time.perf_counter()
    worker.output.counts.records += len(group.batch)
    try:
        after = STEPS[worker.link.stage.hook](worker, group)
    except FineryError as error:
        raise named(worker, error) from error
    worker.output.seconds += time.perf_counter() - started
    return after


def filter_group(worker: Worker, group: Group) -> Group:
    """Take out the records that get a reason."""
    table, group = answers(worker, group)
    code = table.column("code")
    if code.null_count == len(code):
        return group
    gone = pc.is_valid(code)
    decided = table.filter(gone).rename_columns({"code": "reason"})
    dropped = group.batch.filter(gone)
    mask = gone.to_numpy()
    decided = decided.append_column("row", pa.array(group.rows[mask])).append_column("record", dropped.column("id"))
    worker.output.drop(decided)
    return replace(group, batch=group.batch.filter(pc.invert(gone)), rows=group.rows[~mask])


def score_group(worker: Worker, group: Group) -> Group:
    """Put new columns beside the records."""
    table, group = answers(worker, group)
    batch = group.batch
    for name in table.column_names:
        place = batch.schema.get_field_index(name)
        column = table.column(name)
        batch = batch.append_column(name, column) if place < 0 else batch.set_column(place, name, column)
    worker.output.put(group.number, group.length, group.rows - group.start, columns_of(table))
    return replace(group, batch=batch)


def format_group(worker: Worker, group: Group) -> Group:
    """Records again: changed columns are layered, records with parents make a new base."""
    table, group = answers(worker, group)
    if "parent" in table.column_names:
        return bear(worker.output, worker.link.stage.id, group, table)
    changed = {
        name: plain(one_chunk(column))
        for name, column in columns_of(table).items()
        if name not in RESERVED and not unchanged(group.batch, name, column)
    }
    worker.output.columns = tuple(table.column_names)
    worker.output.put(group.number, group.length, group.rows - group.start, changed)
    return replace(group, batch=table)


def dedupe_group(worker: Worker, group: Group) -> Group:
    """Write each record's keys, for the grouping that follows the pass."""
    table, group = answers(worker, group)
    keys = one_chunk(table.column("keys"))
    rows = pa.array(group.rows).take(pc.list_parent_indices(keys).cast(pa.int64()))
    flat = pa.table({"row": rows, "key": pc.list_flatten(keys)}).drop_null()
    if len(flat):
        worker.output.file("keys", flat.schema).write(flat)
    return group


STEPS = {"filter": filter_group, "score": score_group, "format": format_group, "dedupe": dedupe_group}


def answers(worker: Worker, group: Group) -> tuple[pa.Table, Group]:
    """The plugin's answer for a group, in its hook's form, and the group without the records that made it raise."""
    batch = group.batch
    size = worker.size or max(len(batch), 1)
    parts: list[pa.Table] = []
    failures: list[tuple[int, Exception]] = []
    for start in range(0, max(len(batch), 1), size):
        part = batch.slice(start, size)
        try:
            parts.append(asked(worker, part))
        except FineryError:
            raise
        except Exception as error:  # noqa: BLE001 a plugin may raise anything
            one_by_one(worker, part, start, parts, failures, error)
    table = parts[0] if len(parts) == 1 else pa.concat_tables(parts, promote_options="permissive")
    return table, without(worker, group, failures)


def asked(worker: Worker, batch: pa.Table) -> pa.Table:
    """One call of the plugin, its answer checked."""
    link = worker.link
    answer = worker.ask(batch=batch, state=worker.state, stage=link.stage, tally=worker.output.tally)
    try:
        return FORMS[link.stage.hook](answer, batch)
    except (pa.ArrowException, TypeError, ValueError, LookupError, AttributeError) as error:
        fault = f"'{link.stage.hook}' answered what its hook does not allow: {error}"
        raise PluginError.at("", fault, "see its signature in finery/specs.py") from error


def one_by_one(
    worker: Worker,
    batch: pa.Table,
    start: int,
    parts: list[pa.Table],
    failures: list[tuple[int, Exception]],
    cause: Exception,
) -> None:
    """Ask again for each record of a batch that raised, so that only the records at fault are lost."""
    for index in range(len(batch)):
        record = batch.slice(index, 1)
        try:
            parts.append(asked(worker, record))
        except FineryError:
            raise
        except Exception as error:
            if worker.link.on_error == "stop":
                raise stopped(worker, record, error) from error
            failures.append((start + index, error))
    if not parts:
        parts.append(asked_empty(worker, batch, cause))


def asked_empty(worker: Worker, batch: pa.Table, cause: Exception) -> pa.Table:
    """The form of an answer for no record, when every record of a batch raised."""
    try:
        return asked(worker, batch.slice(0, 0))
    except Exception:  # noqa: BLE001 a plugin may raise anything
        raise stopped(worker, batch, cause) from cause


def without(worker: Worker, group: Group, failures: Sequence[tuple[int, Exception]]) -> Group:
    """The group without the records that raised, each of them a decision with its error."""
    if not failures:
        return group
    index = pa.array([i for i, _ in failures], pa.int64())
    details = [f"{type(error).__name__}: {error}"[:500] for _, error in failures]
    decided = {"row": pa.array(group.rows).take(index), "record": group.batch.column("id").take(index)}
    reason = pa.array([ERROR] * len(failures))
    worker.output.drop(pa.table({**decided, "reason": reason, "detail": pa.array(details)}))
    left = np.delete(np.arange(len(group.batch)), index.to_numpy())
    return replace(group, batch=group.batch.take(pa.array(left)), rows=group.rows[left])


def named(worker: Worker, error: FineryError) -> FineryError:
    """An error of the contract with stage, plugin and version put before it."""
    link = worker.link
    fault = error.faults[0]
    place = f"stage '{link.stage.id}' ({link.stage.plugin}, {link.label})"
    return type(error).at(place, f"{fault.place + ': ' if fault.place else ''}{fault.fault}", fault.remedy)


def stopped(worker: Worker, batch: pa.Table, cause: Exception) -> FineryError:
    """The error of a plugin that raised, with where and on which record."""
    first = batch.column("id")[0].as_py() if len(batch) else "none"
    where = f"shard {worker.output.number} of '{batch_source(batch)}', record {first}"
    return PluginError.at("", f"{type(cause).__name__}: {cause}", f"raised in {where}")


def batch_source(batch: pa.Table) -> str:
    """The source that a batch is of."""
    return str(batch.column("source")[0].as_py()) if len(batch) else ""


def columns_of(table: pa.Table) -> dict[str, Any]:
    """The columns of a table by name."""
    return dict(zip(table.column_names, table.columns, strict=True))


def unchanged(batch: pa.Table, name: str, column: pa.ChunkedArray) -> bool:
    """Whether a column is as it was."""
    return name in batch.column_names and bool(batch.column(name).equals(column))
