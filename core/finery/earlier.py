"""Indexes of earlier dedupes: found by folder, run or fingerprint, and held against the stage that names them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from finery.config import StageConfig
from finery.data.artifacts import Artifacts, read_json
from finery.errors import FineryError, PipelineError, did_you_mean
from finery.explain import option_changes
from finery.tables import StageWords

INDEX = "index.json"
"""What an index says of itself; it lies in the artifact of the stage that kept it."""

KEEP = "give that stage keep_index = true and run it again"


@dataclass(frozen=True)
class Earlier:
    """An index that a stage names."""

    name: str
    folder: Path
    told: Mapping[str, Any]
    """Who made it (`plugin`, `package`, `options`, `api`, `digest`), `content`, and its `shards`."""


def names(words: StageWords) -> tuple[str, ...]:
    """The names under `earlier`, one or several."""
    return (words.earlier,) if isinstance(words.earlier, str) else words.earlier or ()


def placed(words: StageWords, folder: Path) -> StageWords:
    """The words with the folders under `earlier` made absolute, from the pipeline's folder."""
    paths = [(name, (folder / Path(name).expanduser()).resolve()) for name in names(words)]
    earlier = tuple(str(path) if path.is_dir() else name for name, path in paths)
    return words.model_copy(update={"earlier": earlier}) if earlier else words


def indexes(config: StageConfig, artifacts: Artifacts) -> list[Earlier]:
    """The indexes that a stage names, in its order. Raises PipelineError for one that is not there."""
    return [found(config, name, artifacts) for name in names(config.words)]


def found(config: StageConfig, name: str, artifacts: Artifacts) -> Earlier:
    """The index of a name: a folder, else a run (and stage) or a fingerprint in the work folder."""
    path = Path(name)
    if path.is_absolute() and path.is_dir():
        places = in_work_folder(path, config) if (path / "runs").is_dir() else iter([path])
    else:
        places = in_own_work_folder(artifacts.root, name, config)
    kept = [place for place in places if place.is_dir() or is_stored(artifacts, place)]
    for place in kept:
        if told := artifacts.json(place.name, INDEX) if is_own(artifacts, place) else read_json(place / INDEX):
            return Earlier(name, place, told)
    if kept:
        raise fault(config, f"'{name}' keeps no index", KEEP)
    known = [file.stem for file in (artifacts.root / "runs").glob("*.json")]
    remedy = "name a work folder, an artifact's folder, a run of this work folder, or run/stage"
    raise fault(config, f"there is no earlier dedupe '{name}'{did_you_mean(name, known)}", remedy)


def brought(artifacts: Artifacts, earlier: Earlier) -> Path:
    """The folder of an index with all of its files: what only the store has is fetched."""
    if is_own(artifacts, earlier.folder):
        artifacts.fetch(earlier.folder.name, ["index-*"])
    return earlier.folder


def is_own(artifacts: Artifacts, place: Path) -> bool:
    """Whether a folder is, or would be, an artifact of this work folder."""
    return place.parent == artifacts.root / "artifacts"


def is_stored(artifacts: Artifacts, place: Path) -> bool:
    """Whether an artifact that is not here is in the store; then its manifest is here from now on."""
    return is_own(artifacts, place) and artifacts.manifest(place.name) is not None


def in_work_folder(root: Path, config: StageConfig) -> Iterator[Path]:
    """The artifacts of the like stages of all runs, the newest first."""
    for file in sorted((root / "runs").glob("*.json"), reverse=True):
        yield from artifacts_of(root, read_json(file), config, None)


def in_own_work_folder(root: Path, name: str, config: StageConfig) -> Iterator[Path]:
    """The artifact of that fingerprint, or those that a run named `run` or `run/stage` left."""
    run, _, stage = name.partition("/")
    yield from artifacts_of(root, read_json(root / "runs" / f"{run}.json"), config, stage or None)
    yield root / "artifacts" / name


def artifacts_of(root: Path, record: Any, config: StageConfig, stage: str | None) -> Iterator[Path]:
    """The artifacts of a run's dedupe stages: the named one, else those of this id first and then of this plugin."""
    dedupes = [known for known in (record or {}).get("stages", ()) if known["hook"] == "dedupe"]
    wanted = stage or config.id
    ordered = sorted(dedupes, key=lambda known: known["id"] != wanted)
    for known in ordered:
        if known["id"] == wanted or (stage is None and known["plugin"] == config.entry.name):
            yield root / "artifacts" / known["artifact"]


def marks(found: Sequence[Earlier], config: StageConfig, parts: Mapping[str, Any]) -> list[str]:
    """What the indexes are called by content.

    Raises PipelineError for one that was made by another plugin, with other options or for another API.
    """
    for earlier in found:
        check(earlier, config, parts)
    return [earlier.told["content"] for earlier in found]


def check(earlier: Earlier, config: StageConfig, parts: Mapping[str, Any]) -> None:
    """Raise PipelineError where keys of an index cannot be compared with those of the stage."""
    told = earlier.told
    differ = [f"option {change}" for change in options_differ(told, parts)]
    differ += [f"plugin API {told['api']} -> {parts['api']}"] if told["api"] != parts["api"] else []
    if told["plugin"] == parts["plugin"] and not differ:
        return
    made = f"the index '{earlier.name}' was made by {told['plugin']} ({told['package']})"
    here = f"this stage is {parts['plugin']} ({parts['package']})"
    remedy = "keep an index with this stage's plugin and options"
    raise fault(config, f"{made}, {here}{': ' if differ else ''}{'; '.join(differ)}", remedy)


def options_differ(told: Mapping[str, Any], parts: Mapping[str, Any]) -> list[str]:
    """The options that changed; those of another plugin are beside the point."""
    if told["plugin"] != parts["plugin"]:
        return []
    return [change.removeprefix("option ") for change in option_changes(parts["options"], told["options"])]


def fault(config: StageConfig, what: str, remedy: str) -> FineryError:
    """The error of a stage's word `earlier`."""
    return PipelineError.at(config.place, f"stage '{config.id}': {what}", remedy)
