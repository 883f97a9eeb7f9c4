"""How a run stands, by its record, what it last said of itself and what its stages left; no database is asked."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from finery.data.artifacts import Artifacts, alive, read_json
from finery.errors import UsageError
from finery.lineage.live import live
from finery.lineage.runs import meant
from finery.stages.summary import FATES

POINTS = 200
"""Points of a loss curve."""


@dataclass(frozen=True)
class StageState:
    """One stage."""

    id: str
    hook: str
    plugin: str
    status: str
    """`waiting`, `running`, `done`, `reused`, `failed` or `stopped` (its run was killed)."""
    done: float = 0
    total: float = 0
    unit: str = "records"
    seconds: float = 0
    """Since it began, or that it took."""
    counts: Mapping[str, int] = field(default_factory=dict)
    """By fate, of a finished stage."""
    reasons: Mapping[str, int] = field(default_factory=dict)
    metrics: Mapping[str, float] = field(default_factory=dict)
    error: str = ""

    @property
    def share(self) -> float:
        """How much of it is done, from 0 to 1."""
        return 1.0 if self.status in ("done", "reused") else min(1.0, self.done / self.total) if self.total else 0.0

    @property
    def rate(self) -> float:
        """How many a second."""
        return self.done / self.seconds if self.seconds > 0 else 0.0

    @property
    def seconds_left(self) -> float | None:
        """As long as it takes at the rate so far; None where nobody can tell."""
        return (self.total - self.done) / self.rate if self.status == "running" and self.total and self.rate else None


@dataclass(frozen=True)
class RunState:
    """A run."""

    run: str
    name: str
    status: str
    """`running`, `done`, `failed`, `interrupted`, or `killed`: its process is gone."""
    seconds: float
    stages: tuple[StageState, ...]
    curve: Mapping[str, list[tuple[int, float]]] = field(default_factory=dict)
    """The loss of the stage that runs, by source: steps and values."""

    @property
    def is_over(self) -> bool:
        """Whether nothing more will come."""
        return self.status != "running"


class Watcher:
    """Reads the state again and again; what finished stages say is read once."""

    def __init__(self, root: Path, name: str) -> None:
        self.root = root
        self.artifacts = Artifacts(root)
        self.run = find(root, name)
        self.finished: dict[str, dict[str, Any]] = {}

    def state(self) -> RunState:
        """How the run stands now. Raises UsageError where its record was taken away."""
        record = read_json(self.root / "runs" / f"{self.run}.json")
        if not record:
            raise UsageError.at(f"run {self.run}", "its record is gone", "see finery runs")
        said = live(self.root)
        told = said["stages"] if said.get("run") == self.run else {}
        status = record["status"]
        if status == "running" and not alive(self.root):
            # It may have ended between the two looks.
            again = (read_json(self.root / "runs" / f"{self.run}.json") or record)["status"]
            status = "killed" if again == "running" else again
        stages = tuple(self.stage(stage, told.get(stage["id"]), status) for stage in record["stages"])
        seconds = record["seconds"] or since(record["started"])
        running = next((s for s in record["stages"] if s["id"] in told and s["artifact"] not in self.finished), None)
        found = curve(self.root / "artifacts" / f"{running['artifact']}.partial") if running else {}
        return RunState(self.run, record["name"], status, seconds, stages, found)

    def stage(self, planned: Mapping[str, Any], told: Mapping[str, Any] | None, run: str) -> StageState:
        """How one stage stands."""
        who = (planned["id"], planned["hook"], planned["plugin"])
        manifest = self.manifest(planned["artifact"])
        if manifest is not None and (told is None or not told.get("error")):
            return StageState(*who, "reused" if planned["reused"] else "done", **left(manifest))
        if told is None:
            return StageState(*who, "waiting" if run == "running" else "stopped")
        known = {name: told[name] for name in ("done", "total", "unit", "reasons", "metrics", "error") if name in told}
        status = "failed" if told.get("error") else "running" if run == "running" else "stopped"
        return StageState(*who, status, seconds=time.time() - told.get("began", time.time()), **known)

    def manifest(self, artifact: str) -> dict[str, Any] | None:
        """What a finished stage left; None where it is not finished."""
        if artifact not in self.finished and (found := self.artifacts.manifest(artifact)):
            self.finished[artifact] = {k: found.get(k) for k in ("sources", "seconds", "metrics")}
        return self.finished.get(artifact)


def find(root: Path, name: str) -> str:
    """The run that a name means, from the records of runs. Raises UsageError."""
    known = sorted((file.stem for file in (root / "runs").glob("*.json")), reverse=True)
    if not known:
        raise UsageError.at("finery watch", "nothing runs here, nor has", "finery run pipeline.toml")
    return meant(name, known)


def since(started: str) -> float:
    """Seconds since a run began."""
    from datetime import UTC, datetime

    return max(0.0, (datetime.now(UTC).replace(tzinfo=None) - datetime.fromisoformat(started)).total_seconds())


def left(manifest: Mapping[str, Any]) -> dict[str, Any]:
    """What a finished stage counted."""
    sources = list((manifest["sources"] or {}).values())
    counts = {fate: sum(source.get(fate, 0) for source in sources) for fate in FATES}
    reasons: dict[str, int] = {}
    for source in sources:
        for reason, count in source.get("reasons", {}).items():
            reasons[reason] = reasons.get(reason, 0) + count
    overall = {name: value for name, value in (manifest["metrics"] or {}).items() if "/" not in name}
    size = {"done": counts["in"], "total": counts["in"], "seconds": manifest["seconds"] or 0}
    return {"counts": counts, "reasons": reasons, "metrics": overall, **size}


def curve(folder: Path) -> dict[str, list[tuple[int, float]]]:
    """The loss of a training that goes on, by source; some of its points where it has many."""
    found: dict[str, list[tuple[int, float]]] = {}
    for step, value, source in losses(folder):
        found.setdefault(source, []).append((step, value))
    return {source: points[:: max(1, len(points) // POINTS)] for source, points in found.items()}


def losses(folder: Path) -> Iterator[tuple[int, float, str]]:
    """Step, loss and source of every line of the last attempt's metrics; a half-written line is passed over."""
    files = sorted(folder.glob("metrics-*.jsonl"))
    if not files:
        return
    for line in files[-1].read_text(encoding="utf-8").splitlines():
        if '"loss"' in line:
            try:
                told = json.loads(line)
            except ValueError:
                continue
            if told["name"] == "loss" and told["step"] is not None:
                yield told["step"], told["value"], told["source"] or "all"
