"""Pipeline to plan: what each stage is called by content, whether that is there already, and if not, why not.

A fingerprint is over the plugin's code, its options, its seed and the fingerprints of the records it sees, source by
source; never over paths or times. So a stage that sees only one source does not care what happens to another.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import xxhash

from finery import __version__
from finery.catalog import Entry
from finery.config import Pipeline, StageConfig, as_options
from finery.data.artifacts import FORMAT, Artifacts, read_json
from finery.data.identity import stage_seed
from finery.data.source import SourceConfig
from finery.data.store import store_at
from finery.data.units import content
from finery.digest import plugin_digest
from finery.earlier import indexes, marks
from finery.errors import PipelineError
from finery.evaluationoptions import evaluation_place
from finery.explain import reason
from finery.fileoptions import contents, path_digest
from finery.modeloptions import BASE, put
from finery.plugins import hooks, manifest
from finery.runningoptions import lasting
from finery.types import EvaluationMark, Stage

READ = "read"


@dataclass(frozen=True)
class Step:
    """One stage of a plan. Reading a source is a stage too, named `read-<source>`."""

    stage: Stage
    fingerprint: str
    parts: Mapping[str, Any]
    """What the fingerprint is over."""
    reused: bool
    why: str
    """Why it runs; nothing where it is reused."""
    config: StageConfig | None = None
    source: SourceConfig | None = None
    model: str | None = None
    """The stage id, folder or hub name of the model that a train or evaluate stage starts from."""

    @property
    def entry(self) -> Entry:
        """Who does it."""
        return self.config.entry if self.config else Entry(READ, READ, "finery.data.read", "finery", __version__)

    @property
    def configured(self) -> StageConfig:
        """The stage as the file has it. Raises LookupError for reading, which no stage of the file asks for."""
        if self.config is None:
            raise LookupError(self.stage.id)
        return self.config

    @property
    def touched(self) -> tuple[str, ...]:
        """The sources that it sees."""
        return tuple(self.parts["inputs"])


@dataclass(frozen=True)
class Plan:
    """All stages in order."""

    pipeline: Pipeline
    steps: tuple[Step, ...]
    artifacts: Artifacts


class Planner:
    """Walks through a pipeline, keeping what each source's records are called by now."""

    def __init__(self, pipeline: Pipeline, root: Path) -> None:
        self.pipeline = pipeline
        self.artifacts = Artifacts(root, store_at(pipeline.run.store, pipeline.folder))
        self.before = last_parts(root, pipeline.name)
        self.marks: dict[str, str] = {}
        self.behind: dict[str, Step] = {}
        self.models: dict[str, str] = {}
        self.bases: dict[str, str | None] = {}
        self.evaluations: dict[str, str] = {}
        self.known = known_inputs(root)

    def steps(self) -> Iterator[Step]:
        """Every step in order."""
        for source in self.pipeline.sources:
            yield self.read_step(source)
        for config in self.pipeline.stages:
            yield self.stage_step(config)

    def read_step(self, source: SourceConfig) -> Step:
        """Reading one source."""
        found = content(source, self.pipeline.folder, self.known)
        options = {
            "kind": source.kind,
            "shape": source.shape,
            "columns": dict(source.columns),
            "split": source.split,
        }
        parts = {"hook": READ, "plugin": READ, "content": found, "options": options, "format": FORMAT}
        stage = Stage(f"{READ}-{source.name}", READ, READ, 0, (source.name,))
        step = self.step(stage, {**parts, "inputs": {source.name: source.name}}, source=source)
        self.advance(step)
        return step

    def stage_step(self, config: StageConfig) -> Step:
        """One stage of the file."""
        only = config.words.only
        seed = stage_seed(self.pipeline.seed, config.id)
        stage = Stage(config.id, config.hook, config.entry.name, seed, only)
        inputs = {name: mark for name, mark in self.marks.items() if only is None or name in only}
        model = self.model_of(config)
        parts = {
            "hook": config.hook,
            "plugin": config.entry.target,
            "package": config.entry.label,
            "digest": plugin_digest(config.entry),
            "options": self.options(config),
            "seed": seed,
            "prefer": config.words.prefer,
            "model": self.model_content(model) if model else None,
            # Sums of floats depend on the number of threads.
            "threads": config.threads if config.hook in ("train", "evaluate") else None,
            "inputs": inputs,
            # Such a plugin reads the sources one after the other.
            "order": list(inputs) if config.hook in ("train", "evaluate") else None,
            "api": manifest(type(config.plugin)).api,
            "format": FORMAT,
        }
        if config.words.keep_index:
            parts["index"] = True
        if config.words.earlier:
            found = indexes(config, self.artifacts)
            parts["earlier"] = marks(found, config, parts)
        placed = replace(config, plugin=self.placed(config))
        step = self.step(stage, parts, config=placed, model=model)
        self.advance(step)
        return step

    def options(self, config: StageConfig) -> dict[str, Any]:
        """A stage's options as they count: with what files and models hold in place of their names."""
        cls = type(config.plugin)
        found = contents(cls, lasting(cls, as_options(config.plugin)), config.place, self.known)
        models = put(cls, found, lambda name: self.model_content(self.based(name, config)))
        evaluations = put(cls, found, lambda name: self.evaluation_content(name, config), EvaluationMark)
        return {**found, **models, **evaluations}

    def placed(self, config: StageConfig) -> Any:
        """The plugin with the folder of each model and evaluation that its options name in place of the name."""
        plugin, cls = config.plugin, type(config.plugin)
        values = {name: getattr(plugin, name) for name in cls.__pydantic_fields__}
        found = put(cls, values, lambda name: self.model_place(self.based(name, config)))
        found |= put(cls, values, lambda name: str(self.evaluation(name, config)), EvaluationMark)
        return replace(plugin, **found) if found else plugin

    def based(self, name: str, config: StageConfig) -> str:
        """The model that a name stands for: for `base`, what the stage's own model was trained from.

        Raises PipelineError where that was not trained in this pipeline, or from nothing.
        """
        if name != BASE or name in self.models or (self.pipeline.folder / name).is_dir():
            return name
        own = self.model_of(config)
        base = self.bases.get(own or "")
        if base is None:
            fault = f"stage '{config.id}' asks for the base of '{own}', which was not trained here from another model"
            raise PipelineError.at(config.place, fault, "name the other model: a train stage, a folder or a hub's name")
        return base

    def evaluation(self, name: str, config: StageConfig) -> Path:
        """Where the items of an evaluation lie. Raises PipelineError where the name leads nowhere."""
        return evaluation_place(name, self.evaluations, self.artifacts.root, self.pipeline.folder, config.place)

    def evaluation_content(self, name: str, config: StageConfig) -> str:
        """What an evaluation is called by content: the fingerprint of a stage, else a digest of what lies there."""
        place = self.evaluation(name, config)
        own = place.parent == self.artifacts.root / "artifacts"
        return place.name if own else path_digest(place, self.known)

    def model_content(self, name: str) -> str:
        """What a model is called by content: fingerprint of a stage, digest of a folder, else its hub name."""
        folder = self.pipeline.folder / name
        if name in self.models or not folder.is_dir():
            return self.models.get(name, name)
        return path_digest(folder, self.known)

    def model_place(self, name: str) -> str:
        """Where a model lies, or will when its stage is done; a hub name stays."""
        if name in self.models:
            return str(self.artifacts.path(self.models[name]) / "out")
        folder = self.pipeline.folder / name
        return str(folder) if folder.is_dir() else name

    def model_of(self, config: StageConfig) -> str | None:
        """The model that a train or evaluate stage starts from: the one it names, else the last one trained."""
        if config.words.model:
            return config.words.model
        if config.hook in ("train", "evaluate") and self.models:
            return next(reversed(self.models))
        return None

    def step(self, stage: Stage, parts: dict[str, Any], **more: Any) -> Step:
        """A step, with whether it is there already."""
        fingerprint = fingerprint_of(parts)
        reused = self.artifacts.manifest(fingerprint) is not None
        before = self.before.get(stage.id)
        why = "" if reused else reason(self.artifacts, fingerprint, parts, before, self.behind, bool(self.before))
        return Step(stage, fingerprint, parts, reused, why, **more)

    def advance(self, step: Step) -> None:
        """Note what the step leaves behind."""
        if step.stage.hook == "train":
            self.models[step.stage.id] = step.fingerprint
            self.bases[step.stage.id] = step.model
        elif step.stage.hook == "evaluate":
            self.evaluations[step.stage.id] = step.fingerprint
        else:
            for name in step.touched:
                self.marks[name] = mark_after(step, name)
                self.behind[name] = step


