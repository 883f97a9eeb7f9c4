"""The Ray executor: tasks of a run on a cluster, a bounded number in flight.

A task takes paths and gives paths, and doing it twice is doing it once: so Ray may do it again when a worker or a node
dies, wherever it likes.
"""

from __future__ import annotations

import contextlib
import math
import time
from collections.abc import Iterator, Sequence
from typing import Any

from finery.errors import ClusterError, FineryError, WorkError, said_by
from finery.executors.cluster import OWN, Cluster, nodes, on_node
from finery.executors.group import RemoteTraceback
from finery.executors.lanes import RETRIES, Lane, lane_for, largest, slots
from finery.executors.local import LocalExecutor
from finery.executors.tasks import Answer, Task, is_here
from finery.executors.warm import forget
from finery.types import Needs

AHEAD = 2
"""Tasks in flight for each that finds room: a worker that is done finds the next one there."""

LOOK_SECONDS = 5.0
"""How often a run that waits looks for nodes that came or went."""

FORGET_SECONDS = 10.0
"""How long the end of a run waits for nodes to clear up."""

PATIENCE_SECONDS = 120.0
"""How long a run waits for a node on which its tasks find room: a cluster that grows with its work needs a while."""


class RayExecutor:
    """Runs tasks on a cluster; `workers` at a time, as many as find room where not given."""

    def __init__(self, cluster: Cluster, workers: int | None = None, patience: float = PATIENCE_SECONDS) -> None:
        self.cluster = cluster
        self.workers = workers
        self.patience_seconds = 0.0 if cluster.address in OWN else patience
        self.flying: dict[Any, int] = {}
        self.local = LocalExecutor(workers)
        self.near: dict[str, str] = {}
        """The node that has each shard's base in its copy."""
        self.stores: set[str] = set()
        """The stores that nodes have copies of."""

    def run(self, tasks: Sequence[Task], threads: bool) -> Iterator[tuple[int, Answer]]:
        """Each task's number and answer, as they finish.

        Raises what a task raised, WorkError where its workers keep dying, and ClusterError where the cluster is lost or
        has no room.
        """
        if not tasks:
            return
        if any(map(is_here, tasks)):
            yield from self.local.run(tasks, threads)
            return
        ray, needs = self.cluster.join(), largest(tasks)
        self.stores |= {url for task in tasks[:1] if (url := store_of(task))}
        self.room(ray, needs, since=time.monotonic())
        lane = lane_for(ray, tasks, min(self.workers or len(tasks), len(tasks)))
        try:
            yield from self.carried(ray, lane, tasks, needs)
        except (ray.exceptions.RayError, ConnectionError) as error:
            raise lost(ray.exceptions, error) from error
        finally:
            self.cancel(ray)
            lane.close()

    def asked(self, plugin: Any, needs: Needs, workers: int) -> Any:
        """A group of workers of the cluster, however few."""
        from finery.executors.raygroup import RayGroup

        return RayGroup(plugin, needs, self.cluster.join)

    def parts(self) -> int:
        """One a task that finds room."""
        return max(2, self.workers or slots(self.cluster.join(), Needs()))

    def carried(self, ray: Any, lane: Lane, tasks: Sequence[Task], needs: Needs) -> Iterator[tuple[int, Answer]]:
        """Tasks through a lane."""
        waiting = iter(range(len(tasks)))
        moved, looked, most = time.monotonic(), -math.inf, 1
        while True:
            if time.monotonic() - looked > LOOK_SECONDS:
                most = self.workers or AHEAD * max(1, slots(ray, needs))
                looked = time.monotonic()
            while len(self.flying) < most and (number := next(waiting, None)) is not None:
                self.flying[lane.submit(tasks[number], self.near)] = number
            if not self.flying:
                return
            ready, _ = ray.wait(list(self.flying), num_returns=1, timeout=LOOK_SECONDS)
            if ready:
                moved = time.monotonic()
            else:
                self.room(ray, needs, moved)
            for ref in ready:
                lane.landed(ref)
                number = self.flying.pop(ref)
                answer, node = answer_of(ray, ref)
                self.near |= {base: node for entry in answer if (base := entry.get("shard", {}).get("base"))}
                yield number, answer

    def room(self, ray: Any, needs: Needs, since: float) -> None:
        """Raise ClusterError where no node has had room for a task for too long."""
        if slots(ray, needs) or time.monotonic() - since < self.patience_seconds:
            return
        wants = f"{needs.cpus:g} CPUs" + (f" and {needs.gpus:g} GPUs" if needs.gpus else "")
        fault = f"no node has {wants}, which one worker of this stage holds"
        raise ClusterError.at("the cluster", fault, "give the stage other `needs`, or add such a node")

    def cancel(self, ray: Any) -> None:
        """End what is in flight."""
        for ref in self.flying:
            # An actor's tasks end with it.
            with contextlib.suppress(ValueError, TypeError, ray.exceptions.RayError):
                ray.cancel(ref, force=True)
        self.flying = {}

    def forget(self, ray: Any) -> None:
        """Take the nodes' copies of the work folder away."""
        asked = [on_node(ray.remote(forget), node).remote(url) for node in nodes(ray) for url in self.stores]
        if asked:
            ray.wait(asked, num_returns=len(asked), timeout=FORGET_SECONDS)
        self.stores = set()

    def close(self) -> None:
        """Stop all work of this run; a cluster of its own ends."""
        self.flying = {}
        self.local.close()
        if self.cluster.joined:
            # A cluster that is gone keeps nobody from ending.
            with contextlib.suppress(Exception):
                self.forget(self.cluster.join())
        self.cluster.leave()


def store_of(task: Any) -> str | None:
    """The URL of the store that a task works with."""
    artifacts = getattr(task, "artifacts", None)
    return artifacts.store.url if artifacts is not None and artifacts.store else None


def answer_of(ray: Any, ref: Any) -> tuple[Answer, str]:
    """A task's answer, and the node it comes from. Raises what it raised, with the worker's traceback as its cause."""
    errors = ray.exceptions
    try:
        answer: tuple[Answer, str] = ray.get(ref)
    except errors.RayTaskError as error:
        raised = error.cause
        raised.__cause__ = RemoteTraceback(str(error))
        raise raised from raised.__cause__
    except errors.RayError as error:
        raise lost(errors, error) from error
    return answer


def lost(errors: Any, error: Exception) -> FineryError:
    """The error of a task whose worker, node or cluster was lost more often than Ray would try again."""
    if isinstance(error, errors.OutOfMemoryError):
        remedy = "let fewer share a node by larger `needs.cpus`, or take larger nodes; finished shards are kept"
        return WorkError.at("workers", f"a node ran out of memory ({said_by(error)})", remedy)
    if isinstance(error, (errors.ObjectStoreFullError, errors.OutOfDiskError)):
        remedy = "other work on the cluster fills it, for this run leaves nothing there; finished shards are kept"
        return ClusterError.at("the cluster", f"a node's object store is full ({said_by(error)})", remedy)
    deaths = (errors.WorkerCrashedError, errors.NodeDiedError, errors.RayActorError)
    if isinstance(error, deaths):
        remedy = "is there enough memory? run again: finished shards are kept"
        return WorkError.at("workers", f"a task's worker died {RETRIES + 1} times ({said_by(error)})", remedy)
    return ClusterError.at("the cluster", said_by(error), "is it up? run again: finished shards are kept")
