"""The observer that keeps the lineage: a JSON file a run, and the database."""

from __future__ import annotations

import platform
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Any

from finery.data.artifacts import write_json
from finery.lineage.ingest import KINDS, ingest_artifact, ingest_run, is_known
from finery.lineage.store import writing
from finery.specs import hookimpl
from finery.types import Stage

if TYPE_CHECKING:
    from finery.data.artifacts import Artifacts
    from finery.lock.holding import Held
    from finery.plan import Plan, Step

LIBRARIES = ("finery", "pyarrow", "duckdb", "numpy", "torch", "transformers")


PAUSE_SECONDS = 5.0
"""Opening the database costs 40 ms: stages that end sooner after the last entry are entered together."""


class Recorder:
    """Writes down what a run does; the database is brought up to date as stages end, and when the run does."""

    def __init__(
        self, root: Path, run: str, plan: Plan, lock: Held | None = None, forecasts: Mapping[str, Any] | None = None
    ) -> None:
        self.root = root
        self.artifacts: Artifacts = plan.artifacts
        self.entered = time.monotonic()
        self.record: dict[str, Any] = {
            "run": run,
            "name": plan.pipeline.name,
            "file": plan.pipeline.file.name,
            "status": "running",
            "started": datetime.now(UTC).replace(tzinfo=None).isoformat(),
            "seconds": 0.0,
            "pipeline": plan.pipeline.raw,
            "versions": versions(),
            "lock": lock.told() if lock else None,
            # What was forecast before the first stage began: see `finery.forecast.history`.
            "forecasts": forecasts,
            "stages": [planned(step) for step in plan.steps],
        }

    @hookimpl
    def run_started(self, run: str) -> None:
        """Note the plan."""
        (self.root / "runs").mkdir(parents=True, exist_ok=True)
        self.write()

    @hookimpl
    def stage_finished(self, stage: Stage, summary: Mapping[str, Any]) -> None:
        """Put the artifact in."""
        for known in self.record["stages"]:
            if known["id"] == stage.id:
                known["done"] = True
        if not summary["reused"] and time.monotonic() - self.entered > PAUSE_SECONDS:
            self.enter()

    @hookimpl
    def run_finished(self, run: str, status: str, seconds: float) -> None:
        """Note how it ended. Artifacts that a killed run finished but could not enter are entered now."""
        self.record |= {"status": status, "seconds": seconds}
        self.enter()

    def enter(self) -> None:
        """Bring the database up to date, with what a killed run finished but could not enter."""
        self.write()
        with writing(self.root) as connection:
            ingest_run(connection, self.record)
            for stage in self.record["stages"]:
                # In this order: a manifest of many shards is large, and is read once.
                if is_known(connection, stage["artifact"]):
                    continue
                if manifest := self.artifacts.manifest(stage["artifact"]):
                    self.artifacts.fetch(stage["artifact"], KINDS)
                    ingest_artifact(connection, self.artifacts.path(stage["artifact"]), manifest)
        self.entered = time.monotonic()

    def write(self) -> None:
        """Bring the run's file up to date."""
        file = self.root / "runs" / f"{self.record['run']}.json"
        write_json(file, jsonable(self.record))
        if self.artifacts.store:
            self.artifacts.store.put(file, f"runs/{file.name}")


def planned(step: Step) -> dict[str, Any]:
    """What a run's record says of a stage."""
    stage = step.stage
    return {
        **{"id": stage.id, "hook": stage.hook, "plugin": stage.plugin, "package": step.entry.label},
        **{"artifact": step.fingerprint, "reused": step.reused, "why": step.why, "done": step.reused},
        "parts": step.parts,
    }


def versions() -> dict[str, str]:
    """The versions of Python and of the libraries that shape a result."""
    found = {"python": platform.python_version()}
    for name in LIBRARIES:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return found


def jsonable(value: Any) -> Any:
    """Plain values: dates of a pipeline file as text."""
    if isinstance(value, Mapping):
        return {str(key): jsonable(part) for key, part in value.items()}
    if isinstance(value, list | tuple):
        return [jsonable(part) for part in value]
    return value if value is None or isinstance(value, bool | int | float | str) else str(value)
