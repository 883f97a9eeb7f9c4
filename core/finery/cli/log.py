"""The observer that writes a run's progress as JSON lines on standard error, for log collectors and CI."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Mapping
from typing import Any

from finery.cli.render import plain
from finery.specs import hookimpl
from finery.types import Stage

PAUSE_SECONDS = 5.0
"""Between two lines on the progress of a stage."""


class JsonLog:
    """One object a line: `time` (seconds since 1970), `event`, and what belongs to it. Metrics stay in the lineage."""

    def __init__(self) -> None:
        self.told: dict[str, float] = {}
        self.began: dict[str, float] = {}

    @hookimpl
    def run_started(self, run: str, pipeline: Mapping[str, Any]) -> None:
        """The run and its pipeline."""
        self.write("run_started", run=run, pipeline=pipeline.get("name"))

    @hookimpl
    def stage_started(self, stage: Stage, total: int) -> None:
        """A stage, and how many records stand before it."""
        self.began[stage.id] = self.told[stage.id] = time.monotonic()
        self.write("stage_started", stage=stage.id, hook=stage.hook, plugin=stage.plugin, records=total)

    @hookimpl
    def stage_progress(
        self, stage: Stage, done: float, total: float, unit: str, reasons: Mapping[str, int] | None
    ) -> None:
        """How far, how fast, for how long still, and why records leave."""
        now = time.monotonic()
        if now - self.told.get(stage.id, now) < PAUSE_SECONDS:
            return
        self.told[stage.id] = now
        rate = done / max(now - self.began.get(stage.id, now), 1e-6)
        left = (total - done) / rate if rate else None
        more = {"rate": rate, "seconds_left": left, "reasons": dict(reasons or {})}
        self.write("stage_progress", stage=stage.id, done=done, total=total, unit=unit, **more)

    @hookimpl
    def stage_finished(self, stage: Stage, summary: Mapping[str, Any]) -> None:
        """Counts by source, seconds, metrics and notes."""
        told = {key: summary.get(key) for key in ("fingerprint", "reused", "seconds", "sources", "metrics", "notes")}
        self.write("stage_finished", stage=stage.id, **{k: v for k, v in told.items() if v is not None})

    @hookimpl
    def stage_failed(self, stage: Stage, error: BaseException) -> None:
        """What stopped it."""
        self.write("stage_failed", stage=stage.id, error=f"{type(error).__name__}: {error}")

    @hookimpl
    def run_finished(self, run: str, status: str, seconds: float) -> None:
        """How the run ended."""
        self.write("run_finished", run=run, status=status, seconds=seconds)

    def write(self, event: str, **told: Any) -> None:
        """One line, in one piece."""
        sys.stderr.write(json.dumps({"time": time.time(), "event": event, **plain(told)}, allow_nan=False) + "\n")
        sys.stderr.flush()
