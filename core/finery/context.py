"""What a run has at hand while it goes through a plan."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from finery.data.artifacts import Artifacts
from finery.data.dataset import ShardedDataset
from finery.executors.tasks import Executor
from finery.plan import Step, mark_after
from finery.tables import RunTable
from finery.types import Model


@dataclass
class Context:
    """The work folder, the workers, the observers; and what the stages so far have made."""

    artifacts: Artifacts
    executor: Executor
    observers: tuple[Any, ...]
    hear: Any
    """Tells all observers: `context.hear.stage_started(...)`."""
    settings: RunTable
    dataset: ShardedDataset
    models: dict[str, Model] = field(default_factory=dict)
    done: list[Step] = field(default_factory=list)
    """The stages that are finished, in order."""

    @property
    def memory_bytes(self) -> int:
        """What a global stage may hold in memory."""
        return int(self.settings.memory_gb * 2**30)

    def counts(self, sources: Sequence[str]) -> dict[str, int]:
        """How many records each source has now."""
        return {name: sum(s.records for s in self.dataset.shards[name]) for name in sources}

    def started(self, step: Step) -> None:
        """Tell that a stage begins."""
        names = [name for name in step.touched if name in self.dataset.shards]
        self.hear.stage_started(stage=step.stage, total=sum(self.counts(names).values()))

    def commit(self, step: Step, manifest: dict[str, Any]) -> None:
        """Finish a stage's artifact and tell."""
        self.artifacts.commit(step.fingerprint, {**described(step), **manifest})
        self.finished(step, reused=False)

    def finished(self, step: Step, reused: bool) -> None:
        """Tell that a stage is done."""
        self.done.append(step)
        manifest = self.artifacts.manifest(step.fingerprint) or {}
        self.hear.stage_finished(stage=step.stage, summary={**manifest, "reused": reused})


def described(step: Step) -> dict[str, Any]:
    """What an artifact's manifest says of the stage that made it."""
    stage = step.stage
    return {
        "fingerprint": step.fingerprint,
        "stage": {"id": stage.id, "hook": stage.hook, "plugin": stage.plugin, "package": step.entry.label},
        "parts": step.parts,
        "after": {} if stage.hook in ("train", "evaluate") else {n: mark_after(step, n) for n in step.touched},
    }
