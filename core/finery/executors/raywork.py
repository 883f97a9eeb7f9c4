"""What a worker of a Ray cluster does for a train or evaluate stage: ask the plugin, and tell the driver."""

from __future__ import annotations

import os
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from finery.errors import FineryError
from finery.executors.ear import Wire
from finery.executors.group import Line, in_words
from finery.kernel import bind
from finery.types import Evaluation, Journal, Model, World

if TYPE_CHECKING:
    from finery.executors.ownhome import Home

LOST = ("gloo", "nccl", "connection closed by peer", "connection reset by peer", "broken pipe", "connection refused")
"""How torch's collectives say that another worker is gone, in small letters: no fault of the one who says so."""


@dataclass(frozen=True)
class Job:
    """What every worker is given."""

    ear: Any
    plugin: Any
    hook: str
    arguments: Mapping[str, Any]
    world: World
    home: Home | None = None
    """Where nodes share no disk: its way through the store."""


def working(given: Mapping[str, Any]) -> None:
    """What Ray Train calls in each worker: the work, at its place in the world."""
    from ray import train

    job, context = given["job"], train.get_context()
    places = {"rank": context.get_world_rank(), "size": context.get_world_size()}
    places["local_rank"] = context.get_local_rank()
    # Where the workers of an attempt meet is told of no other.
    attempt = f"{os.environ['MASTER_ADDR']}:{os.environ['MASTER_PORT']}"
    work(job, replace(job.world, rendezvous="env://", **places), attempt)


def work(job: Job, world: World, attempt: str | None = None) -> None:
    """Ask the plugin and tell the driver what came of it."""
    import ray

    if not ray.get(job.ear.begin.remote(world.rank)):
        return
    line = Wire(job.ear, world.rank)
    try:
        answer = asked(job, world, attempt or uuid.uuid4().hex, Line(line, world.rank))
        line.send(("answer", portable(answer) if not world.rank else None))
    except BaseException as error:
        line.send(("raised", (is_bystander(error), in_words(error))))
        raise


def asked(job: Job, world: World, attempt: str, journal: Journal) -> Any:
    """The plugin's answer; with a store, in this node's own copy of the work folder, from which it is kept."""
    if job.home is None:
        return bind(job.plugin, job.hook)(**job.arguments, world=world, journal=journal)
    import ray

    from finery.executors.warm import copy_on

    home = job.home.moved(copy_on(ray.get_runtime_context().get_node_id(), job.home.store.url))
    plugin, arguments = home.arriving(job.plugin, job.arguments, attempt)
    answer = bind(plugin, job.hook)(**arguments, world=replace(world, keep=home.keep), journal=journal)
    if not world.rank:
        home.finish()
    return replace(answer, path=job.home.out) if isinstance(answer, Model) else answer


def portable(answer: Any) -> Any:
    """An answer that can travel: rows that are read as they are asked for become a table."""
    if isinstance(answer, Evaluation) and isinstance(answer.items, pa.RecordBatchReader):
        return replace(answer, items=answer.items.read_all())
    return answer


def is_bystander(error: BaseException) -> bool:
    """Whether an exception says no more than that another worker is gone."""
    if isinstance(error, FineryError):
        return False
    said = str(error).lower()
    return type(error).__module__.startswith("torch.distributed") or any(word in said for word in LOST)
