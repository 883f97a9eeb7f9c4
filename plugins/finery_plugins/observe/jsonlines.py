"""`jsonlines`: what a run tells its observers, as JSON lines in a file, for log collectors."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from finery import Stage, hookimpl, plugin


@plugin
class JsonLines:
    """Write every event of a run as a JSON line.

    Example: `[[observer]]`, `use = "jsonlines"`, `options = { path = "run.jsonl" }`.
    """

    path: str
    """The file to append to."""

    @hookimpl
    def run_started(self, run: str, pipeline: Mapping[str, Any]) -> None:
        """The run and its pipeline's name."""
        self.write("run_started", run=run, name=pipeline.get("name"))

    @hookimpl
    def stage_started(self, stage: Stage, total: int) -> None:
        """A stage and how many records stand before it."""
        self.write("stage_started", stage=stage.id, hook=stage.hook, plugin=stage.plugin, total=total)

    @hookimpl
    def stage_finished(self, stage: Stage, summary: Mapping[str, Any]) -> None:
        """A stage's counts by source."""
        told = {key: summary.get(key) for key in ("fingerprint", "sources", "seconds", "metrics", "reused")}
        self.write("stage_finished", stage=stage.id, **told)

    @hookimpl
    def stage_failed(self, stage: Stage, error: BaseException) -> None:
        """A stage's error."""
        self.write("stage_failed", stage=stage.id, error=f"{type(error).__name__}: {error}")

    @hookimpl
    def metric(self, stage: Stage, name: str, value: float, step: int | None, source: str | None) -> None:
        """One number."""
        self.write("metric", stage=stage.id, name=name, value=value, step=step, source=source)

    @hookimpl
    def run_finished(self, run: str, status: str, seconds: float) -> None:
        """How it ended."""
        self.write("run_finished", run=run, status=status, seconds=seconds)

    def write(self, event: str, **told: Any) -> None:
        """Append one line, whole even beside other writers: one write call."""
        line = json.dumps({"time": time.time(), "event": event, **told}, default=str)
        with Path(self.path).open("a", encoding="utf-8") as file:
            file.write(line + "\n")
