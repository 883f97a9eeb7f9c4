"""What a worker of a cluster does with a task; an actor keeps plugins meanwhile, and with them what they loaded."""

from __future__ import annotations

import hashlib
import shutil
import tempfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from finery.executors.carried import brought, sent
from finery.executors.tasks import Answer, Task


def perform(task: Task) -> tuple[Answer, str]:
    """A task's answer, and the node that it was done on; with a store, in this node's own copy of the work folder."""
    import ray

    node = ray.get_runtime_context().get_node_id()
    return at_home(task, node).run(), node


class Warm:
    """A worker that stays: a plugin that is asked again is the one that was asked before, its model in memory."""

    def __init__(self) -> None:
        self.plugins: dict[str, object] = {}

    def run(self, task: Task) -> tuple[Answer, str]:
        """As `perform`, by plugins that were here before, where they were."""
        return perform(replugged(task, lambda fingerprint, plugin: self.plugins.setdefault(fingerprint, plugin)))


def replugged(task: Any, change: Callable[[str, Any], Any]) -> Any:
    """A task with its plugins changed, each by its stage's fingerprint; one without plugins as it is."""

    def linked(link: Any) -> Any:
        return replace(link, plugin=change(link.fingerprint, link.plugin))

    if hasattr(task, "links"):
        return replace(task, links=tuple(map(linked, task.links)))
    if hasattr(task, "link"):
        return replace(task, link=linked(task.link))
    if hasattr(task, "step"):
        step = task.step
        config = replace(step.configured, plugin=change(step.fingerprint, step.configured.plugin))
        return replace(task, step=replace(step, config=config))
    return task


def leaving(task: Any) -> Any:
    """A task as it goes to another machine: with a store, what its plugins' options name is there before it."""
    artifacts = getattr(task, "artifacts", None)
    if artifacts is None or artifacts.store is None:
        return task
    return replugged(task, lambda _, plugin: sent(plugin, artifacts))


def at_home(task: Any, node: str) -> Any:
    """A task with this node's folder in place of the driver's, its plugins' files too; as it is without a store."""
    artifacts = getattr(task, "artifacts", None)
    if artifacts is None or artifacts.store is None:
        return task
    own = replace(artifacts, root=copy_on(node, artifacts.store.url))
    return replace(replugged(task, lambda _, plugin: brought(plugin, own)), artifacts=own)


def copy_on(node: str, url: str) -> Path:
    """Where a node keeps a run's copy of a store.

    Named by the node too, for several may stand on one machine; and by the run, because what an earlier one left here
    may be gone from the store since.
    """
    import ray

    named = f"{url} {node} {ray.get_runtime_context().get_job_id()}"
    return Path(tempfile.gettempdir()) / f"finery-{hashlib.sha256(named.encode()).hexdigest()[:16]}"


def forget(url: str) -> None:
    """Take this node's copy of a store away."""
    import ray

    shutil.rmtree(copy_on(ray.get_runtime_context().get_node_id(), url), ignore_errors=True)
