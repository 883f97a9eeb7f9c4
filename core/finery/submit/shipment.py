"""What goes along with a submitted pipeline: its folder's share of files, and the plugins that the cluster lacks.

What lies in the pipeline's folder and is named by the pipeline is shipped; any other path is the cluster's own.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterable, Iterator, Mapping
from glob import glob
from pathlib import Path
from typing import Any

from finery.config import Pipeline, StageConfig
from finery.data.source import SourceConfig
from finery.errors import Fault, UsageError
from finery.executors.beside import python_beside
from finery.fileoptions import mapped, marked
from finery.lock.document import NAME
from finery.types import EvaluationMark, FileMark, ModelMark

MOST_BYTES = 200 * 2**20
"""What may go along: Ray keeps it in the memory of the head and on the disk of every node, and takes 500 MB at most."""

Named = tuple[str, str]
"""Who names a path, and the path as it stands in the file."""


def shipment(pipeline: Pipeline) -> dict[str, Path]:
    """The files of a pipeline's folder that go along, by their name in it.

    Raises UsageError, with a line a fault, for paths that lead out of the folder and for more than `MOST_BYTES`.
    """
    folder = pipeline.folder
    named = list(paths(pipeline))
    if faults := [outside(who, path) for who, path in named if leaves(path)]:
        raise UsageError(*faults)
    lock = folder / NAME
    files = [pipeline.file, *python_beside(folder), *([lock] if lock.is_file() else ())]
    files += [file for _, path in named for file in found(path, folder)]
    shipped = {file.relative_to(folder).as_posix(): file for file in files}
    if faults := list(too_large(shipped, folder)):
        raise UsageError(*faults)
    return shipped


def paths(pipeline: Pipeline) -> Iterator[Named]:
    """Every path that may be meant from the pipeline's folder, as the file has it."""
    for source in pipeline.sources:
        yield from ((f"source '{source.name}'", path) for path in source_paths(source))
    for stage, table in zip(pipeline.stages, pipeline.raw.get("stage", ()), strict=False):
        yield from ((f"stage '{stage.id}'", path) for path in stage_paths(stage, table))
    for (entry, plugin), table in zip(pipeline.observers, pipeline.raw.get("observer", ()), strict=True):
        options = option_paths(type(plugin), table.get("options", {}))
        yield from ((f"observer '{entry.name}'", path) for path in options)


def source_paths(source: SourceConfig) -> Iterator[str]:
    """The paths of a source. A query's are inside its SQL: nobody can tell, so they are the cluster's."""
    yield from source.patterns
    if source.dataset:
        yield source.dataset


def stage_paths(stage: StageConfig, table: Mapping[str, Any]) -> Iterator[str]:
    """The files, folders, models and indexes that a stage names."""
    if stage.words.model:
        yield stage.words.model
    earlier = table.get("earlier", ())
    yield from (earlier,) if isinstance(earlier, str) else earlier
    yield from option_paths(type(stage.plugin), stage.options)


def option_paths(cls: type, options: Mapping[str, Any]) -> Iterator[str]:
    """The texts under options that are typed as files, models or evaluations."""
    known = {name for mark in (FileMark, ModelMark, EvaluationMark) for name in marked(cls, mark)}
    texts: list[str] = []
    for name in sorted(known & options.keys()):
        mapped(options[name], texts.append)
    yield from texts


def is_ours(path: str) -> bool:
    """Whether a path starts at the pipeline's folder: no URL, and neither absolute nor at home."""
    return "://" not in path and not path.startswith("~") and not Path(path).is_absolute()


def leaves(path: str) -> bool:
    """Whether a path that starts at the pipeline's folder leads out of it."""
    return is_ours(path) and ".." in Path(path).parts


def outside(who: str, path: str) -> Fault:
    """The fault of such a path."""
    remedy = "put it into the folder, or name a place that the cluster reads: an absolute path, s3://..."
    return Fault(who, f"'{path}' leads out of the pipeline's folder, which is what goes along", remedy)


def found(path: str, folder: Path) -> Iterator[Path]:
    """The files below the folder that a path or glob leads to; none where it is a hub's name, or a stage's."""
    if not is_ours(path):
        return
    place = folder / path
    matches = [place] if place.exists() else [folder / one for one in glob(path, root_dir=folder, recursive=True)]  # noqa: PTH207
    for match in sorted(matches):
        files = sorted(match.rglob("*")) if match.is_dir() else [match]
        yield from (file for file in files if file.is_file() and ".finery" not in file.relative_to(folder).parts)


def too_large(files: Mapping[str, Path], folder: Path) -> Iterator[Fault]:
    """The fault of more than may go along, with the largest of it."""
    sizes = {name: file.stat().st_size for name, file in files.items()}
    if sum(sizes.values()) > MOST_BYTES:
        most = sorted(sizes, key=lambda name: -sizes[name])[:3]
        largest = ", ".join(f"{name} {sizes[name] / 1e6:,.0f} MB" for name in most)
        fault = f"{sum(sizes.values()) / 1e6:,.0f} MB would go along, {MOST_BYTES / 1e6:,.0f} MB may ({largest})"
        remedy = "put the data where the cluster reads it, on s3:// or a shared folder, and name that in the pipeline"
        yield Fault(str(folder), fault, remedy)


def pack(files: Iterable[Mapping[str, Path]], to: Path) -> None:
    """Copy files into one folder, by their names. Raises UsageError where two of a name differ."""
    known: dict[str, Path] = {}
    faults: list[Fault] = []
    for one in files:
        for name, file in one.items():
            if name in known and known[name].read_bytes() != file.read_bytes():
                fault = f"is in the pipeline's folder and in a plugin that goes along ({file})"
                faults.append(Fault(name, fault, "rename the one in the folder, or install the plugin on the cluster"))
            known[name] = file
    if faults:
        raise UsageError(*faults)
    for name, file in known.items():
        (to / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(file, to / name)
