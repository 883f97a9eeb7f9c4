"""`stage.option=a,b,c` as a grid: the values of each option, and the filter as it would be with each of them."""

from __future__ import annotations

import itertools
import tomllib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from finery.catalog import entries
from finery.config import as_options, read_pipeline
from finery.data.dataset import ShardedDataset
from finery.data.shards import Shard
from finery.errors import Fault, PipelineError, UsageError
from finery.plan import Plan, Planner, Step, keep_inputs
from finery.settings import value
from finery.tomltext import as_toml

MOST = 256
"""Points of a grid: more would be read by nobody."""

MODELS = ("train", "evaluate")
"""The hooks whose stages leave no records."""


@dataclass(frozen=True)
class Axis:
    """One option and the values to try, in the order in which they were given."""

    stage: str
    option: str
    """`min_words`, or `method.rank` for one inside a table."""
    values: tuple[Any, ...]


@dataclass(frozen=True)
class Point:
    """The filter with one value of each option."""

    values: tuple[Any, ...]
    """One an axis."""
    step: Step
    now: bool
    """Whether the pipeline file has these values."""


@dataclass(frozen=True)
class Grid:
    """A filter, the values to try, and the records that stand before it."""

    axes: tuple[Axis, ...]
    points: tuple[Point, ...]
    """In order of the axes, the last one fastest."""
    dataset: ShardedDataset
    workers: int | None

    @property
    def stage(self) -> str:
        """The stage's id."""
        return self.axes[0].stage

    def neighbours(self) -> Iterator[tuple[int, int]]:
        """Numbers of points that differ in one option, by one place."""
        sizes = [len(axis.values) for axis in self.axes]
        places = list(itertools.product(*map(range, sizes)))
        numbers = {place: number for number, place in enumerate(places)}
        for place in places:
            for axis, size in enumerate(sizes):
                if place[axis] + 1 < size:
                    further = (*place[:axis], place[axis] + 1, *place[axis + 1 :])
                    yield numbers[place], numbers[further]


def make_grid(file: Path, words: Sequence[str], settings: Sequence[str], root: Path) -> Grid:
    """The grid that `words` ask for.

    Raises UsageError for words that name no filter or too many points, and where what stands before the filter is not
    in the work folder; PipelineError for values that the filter does not take.
    """
    axes = tuple(map(parsed, words))
    check_axes(axes)
    planner = Planner(read_pipeline(file, settings), root)
    plan = Plan(planner.pipeline, tuple(planner.steps()), planner.artifacts)
    keep_inputs(root, planner.known)
    step = swept(plan, axes[0].stage)
    combined = list(itertools.product(*[axis.values for axis in axes]))
    if len(combined) > MOST:
        raise UsageError.at("finery sweep", f"{len(combined):,} combinations", f"name at most {MOST}")
    points = tried(planner, step, axes, combined, settings)
    return Grid(axes, tuple(points), before(plan, step, file), plan.pipeline.run.workers)


def parsed(word: str) -> Axis:
    """`stage.option=a,b,c` as an axis. Raises UsageError."""
    key, equals, text = word.partition("=")
    stage, dot, option = key.strip().partition(".")
    if not (equals and dot and stage and option and text.strip()):
        raise UsageError.at(word, "names no values", "write stage.option=a,b,c")
    values = {as_toml(found): found for found in listed(text)}
    return Axis(stage, option, tuple(values.values()))


def listed(text: str) -> list[Any]:
    """Values with commas between them, as TOML; texts that are no TOML stand for themselves."""
    try:
        found: list[Any] = tomllib.loads(f"values = [{text}]")["values"]
    except tomllib.TOMLDecodeError:
        return [value(part.strip()) for part in text.split(",")]
    return found


def check_axes(axes: Sequence[Axis]) -> None:
    """Raise UsageError for options of several stages, or one that stands twice."""
    stages = list(dict.fromkeys(axis.stage for axis in axes))
    if len(stages) > 1:
        remedy = "sweep one, and set the other: --set stage.option=value"
        raise UsageError.at("finery sweep", f"options of several stages: {', '.join(stages)}", remedy)
    names = [axis.option for axis in axes]
    if twice := [name for name in names if names.count(name) > 1]:
        raise UsageError.at("finery sweep", f"'{twice[0]}' stands twice", "name all its values at once")


def swept(plan: Plan, stage: str) -> Step:
    """The step of the filter. Raises UsageError for a stage that is none, or one that cannot be tried without a run."""
    steps = {step.stage.id: step for step in plan.steps if step.config is not None}
    if stage not in steps:
        from finery.errors import did_you_mean

        fault = f"is no stage{did_you_mean(stage, steps)}"
        raise UsageError.at(f"'{stage}'", fault, f"stages are {', '.join(steps)}")
    step = steps[stage]
    if step.stage.hook != "filter":
        remedy = f"filters can be swept; here, run with --set {stage}.option=value and ask: finery diff last~1 last"
        raise UsageError.at(f"stage '{stage}'", f"is a {step.stage.hook}", remedy)
    return step


def tried(
    planner: Planner, step: Step, axes: Sequence[Axis], combined: Sequence[tuple[Any, ...]], settings: Sequence[str]
) -> list[Point]:
    """The filter with each combination of values. Raises PipelineError with what any of them is refused for."""
    known, now = entries(), as_options(step.configured.plugin)
    points, faults = [], dict[str, Fault]()
    for values in combined:
        said = [f"{axis.stage}.{axis.option}={as_toml(one)}" for axis, one in zip(axes, values, strict=True)]
        try:
            pipeline = read_pipeline(planner.pipeline.file, [*settings, *said], known)
        except PipelineError as error:
            faults |= {str(fault): fault for fault in error.faults}
            continue
        config = next(stage for stage in pipeline.stages if stage.id == step.stage.id)
        placed = replace(config, plugin=planner.placed(config))
        points.append(Point(values, replace(step, config=placed), as_options(placed.plugin) == now))
    if faults:
        raise PipelineError(*faults.values())
    return points


def before(plan: Plan, target: Step, file: Path) -> ShardedDataset:
    """The records that the filter sees. Raises UsageError where a stage before it has to run first."""
    earlier = plan.steps[: plan.steps.index(target)]
    needed = [s for s in earlier if s.stage.hook not in MODELS and set(s.touched) & set(target.touched)]
    for step in needed:
        if not step.reused:
            fault = f"'{step.stage.id}' before it has to run first ({step.why})"
            raise UsageError.at(f"stage '{target.stage.id}'", fault, f"finery run {file}, then sweep")
    return standing(plan, needed).only(target.touched)


def standing(plan: Plan, steps: Sequence[Step]) -> ShardedDataset:
    """The records as some finished stages left them."""
    names = [source.name for source in plan.pipeline.sources]
    dataset = ShardedDataset(plan.artifacts, dict.fromkeys(names, ()), {name: name for name in names})
    for step in steps:
        shards = [Shard.from_json(shard) for shard in (plan.artifacts.manifest(step.fingerprint) or {})["shards"]]
        dataset = dataset.after(shards, step.fingerprint, step.touched)
    return dataset
