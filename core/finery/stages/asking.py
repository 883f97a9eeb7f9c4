"""Asks a plugin about a batch: its answer checked, and a batch that makes it raise cut down to what is at fault."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any
from uuid import UUID

import numpy as np
import pyarrow as pa

from finery.data.artifacts import Artifacts
from finery.data.shards import Group
from finery.errors import FineryError, PluginError
from finery.kernel import asks, bind
from finery.memo import Memo
from finery.plugins import hooks, manifest
from finery.stages.answers import FORMS, reasons_by_id
from finery.stages.layers import ERROR, ShardOutput
from finery.stages.state import load_state
from finery.types import Born, Needs, Stage


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
    needs: Needs = field(default_factory=Needs)
    """What a worker holds while the plugin works."""


@dataclass
class Worker:
    """A link that is bound to its hook, and what it leaves."""

    link: Link
    ask: Callable[..., Any]
    size: int | None
    state: Any
    output: ShardOutput
    hook: str
    """The hook that is asked: the stage's own, or a companion of it."""
    out: Path | None = None
    """Where the plugin keeps what it must not pay for twice; None where it does not ask."""
    childless: dict[UUID, str] = field(default_factory=dict)
    """Why records of the group bear none, as far as the plugin says."""


def kept_folder(link: Link, artifacts: Artifacts) -> Path | None:
    """The folder that a plugin keeps answers in, made where its hook asks for one; with those of other machines."""
    if not asks(link.plugin, link.stage.hook, "out"):
        return None
    out = artifacts.partial(link.fingerprint) / "out"
    out.mkdir(exist_ok=True)
    artifacts.fetch_folder(link.fingerprint, "out")
    return out


def keep_answers(worker: Worker) -> None:
    """Put what a plugin kept for a shard where other machines find it."""
    if worker.out is not None:
        worker.output.artifacts.keep_folder(worker.link.fingerprint, "out")


def made_ready(link: Link, artifacts: Artifacts, observers: Sequence[object], hook: str | None = None) -> Worker:
    """A link with its plugin bound to the stage's hook or to another, its state read, its output opened."""
    hook = hook or link.stage.hook
    ask = bind(link.plugin, hook, observers)
    output = ShardOutput(artifacts, link.fingerprint, link.number)
    state = load_state(artifacts, link.fingerprint) if "prepare" in hooks(type(link.plugin)) else None
    # Records that were gathered stay together.
    size = None if "gather" in hooks(type(link.plugin)) else manifest(type(link.plugin)).batch
    return Worker(link, ask, size, state, output, hook, kept_folder(link, artifacts))


def answers(worker: Worker, group: Group, memo: Memo, pieces: Sequence[slice] | None = None) -> tuple[pa.Table, Group]:
    """The plugin's answer for a group, in its hook's form, and the group without the records that made it raise.

    `pieces` are the records that have to stay together when a batch that raised is cut down; each alone, if not given.
    """
    batch = group.batch
    size = worker.size or max(len(batch), 1)
    parts: list[pa.Table] = []
    failures: list[tuple[int, Exception]] = []
    for start in range(0, max(len(batch), 1), size):
        part = batch.slice(start, size)
        try:
            parts.append(asked(worker, part, memo if len(part) == len(batch) else Memo(len(part))))
        except FineryError:
            raise
        except Exception as error:  # noqa: BLE001 a plugin may raise anything
            found = pieces or [slice(i, i + 1) for i in range(start, start + len(part))]
            cut_down(worker, batch, found, parts, failures, error)
    table = parts[0] if len(parts) == 1 else pa.concat_tables(parts, promote_options="permissive")
    return table, without(worker, group, failures, memo)


def asked(worker: Worker, batch: pa.Table, memo: Memo) -> pa.Table:
    """One call of the plugin, its answer checked."""
    link = worker.link
    shared = {"stage": link.stage, "tally": worker.output.tally, "memo": memo, "out": worker.out}
    answer = worker.ask(batch=batch, state=worker.state, **shared)
    try:
        if isinstance(answer, Born):
            worker.childless |= reasons_by_id(answer.reasons, batch)
            answer = answer.records
        return FORMS[worker.hook](answer, batch)
    except (pa.ArrowException, TypeError, ValueError, LookupError, AttributeError) as error:
        fault = f"'{worker.hook}' answered what its hook does not allow: {error}"
        raise PluginError.at("", fault, "see its signature in finery/specs.py") from error


def cut_down(
    worker: Worker,
    batch: pa.Table,
    pieces: Sequence[slice],
    parts: list[pa.Table],
    failures: list[tuple[int, Exception]],
    cause: Exception,
) -> None:
    """Ask again for each piece of a batch that raised, so that only the records at fault are lost."""
    for piece in pieces:
        record = batch.slice(piece.start, piece.stop - piece.start)
        try:
            parts.append(asked(worker, record, Memo(len(record))))
        except FineryError:
            raise
        except Exception as error:
            if worker.link.on_error == "stop":
                raise stopped(worker, record, error) from error
            failures += [(row, error) for row in range(piece.start, piece.stop)]
    if not parts:
        parts.append(asked_empty(worker, batch, cause))


def asked_empty(worker: Worker, batch: pa.Table, cause: Exception) -> pa.Table:
    """The form of an answer for no record, when every record of a batch raised."""
    try:
        return asked(worker, batch.slice(0, 0), Memo(0))
    except Exception:  # noqa: BLE001 a plugin may raise anything
        raise stopped(worker, batch, cause) from cause


def without(worker: Worker, group: Group, failures: Sequence[tuple[int, Exception]], memo: Memo) -> Group:
    """The group without the records that raised, each of them a decision with its error."""
    if not failures:
        return group
    index = pa.array([i for i, _ in failures], pa.int64())
    details = [f"{type(error).__name__}: {error}"[:500] for _, error in failures]
    decided = {"row": pa.array(group.rows).take(index), "record": group.batch.column("id").take(index)}
    reason = pa.array([ERROR] * len(failures))
    worker.output.drop(pa.table({**decided, "reason": reason, "detail": pa.array(details)}))
    left = np.ones(len(group.batch), bool)
    left[index.to_numpy()] = False
    memo.keep(pa.array(left))
    return replace(group, batch=group.batch.filter(pa.array(left)), rows=group.rows[left])


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
