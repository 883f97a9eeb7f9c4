"""Counts what a filter keeps at every point of a grid, in one pass over the records that stand before it."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Any

from finery.config import as_options
from finery.data.shards import Group, ShardReader
from finery.errors import UsageError
from finery.executors.local import LocalExecutor
from finery.kernel import asks
from finery.plugins import manifest
from finery.sweep.counts import Change, Count, Counted
from finery.sweep.grid import Grid
from finery.sweep.task import SweepTask, prepared, reasons

FEW = 100_000
"""Records up to which worker processes cost more than they give."""


def count(grid: Grid, samples: int = 0, tell: Callable[[float, float, str], None] | None = None) -> Counted:
    """The counts at every point, and up to `samples` records a change; `tell` hears of records done.

    Nothing is written but digests of input files. Raises UsageError for a filter that pays for its answers, and what
    the filter raises.
    """
    check(grid)
    shards = [shard for shard in grid.dataset.all_shards() if shard.records]
    states = [prepared(grid.dataset, point.step) for point in grid.points]
    columns = {name: needed(grid, states, name) for name in grid.dataset.sources}
    tasks = [SweepTask(grid, tuple(states), s, n, columns[s.source], samples) for n, s in enumerate(shards)]
    plugin = grid.points[0].step.configured.plugin
    threads = manifest(type(plugin)).releases_gil
    executor = LocalExecutor(grid.workers if threads or grid.dataset.records > FEW else 1)
    try:
        found = {}
        for number, answer in executor.run(tasks, threads):
            found[number] = answer
            if tell is not None:
                tell(sum(shards[n].records for n in found), grid.dataset.records, "records")
    finally:
        executor.close()
    return merged(grid, [found[number][0]["counted"] for number in sorted(found)], samples)


def check(grid: Grid) -> None:
    """Raise UsageError for a filter whose answers cost something."""
    step = grid.points[0].step
    if asks(step.configured.plugin, "filter", "out"):
        remedy = 'score once, and sweep filter = "keep" over the column'
        raise UsageError.at(f"stage '{step.stage.id}'", "pays for its answers, which a sweep would do again", remedy)


def needed(grid: Grid, states: Sequence[Any], source: str) -> list[str] | None:
    """The columns of a source that the filter reads: those that its options name, where they are enough; else None.

    They are enough where the filter answers the first batch alike with them and with all columns.
    """
    first = next((s for s in grid.dataset.shards[source] if s.records), None)
    if first is None:
        return []
    said = str([as_options(point.step.configured.plugin) for point in grid.points])
    names = [name for name in first.columns if re.search(rf"(?<!\w){re.escape(name)}(?!\w)", said)]
    group = next(g for g in ShardReader(grid.dataset.artifacts, first).groups() if len(g.batch))
    task = SweepTask(grid, tuple(states), first, 0, names)
    with task.workers() as workers:
        try:
            short = reasons(workers, narrowed(group, names))
        except Exception:  # noqa: BLE001 it may miss any column in any way
            return None
        alike = all(some.equals(whole) for some, whole in zip(short, reasons(workers, group), strict=True))
    return names if alike else None


def narrowed(group: Group, names: Sequence[str]) -> Group:
    """A group with some of its columns."""
    batch = group.batch.select(["id", "source", *names])
    return Group(group.number, group.start, group.length, group.rows, batch)


def merged(grid: Grid, parts: Sequence[Counted], samples: int) -> Counted:
    """The counts of all shards."""
    counts = tuple({name: Count() for name in grid.dataset.sources} for _ in grid.points)
    changes = {pair: Change() for pair in grid.neighbours()}
    for part in parts:
        for mine, theirs in zip(counts, part.counts, strict=True):
            for source, each in theirs.items():
                mine[source].add(each)
        for pair, change in part.changes.items():
            changes[pair].add(change, samples)
    return Counted(counts, changes)
