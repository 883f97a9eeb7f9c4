"""How far a run is, in a small file beside the lineage: whoever watches asks neither the run nor its database."""

from __future__ import annotations

import os
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from finery.data.artifacts import read_json
from finery.specs import hookimpl
from finery.types import Stage

PAUSE_SECONDS = 0.5
"""Between two writes at least."""


def live_file(root: Path) -> Path:
    """Where it lies while a run goes on."""
    return root / "live.json"


class Live:
    """The observer that writes it, at most twice a second; a full disk is for others to complain of."""

    def __init__(self, root: Path, run: str) -> None:
        self.place = live_file(root)
        self.told: dict[str, Any] = {"run": run, "process": os.getpid(), "stages": {}}
        self.written = 0.0

    @hookimpl
    def stage_started(self, stage: Stage, total: int) -> None:
        """The stage has begun."""
        self.told["stages"][stage.id] = {"began": time.time(), "done": 0, "total": total, "unit": "records"}
        self.write()

    @hookimpl
    def stage_progress(
        self, stage: Stage, done: float, total: float, unit: str, reasons: Mapping[str, int] | None
    ) -> None:
        """How far the stage is, and why records left."""
        known = self.told["stages"].setdefault(stage.id, {"began": time.time()})
        known |= {"done": done, "total": total, "unit": unit, "reasons": dict(reasons or {})}
        if time.monotonic() - self.written > PAUSE_SECONDS:
            self.write()

    @hookimpl
    def metric(self, stage: Stage, name: str, value: float, step: int | None, source: str | None) -> None:
        """The last value of each number over all sources."""
        if source is None and stage.id in self.told["stages"]:
            self.told["stages"][stage.id].setdefault("metrics", {})[name] = value

    @hookimpl
    def stage_failed(self, stage: Stage, error: BaseException) -> None:
        """What stopped the stage."""
        self.told["stages"].setdefault(stage.id, {})["error"] = f"{type(error).__name__}: {error}"
        self.write()

    @hookimpl
    def run_finished(self) -> None:
        """Take it away: the run's record and the lineage say how it ended."""
        self.place.unlink(missing_ok=True)

    def write(self) -> None:
        """Put a new file in place of the old one, without waiting for the disk."""
        import orjson

        beside = self.place.with_suffix(".tmp")
        self.told["written"] = time.time()
        try:
            beside.write_bytes(orjson.dumps(self.told, default=str))
            beside.replace(self.place)
        except OSError:
            return
        self.written = time.monotonic()


def live(root: Path) -> dict[str, Any]:
    """What the run that goes on last said of itself; nothing where none does."""
    found = read_json(live_file(root))
    return found if isinstance(found, dict) else {}
