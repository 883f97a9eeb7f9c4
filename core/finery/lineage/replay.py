"""Tells an observer of a finished run what it would have heard: from the lineage, stage by stage."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from finery.data.artifacts import Artifacts
from finery.kernel import relay
from finery.lineage.runs import Run, RunStage, rows
from finery.types import Stage

if TYPE_CHECKING:
    import duckdb

HEAD = "select pipeline, started, seconds from runs where run = ?"
METRICS = "select name, value, step, source from metrics where artifact = ? order by step nulls last, name, source"


def replay(connection: duckdb.DuckDBPyConnection, root: Path, run: Run, observers: Sequence[Any]) -> None:
    """Every event of a run, in its order; stages that were not finished are left out."""
    hear, artifacts = relay(observers), Artifacts(root)
    head = rows(connection, HEAD, [run.id])[0]
    hear.run_started(run=run.id, pipeline=json.loads(head["pipeline"]))
    for known in run.stages:
        manifest = artifacts.manifest(known.artifact) if known.finished else None
        if manifest is None:
            continue
        stage = staged(known, manifest)
        hear.stage_started(stage=stage, total=sum(c["in"] for c in manifest["sources"].values()))
        for row in rows(connection, METRICS, [known.artifact]):
            hear.metric(stage=stage, **row)
        hear.stage_finished(stage=stage, summary={**manifest, "reused": known.reused})
    hear.run_finished(run=run.id, status=run.status, seconds=head["seconds"])


def staged(known: RunStage, manifest: dict[str, Any]) -> Stage:
    """A stage as observers know it."""
    return Stage(known.id, known.hook, known.plugin, int(manifest["parts"].get("seed") or 0), known.sources or None)


def times(connection: duckdb.DuckDBPyConnection, root: Path, run: Run) -> Iterator[tuple[str | None, str, str]]:
    """When the run and each finished stage of it began and ended: `stage, began, ended`, None for the run itself.

    A stage ended when its artifact was written; one that was reused began and ended with the run.
    """
    head = rows(connection, HEAD, [run.id])[0]
    began = head["started"].replace(tzinfo=UTC)
    ended = began + timedelta(seconds=head["seconds"])
    yield None, began.isoformat(), ended.isoformat()
    for known in run.stages:
        place = Artifacts(root).path(known.artifact) / "manifest.json"
        if not known.finished or not place.exists():
            continue
        written = datetime.fromtimestamp(place.stat().st_mtime, UTC)
        seconds = json.loads(place.read_bytes())["seconds"] or 0
        late = began if known.reused else min(max(written, began), ended)
        early = began if known.reused else max(began, late - timedelta(seconds=seconds))
        yield known.id, early.isoformat(), late.isoformat()
