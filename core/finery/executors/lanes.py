"""How tasks get onto a cluster: each as a Ray task, or through actors that hold a GPU and stay until all are done."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from finery.executors.cluster import nodes
from finery.executors.tasks import Task, needs_of
from finery.executors.warm import Warm, leaving, perform
from finery.types import Needs

RETRIES = 3
"""How often a task is done again after its worker or its node died."""


class Lane(Protocol):
    """A way onto the cluster."""

    def submit(self, task: Task, near: Mapping[str, str]) -> Any:
        """What stands for the answer; `near` has the node where each shard's base lies already."""

    def landed(self, ref: Any) -> None:
        """Hear that an answer is there."""

    def close(self) -> None:
        """Give back what is held."""


def lane_for(ray: Any, tasks: Sequence[Task], most: int) -> Lane:
    """Actors where some of the tasks hold GPUs, at most so many; else plain tasks."""
    needs = largest(tasks)
    return ActorLane(ray, needs, max(1, min(most, slots(ray, needs)))) if needs.gpus else TaskLane(ray)


def largest(tasks: Sequence[Task]) -> Needs:
    """The most that any of some tasks holds."""
    found = [needs_of(task) for task in tasks]
    return Needs(cpus=max(one.cpus for one in found), gpus=max(one.gpus for one in found))


class TaskLane:
    """Each task where Ray finds room for it."""

    def __init__(self, ray: Any) -> None:
        self.ray = ray
        self.remote = ray.remote(perform)

    def submit(self, task: Task, near: Mapping[str, str]) -> Any:
        """The task, on its way; to the node where its shard lies, if that has room."""
        options: dict[str, Any] = {"num_cpus": needs_of(task).cpus, "max_retries": RETRIES}
        if node := near.get(base_of(task)):
            options["scheduling_strategy"] = preferring(node)
        return self.remote.options(**options, name=type(task).__name__).remote(leaving(task))

    def landed(self, ref: Any) -> None:
        """Nothing is held."""

    def close(self) -> None:
        """Nothing is held."""


class ActorLane:
    """Actors that load a model once; a task goes to the one that has the fewest."""

    def __init__(self, ray: Any, needs: Needs, actors: int) -> None:
        self.ray = ray
        held = {"num_cpus": needs.cpus, "num_gpus": needs.gpus}
        kind = ray.remote(Warm).options(**held, max_restarts=RETRIES, max_task_retries=RETRIES)
        self.actors = [kind.remote() for _ in range(actors)]
        self.load: Counter[int] = Counter(dict.fromkeys(range(actors), 0))
        self.places: dict[Any, int] = {}

    def submit(self, task: Task, near: Mapping[str, str]) -> Any:
        """The task, before an actor."""
        place = min(self.load, key=lambda number: self.load[number])
        ref = self.actors[place].run.remote(leaving(task))
        self.load[place] += 1
        self.places[ref] = place
        return ref

    def landed(self, ref: Any) -> None:
        """One task less before its actor."""
        self.load[self.places.pop(ref)] -= 1

    def close(self) -> None:
        """End the actors, whatever they are doing."""
        for actor in self.actors:
            self.ray.kill(actor)


def base_of(task: Any) -> str:
    """The base of the shard that a task reads; nothing where it reads none, or no node has a copy of its own."""
    shard, artifacts = getattr(task, "shard", None), getattr(task, "artifacts", None)
    return shard.base if shard is not None and artifacts is not None and artifacts.store else ""


def preferring(node: str) -> Any:
    """To a node if it lives and has room, else anywhere."""
    from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

    return NodeAffinitySchedulingStrategy(node, soft=True, _spill_on_unavailable=True)


def slots(ray: Any, needs: Needs) -> int:
    """How many that hold so much find room on the cluster at a time."""
    return sum(int(min(fits(node["Resources"], needs), 2**20)) for node in nodes(ray))


def fits(resources: dict[str, float], needs: Needs) -> float:
    """How many find room on one node."""
    wanted = (("CPU", needs.cpus), ("GPU", needs.gpus))
    return min((resources.get(name, 0) // held for name, held in wanted if held), default=2**20)
