"""Asks rule sets what they would drop of a sample, each for itself, and keeps examples of both sides."""

from __future__ import annotations

import heapq
import tempfile
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa

from finery.data.dataset import ShardedDataset
from finery.data.identity import one_chunk, unit_interval
from finery.data.shards import Group, ShardReader
from finery.plan import Step
from finery.profile.figures import Example, Profile, Rule
from finery.sweep.samples import text_of
from finery.sweep.task import counted, prepared, reasons, stays, worker


def ruled(dataset: ShardedDataset, steps: Sequence[Step], profiles: Sequence[Profile], samples: int) -> None:
    """Put into each profile what each rule set would drop; they share what they measure of a batch."""
    by_name = {profile.name: profile for profile in profiles}
    for profile in profiles:
        profile.rules = {step.stage.plugin: Rule() for step in steps}
    with tempfile.TemporaryDirectory() as folder:
        workers = [worker(step, prepared(dataset, step), Path(folder)) for step in steps]
        for shard in dataset.all_shards():
            rules = list(by_name[shard.source].rules.values())
            for group in ShardReader(dataset.artifacts, shard).groups():
                for rule, answer in zip(rules, reasons(workers, group), strict=True):
                    add(rule, group, answer, samples)


def add(rule: Rule, group: Group, answer: pa.Table, samples: int) -> None:
    """Count one answer, and keep the first examples by chance."""
    count = counted(answer, {})
    rule.add(count.reasons, count.records, count.kept)
    kept = stays(answer)
    order = unit_interval(one_chunk(group.batch.column("id")), 0)
    rule.drops = nearest([*rule.drops, *examples(group, answer, order, ~kept, samples)], samples)
    rule.keeps = nearest([*rule.keeps, *examples(group, answer, order, kept, samples)], samples)


def nearest(found: Iterable[Example], most: int) -> list[Example]:
    """Those with the smallest chance."""
    return heapq.nsmallest(most, found, key=lambda example: (example.chance, example.record))


def examples(group: Group, answer: pa.Table, order: np.ndarray, wanted: np.ndarray, most: int) -> list[Example]:
    """The first wanted records of a group by chance."""
    places = np.flatnonzero(wanted)
    chosen = places[np.argsort(order[places], kind="stable")[:most]]
    return [example(group, answer, float(order[place]), place) for place in chosen.tolist()]


def example(group: Group, answer: pa.Table, chance: float, place: int) -> Example:
    """One record, with the reason why it is dropped."""
    said = answer.slice(place, 1).to_pylist()[0]
    record = group.batch.slice(place, 1)
    name = str(record.column("id")[0].as_py())
    return Example(chance, name, said["code"], said["value"], said["bound"], text_of(record))
