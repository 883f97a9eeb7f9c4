"""The kernel's half of a dedupe that cuts: passages that stood elsewhere before go, and their records stay.

A passage is a key at its position in a record. Its first occurrence, by the order in which records would survive and
then by position, stays; the others are marked, out of core, and the plugin's `cut` takes them out, shard by shard.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from finery.context import Context
from finery.data.artifacts import Artifacts, write_json
from finery.data.identity import one_chunk
from finery.data.shards import Group, Shard, ShardReader, over
from finery.errors import FineryError
from finery.memo import Memo
from finery.plan import Step
from finery.plugins import manifest
from finery.stages.amounts import added, characters
from finery.stages.asking import Link, Worker, answers, made_ready, named
from finery.stages.passing import link, worker_observers
from finery.types import Needs, Stage

DUPLICATE = "duplicate"

REPEATED, DOCUMENTS = "finery repeated", "finery documents"
"""What goes to the plugin beside the records, under names that no column has."""

CUTS = pa.schema([("record", pa.uuid()), ("characters", pa.int64()), ("other", pa.uuid())])
"""A record that was cut: how many characters went, and the record that stands for most of its passages."""

MARKS = """
create temp table marks as
with placed as (
    select c.key, c.shard, c.row, c.position, c.documents, n.node from candidates c join nodes n using (shard, row)),
held as (
    select key, node, min(position) as position, max(documents) as documents from placed group by key, node),
firsts as (
    select key, min(node) as node, arg_min(position, node) as position, sum(documents)::bigint as documents
    from held group by key)
select p.shard, p.row, p.position, f.documents, s.id as other
from placed p join firsts f using (key) join nodes s on s.node = f.node
where p.node > 0 and not (p.node = f.node and p.position = f.position)
order by p.shard, p.row, p.position
"""


def leave_marks(
    context: Context, step: Step, connection: duckdb.DuckDBPyConnection, entries: Sequence[dict[str, Any]]
) -> None:
    """Leave beside each shard which of its passages stood elsewhere before."""
    folder = context.artifacts.partial(step.fingerprint)
    for entry in entries:
        query = "select row, position, documents, other from marks where shard = ? order by row, position"
        own = connection.sql(query, params=[entry["number"]]).to_arrow_table()
        if len(own):
            pq.write_table(own, folder / f"marks-{entry['number']:05}.parquet")
    context.artifacts.keep(step.fingerprint, folder.glob("marks-*"))


def cut_all(context: Context, step: Step, entries: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """The entries after every shard with marks was cut."""
    folder = context.artifacts.partial(step.fingerprint)
    marked = [n for n, entry in enumerate(entries) if (folder / f"marks-{entry['number']:05}.parquet").exists()]
    observers = worker_observers(context)
    tasks = [CutTask(context.artifacts, entries[n], link(step, entries[n]["number"]), observers) for n in marked]
    done = list(entries)
    for number, [entry] in context.executor.run(tasks, manifest(type(step.configured.plugin)).releases_gil):
        done[marked[number]] = entry
    return done


@dataclass(frozen=True)
class CutTask:
    """The cutting of one shard."""

    artifacts: Artifacts
    entry: dict[str, Any]
    link: Link
    observers: tuple[object, ...]

    @property
    def needs(self) -> Needs:
        """What the plugin holds."""
        return self.link.needs

    def run(self) -> list[dict[str, Any]]:
        """The shard's entry afterwards; what an interrupted run finished is taken over."""
        name = f"cut-{self.link.number:05}.json"
        entry = self.artifacts.json(self.link.fingerprint, name)
        if entry is None:
            entry = ShardCut(self).run()
            done = self.artifacts.partial(self.link.fingerprint) / name
            write_json(done, entry)
            self.artifacts.keep(self.link.fingerprint, [done])
        return [entry]


