"""The driver's half of a format that gathers: both phases over all sources, then its artifact."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from finery.context import Context
from finery.data.shards import Shard
from finery.plan import Step
from finery.plugins import hooks, manifest
from finery.stages.asking import Link
from finery.stages.gather import GatherTask, ScatterTask
from finery.stages.passing import check_failures, commit, left, link, numbers, prepare, worker_observers
from finery.stages.schemas import alike
from finery.stages.summary import added_up, conserve

PART_RECORDS = 1 << 15
PART_BYTES = 16 << 20
"""What one part holds about: records, and bytes as they lie on disk (three to five times as much in memory)."""


def gathers(step: Step) -> bool:
    """Whether a stage brings records together before its format."""
    return step.config is not None and "gather" in hooks(type(step.config.plugin))


def run_gather(context: Context, step: Step) -> None:
    """Carry out a format over groups of records, wherever in their source they stand."""
    context.started(step)
    prepare(context, step)
    scattered = carried(context, step, list(scatter_tasks(context, step)), 0)
    made = carried(context, step, list(gather_tasks(context, step)), 1)
    entries = [*scattered, *made]
    summary = added_up(entries)
    conserve(step.stage.id, summary, context.counts(step.touched))
    left(step, summary)
    context.artifacts.discard(step.fingerprint, ["shuffle-*"])
    commit(context, step, summary, alike([entry for entry in made if entry["shard"]["rows"]]))


def carried(context: Context, step: Step, tasks: Sequence[Any], phase: int) -> list[dict[str, Any]]:
    """The entries of a phase, in the order of its tasks; each phase is half of the stage."""
    found: dict[int, dict[str, Any]] = {}
    records = sum(context.counts(step.touched).values())
    threads = manifest(type(step.configured.plugin)).releases_gil
    for number, (entry,) in context.executor.run(tasks, threads):
        found[number] = entry
        done = records * (phase + len(found) / len(tasks)) / 2
        context.hear.stage_progress(stage=step.stage, done=done, total=records, unit="records", reasons=None)
        if entry["counts"]["failed"]:
            check_failures(context, step, list(found.values()), records)
    return [found[number] for number in sorted(found)]


def scatter_tasks(context: Context, step: Step) -> Iterator[ScatterTask]:
    """The first phase: a task a shard."""
    observers = worker_observers(context)
    for shard, number in zip(context.dataset.all_shards(), numbers(context, step), strict=True):
        if number is not None:
            parts = parts_of(context, context.dataset.shards[shard.source])
            yield ScatterTask(context.artifacts, shard, link(step, number), observers, parts)


def gather_tasks(context: Context, step: Step) -> Iterator[GatherTask]:
    """The second phase: a task a part of a source; their numbers follow those of the shards."""
    places = list(zip(context.dataset.all_shards(), numbers(context, step), strict=True))
    number = sum(place is not None for _, place in places)
    for source in sorted(step.touched):
        own = tuple(place for shard, place in places if shard.source == source and place is not None)
        for part in range(parts_of(context, context.dataset.shards[source])):
            yield gather_task(context, source, part, own, link(step, number))
            number += 1


def gather_task(context: Context, source: str, part: int, shards: tuple[int, ...], made: Link) -> GatherTask:
    """One task of the second phase."""
    return GatherTask(context.artifacts, source, part, shards, made, worker_observers(context))


def parts_of(context: Context, shards: Sequence[Shard]) -> int:
    """How many parts a source is cut into: a matter of its records and bytes alone."""
    files = {file for shard in shards for layers in shard.columns.values() for file, _ in layers}
    size = sum(context.artifacts.size(file) for file in files)
    records = sum(shard.records for shard in shards)
    return max(1, -(-records // PART_RECORDS), -(-size // PART_BYTES))
