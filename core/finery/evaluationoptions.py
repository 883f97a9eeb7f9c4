"""Options that name an evaluation: an earlier stage's of the pipeline, one of the work folder, or one in a path."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from finery.data.artifacts import read_json
from finery.errors import PipelineError, did_you_mean


def evaluation_place(name: str, stages: Mapping[str, str], root: Path, folder: Path, place: str) -> Path:
    """Where an evaluation's items lie, or will when its stage is done.

    `stages` has the fingerprint of each evaluate stage so far. Raises PipelineError where a name leads nowhere.
    """
    if name in stages:
        return root / "artifacts" / stages[name]
    path = (folder / Path(name).expanduser()).resolve()
    if path.exists():
        return path
    run, _, stage = name.partition("/")
    record = read_json(root / "runs" / f"{run}.json") or {}
    kept: dict[str, str] = {s["id"]: s["artifact"] for s in record.get("stages", ()) if s["hook"] == "evaluate"}
    if stage in kept:
        return root / "artifacts" / kept[stage]
    if kept and not stage:
        return root / "artifacts" / list(kept.values())[-1]
    near = did_you_mean(name, [*stages, *kept])
    remedy = "name an earlier evaluate stage, a run (run/stage) of this work folder, a folder or a file"
    raise PipelineError.at(place, f"there is no evaluation '{name}'{near}", remedy)