class ShardCut:
    """Cuts one shard."""

    def __init__(self, task: CutTask) -> None:
        self.task = task
        self.shard = Shard.from_json(task.entry["shard"])
        marks, keys = (f"{task.link.fingerprint}/{kind}-{task.link.number:05}.parquet" for kind in ("marks", "keys"))
        self.marks = pq.read_table(task.artifacts.file(marks)).combine_chunks()
        self.rows = np.asarray(self.marks["row"])
        keyed = pq.read_table(task.artifacts.file(keys), columns=["row"])["row"]
        self.lengths = np.bincount(np.asarray(keyed))
        self.worker = ready(task)
        self.cut = {"records": 0, "characters": 0}

    def run(self) -> dict[str, Any]:
        """Every group that holds marks, then the entry."""
        started = time.perf_counter()
        groups = 0
        for group in ShardReader(self.task.artifacts, self.shard).groups():
            groups += 1
            try:
                self.take(group)
            except FineryError as error:
                raise named(self.worker, error) from error
        output = self.worker.output
        if output.decisions:
            decided = pa.concat_tables(output.decisions)
            output.file("decisions-duplicates", decided.schema).write(decided)
        output.close()
        return self.settled(groups, time.perf_counter() - started)

    def take(self, group: Group) -> None:
        """Cut the records of a group that hold marks."""
        touched = np.isin(group.rows, self.rows)
        if not touched.any():
            return
        asked = replace(group, batch=self.told(group, touched), rows=group.rows[touched])
        table, left = answers(self.worker, asked, Memo(len(asked.batch)))
        columns = {name: table[name] for name in table.column_names}
        before = counted([left.batch[name] for name in columns], len(left.rows))
        removed = before - counted(list(columns.values()), len(left.rows))
        empty = np.logical_and.reduce([np.asarray(column.is_null()) for column in columns.values()])
        self.drop(left, empty)
        if not removed.any() and len(left.rows) == len(asked.rows):
            return
        self.layer(group, left, columns, empty, failed=np.setdiff1d(asked.rows, left.rows))
        self.note(left, removed * ~empty)

    def told(self, group: Group, touched: np.ndarray) -> pa.Table:
        """The touched records, with which of their keys are repeated and how many documents hold each of those."""
        batch = group.batch.filter(pa.array(touched))
        rows = group.rows[touched]
        ends = np.concatenate([[0], np.cumsum(self.lengths[rows])])
        first, last = np.searchsorted(self.rows, [rows[0], rows[-1] + 1])
        at = ends[np.searchsorted(rows, self.rows[first:last])] + np.asarray(self.marks["position"])[first:last]
        repeated, documents = np.zeros(ends[-1], bool), np.zeros(ends[-1], np.int64)
        repeated[at] = True
        documents[at] = np.asarray(self.marks["documents"])[first:last]
        for name, values in ((REPEATED, repeated), (DOCUMENTS, documents)):
            batch = batch.append_column(name, pa.LargeListArray.from_arrays(pa.array(ends), pa.array(values)))
        return batch

    def drop(self, group: Group, empty: np.ndarray) -> None:
        """Decide on the records of which nothing is left."""
        if empty.any():
            ids, rows = group.batch["id"].filter(pa.array(empty)), group.rows[empty]
            reason = pa.array([DUPLICATE] * len(rows))
            table = {"row": rows, "record": ids, "reason": reason, "other": self.others(rows, ids)}
            self.worker.output.drop(pa.table(table))

    def others(self, rows: np.ndarray, ids: pa.ChunkedArray) -> pa.Array:
        """For each record the one that stands for most of its passages, the first of several; itself does not count."""
        first, last = np.searchsorted(self.rows, rows), np.searchsorted(self.rows, rows, "right")
        found = []
        for record, start, end in zip(ids.to_pylist(), first, last, strict=True):
            held = pc.value_counts(one_chunk(self.marks["other"].slice(start, end - start)).storage).to_pylist()
            best = max((h for h in held if h["values"] != record.bytes), key=lambda h: h["counts"], default=None)
            found.append(best and best["values"])
        return pa.array(found, pa.uuid())

    def layer(self, group: Group, left: Group, columns: dict[str, Any], empty: np.ndarray, failed: np.ndarray) -> None:
        """Put the cut columns over the group, what was not asked about as it was."""
        gone = np.isin(group.rows, np.concatenate([failed, left.rows[empty]]))
        rows = group.rows[~gone]
        index = np.flatnonzero(~gone)
        own = np.isin(rows, left.rows)
        index[own] = len(group.rows) + np.flatnonzero(~empty)
        changed = {}
        for name, column in columns.items():
            whole = pa.concat_arrays([one_chunk(group.batch[name]), one_chunk(column)])
            changed[name] = whole.take(pa.array(index))
        self.worker.output.put(group.number, group.length, rows - group.start, changed)

    def note(self, group: Group, removed: np.ndarray) -> None:
        """Note which records lost how much, and to whom."""
        cut = removed > 0
        if cut.any():
            ids = group.batch["id"].filter(pa.array(cut))
            sizes = pa.array(removed[cut].astype(np.int64))
            table = pa.table([ids, sizes, self.others(group.rows[cut], ids)], CUTS.names)
            self.worker.output.file("cuts", CUTS).write(table.cast(CUTS))
            self.cut["records"] += int(cut.sum())
            self.cut["characters"] += int(removed.sum())

    def settled(self, groups: int, seconds: float) -> dict[str, Any]:
        """The shard's entry after it was cut."""
        entry, output, counts = self.task.entry, self.worker.output, self.worker.output.counts
        before, gone = entry["counts"], counts.merged + counts.failed + counts.dropped
        fates = {name: before[name] + getattr(counts, name) for name in ("merged", "failed", "dropped")}
        shard = over(self.shard, output.written(groups), ())
        drops = (*shard.drops, output.name("decisions-duplicates")) if output.decisions else shard.drops
        return {
            **entry,
            "shard": replace(shard, records=shard.records - gone, drops=drops).as_json(),
            "types": {**entry["types"], **output.types()},
            "counts": {
                **before,
                **fates,
                "kept": before["kept"] - gone,
                "reasons": dict(counts.reasons + Counter(before["reasons"])),
            },
            "tally": dict(output.tally + Counter(entry["tally"])),
            "cut": {**self.cut, **output.tally},
            "seconds": round(entry["seconds"] + seconds, 4),
        }


def counted(columns: Sequence[Any], length: int) -> np.ndarray:
    """Characters (n,) in all of some columns."""
    return added([characters(column) for column in columns], length)


def ready(task: CutTask) -> Worker:
    """The plugin's `cut` behind the interface of a hook over batches; what goes beside the records comes apart."""
    own: Stage = task.link.stage
    worker = made_ready(replace(task.link, stage=replace(own, hook="cut")), task.artifacts, task.observers)
    bound = worker.ask

    def ask(batch: pa.Table, state: Any, tally: Any, **_: Any) -> Any:
        beside = {name: one_chunk(batch[column]) for name, column in (("repeated", REPEATED), ("documents", DOCUMENTS))}
        records = batch.drop_columns([REPEATED, DOCUMENTS])
        return bound(batch=records, **beside, state=state, stage=own, tally=tally)

    worker.ask = ask
    return worker
