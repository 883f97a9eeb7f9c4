"""Which model a name means: a stage of a run, a run's last one, a folder, or one on a hub."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from finery.data.artifacts import Artifacts
from finery.errors import UsageError, did_you_mean
from finery.lineage.runs import Run, RunStage, find_run, is_run, run_ids
from finery.lineage.store import reading

HUB_NAME = re.compile(r"[\w.-]+/[\w.-]+")
BASE = "base"


@dataclass(frozen=True)
class Found:
    """A model that was found."""

    name: str
    """What it is called: a stage's id, or what was asked for."""
    place: str
    """The folder, or the name on a hub, that it is loaded from."""
    run: Run | None = None
    stage: RunStage | None = None

    @property
    def title(self) -> str:
        """What a reader is told that it is."""
        return f"{self.name} (run {self.run.id})" if self.run else self.name


def find(root: Path, name: str, stage: str | None = None) -> Found:
    """The model that a name means; with `stage`, the one of that stage in the run of that name.

    A train stage of the last run comes before a folder, a folder before a run, and all before a hub's name. Raises
    UsageError where it means none, or one that is not trained.
    """
    has_lineage = (root / "runs").is_dir()
    if stage is not None or (has_lineage and is_stage(root, name)):
        return of_stage(root, None if stage is None else name, stage or name)
    if is_model(Path(name).expanduser()):
        return Found(name, str(Path(name).expanduser()))
    if has_lineage and is_run_there(root, name):
        return of_stage(root, name, None)
    if Path(name).exists():
        raise UsageError.at(name, "is no model's folder", "it needs a config.json beside the weights")
    if HUB_NAME.fullmatch(name):
        return Found(name, name)
    known = stages(root) if has_lineage else []
    trained = f"trained in the last run: {', '.join(known)}" if known else "no stage has trained one here"
    remedy = f"name a stage, a run, a folder or an owner/name on the hub; {trained}"
    raise UsageError.at(f"model '{name}'", f"there is none of that name{did_you_mean(name, known)}", remedy)


def base_of(root: Path, found: Found) -> Found:
    """The model that another was trained from. Raises UsageError where it is not known, or was none."""
    manifest = Artifacts(root).manifest(found.stage.artifact) if found.stage else None
    if manifest is None or found.run is None:
        raise UsageError.at(f"model '{found.name}'", "it is not known what it was trained from", "name the other model")
    name = manifest["model"]["base"]
    if name is None:
        raise UsageError.at(f"model '{found.name}'", "was trained from nothing", "name another model")
    if any(stage.id == name for stage in found.run.stages):
        return of_stage(root, found.run.id, name)
    beside = root.parent / name
    return Found(name, str(beside) if is_model(beside) else name)


def compared(root: Path, found: Found, name: str) -> Found:
    """The model to compare another with; `base` is what that was trained from, unless a stage is called so."""
    if name == BASE and not ((root / "runs").is_dir() and is_stage(root, name)) and not is_model(Path(name)):
        return base_of(root, found)
    return find(root, name)


def of_stage(root: Path, run: str | None, stage: str | None) -> Found:
    """The model of a stage in a run; of its last one that is trained where none is named. Raises UsageError."""
    with reading(root) as connection:
        found = find_run(connection, run)
    trained = [known for known in found.stages if known.hook == "train" and known.finished]
    if stage is None and not trained:
        raise UsageError.at(f"run {found.id}", "has trained no model", "name another run; see finery runs")
    meant = trained[-1] if stage is None else found.stage(stage)
    if meant not in trained:
        fault = f"stage '{meant.id}' {'is not trained yet' if meant.hook == 'train' else 'trains no model'}"
        names = ", ".join(known.id for known in trained) or "none"
        raise UsageError.at(f"run {found.id}", fault, f"trained stages are {names}")
    return Found(meant.id, str(Artifacts(root).path(meant.artifact) / "out"), found, meant)


def stages(root: Path) -> list[str]:
    """The train stages of the last run."""
    with reading(root) as connection:
        if not run_ids(connection):
            return []
        return [stage.id for stage in find_run(connection).stages if stage.hook == "train"]


def is_stage(root: Path, name: str) -> bool:
    """Whether a name is that of a train stage of the last run."""
    return name in stages(root)


def is_run_there(root: Path, name: str) -> bool:
    """Whether a name is one of a run."""
    with reading(root) as connection:
        return is_run(name, run_ids(connection))


def is_model(folder: Path) -> bool:
    """Whether a folder is one that a model can be loaded from."""
    return (folder / "config.json").is_file()