def mark_after(step: Step, source: str) -> str:
    """What a source's records are called after a stage.

    A stage that looks at one record at a time makes of a source what it would make of it alone, so what happens to
    the other sources does not show.
    """
    maps = step.stage.hook in ("filter", "score", "format")
    alone = maps and "prepare" not in hooks(type(step.configured.plugin))
    if not alone:
        return f"{step.fingerprint}/{source}"
    return fingerprint_of({**step.parts, "inputs": {source: step.parts["inputs"][source]}})


def make_plan(pipeline: Pipeline, root: Path) -> Plan:
    """The plan of a pipeline over a work folder; nothing is written but digests of input files."""
    planner = Planner(pipeline, root)
    steps = tuple(planner.steps())
    keep_inputs(root, planner.known)
    return Plan(pipeline, steps, planner.artifacts)


def fingerprint_of(parts: Mapping[str, Any]) -> str:
    """32 hex digits over the parts."""
    text = json.dumps(parts, sort_keys=True, ensure_ascii=False, default=str)
    return xxhash.xxh3_128_hexdigest(text.encode())


def last_parts(root: Path, pipeline: str) -> dict[str, Mapping[str, Any]]:
    """What each stage was in the last run of a pipeline of this name."""
    for file in sorted((root / "runs").glob("*.json"), reverse=True):
        record = read_json(file)
        if record and record.get("name") == pipeline:
            return {stage["id"]: {**stage["parts"], "done": stage["done"]} for stage in record["stages"]}
    return {}


def known_inputs(root: Path) -> dict[str, Any]:
    """The digests of input files that were read before."""
    return read_json(root / "inputs.json") or {}


def keep_inputs(root: Path, known: Mapping[str, Any]) -> None:
    """Keep the digests of input files, where the work folder is there already."""
    from finery.data.artifacts import write_json

    if root.is_dir() and known != known_inputs(root):
        write_json(root / "inputs.json", known)
