"""What a worker of a cluster does with a task; an actor keeps plugins meanwhile, and with them what they loaded."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from finery.executors.tasks import Answer, Task


def perform(task: Task) -> Answer:
    """A task, done."""
    return task.run()


class Warm:
    """A worker that stays: a plugin that is asked again is the one that was asked before, its model in memory."""

    def __init__(self) -> None:
        self.plugins: dict[str, object] = {}

    def run(self, task: Task) -> Answer:
        """A task, done by plugins that were here before, where they were."""
        return perform(relinked(task, self.kept))

    def kept(self, link: Any) -> Any:
        """A link with the plugin that served this stage first."""
        return replace(link, plugin=self.plugins.setdefault(link.fingerprint, link.plugin))


def relinked(task: Any, change: Callable[[Any], Any]) -> Any:
    """A task with its links changed; one without links as it is."""
    if hasattr(task, "links"):
        return replace(task, links=tuple(map(change, task.links)))
    return replace(task, link=change(task.link)) if hasattr(task, "link") else task
