"""The driver's half of a pass: tasks for every shard, then each stage's artifact from what came back."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import closing
from functools import partial
from itertools import count
from typing import Any

import pyarrow.parquet as pq

from finery.context import Context
from finery.data.shards import Shard
from finery.errors import DataError
from finery.journal import FileJournal
from finery.kernel import bind
from finery.plan import Step
from finery.plugins import hooks, manifest
from finery.stages.answers import blamed
from finery.stages.asking import Link
from finery.stages.layers import ERROR
from finery.stages.passes import PassTask
from finery.stages.schemas import alike
from finery.stages.state import save_state, state_file
from finery.stages.summary import added_up, bounded, conserve, total

Answers = dict[int, list[dict[str, Any]]]


def run_pass(context: Context, steps: Sequence[Step]) -> None:
    """Carry consecutive map stages over all shards they see, at once; a dedupe at their end leaves its keys."""
    for step in steps:
        context.started(step)
        prepare(context, step)
    tasks = list(pass_tasks(context, steps))
    answers: Answers = {}
    threads = all(manifest(type(step.configured.plugin)).releases_gil for step in steps)
    records, done = sum(task.shard.records for task in tasks), 0
    bad: Counter[str] = Counter()
    reasons: dict[str, Counter[str]] = {step.stage.id: Counter() for step in steps}
    for number, answer in context.executor.run(tasks, threads):
        answers[number] = answer
        done += tasks[number].shard.records
        for link, entry in zip(tasks[number].links, answer, strict=True):
            reasons[link.stage.id].update(entry["counts"]["reasons"])
        for step in steps:
            told = {"done": done, "total": records, "unit": "records", "reasons": reasons[step.stage.id]}
            context.hear.stage_progress(stage=step.stage, **told)
        # Looking at the entries of all shards after each of them would take n^2: only past the limit, to tell of one.
        for step, failed in failures(steps, tasks[number], answer):
            bad[step.fingerprint] += failed
            if bad[step.fingerprint] > step.configured.words.max_bad * records:
                check_failures(context, step, entries_of(step, tasks, answers), records)
    for step in steps:
        finish(context, step, tasks, answers)


def failures(steps: Sequence[Step], task: PassTask, answer: Sequence[dict[str, Any]]) -> Iterator[tuple[Step, int]]:
    """The stages in which records of a shard failed, and how many."""
    own = {step.fingerprint: step for step in steps}
    for link, entry in zip(task.links, answer, strict=True):
        if failed := entry["counts"]["failed"]:
            yield own[link.fingerprint], failed


def prepare(context: Context, step: Step) -> None:
    """Let a plugin see all records first; its state is kept with the stage."""
    if "prepare" not in hooks(type(step.configured.plugin)):
        return
    if state_file(context.artifacts, step.fingerprint) is None:
        folder = context.artifacts.partial(step.fingerprint)
        ask = bind(step.configured.plugin, "prepare", context.observers)
        dataset = context.dataset.only(step.touched)
        with closing(FileJournal(folder, step.stage, context.hear)) as journal, blamed(step):
            state = ask(dataset=dataset, stage=step.stage, journal=journal)
        save_state(context.artifacts, step.fingerprint, state)


def pass_tasks(context: Context, steps: Sequence[Step]) -> Iterator[PassTask]:
    """A task for each shard that any of the stages sees."""
    places = [numbers(context, step) for step in steps]
    for shard, *own in zip(context.dataset.all_shards(), *places, strict=True):
        links = tuple(link(step, number) for step, number in zip(steps, own, strict=True) if number is not None)
        if links:
            yield PassTask(context.artifacts, shard, links, worker_observers(context))


def numbers(context: Context, step: Step) -> list[int | None]:
    """For every shard, its place among those that a stage sees, in the order of the sources' names.

    So what an interrupted stage left is known again, whatever became of sources that it does not see.
    """
    shards, places = context.dataset.shards, count()
    own = {name: [next(places) for _ in shards[name]] for name in sorted(step.touched)}
    return [place for name in shards for place in own.get(name, [None] * len(shards[name]))]


def worker_observers(context: Context) -> tuple[Any, ...]:
    """The observers that wrap stage hooks: they go along to the workers."""
    from finery.verbs import VERBS

    return tuple(o for o in context.observers if set(hooks(type(o))) & {*VERBS, "prepare", "same", "gather"})


def link(step: Step, number: int) -> Link:
    """A stage as a worker gets it for one shard."""
    config = step.configured
    on_error = config.words.on_error
    return Link(step.stage, config.plugin, step.entry.label, step.fingerprint, number, on_error, config.needs)


def check_failures(context: Context, step: Step, entries: Sequence[dict[str, Any]], records: int) -> None:
    """Raise DataError where more of the records failed than the stage allows."""
    failed = sum(entry["counts"]["failed"] for entry in entries)
    example = partial(first_failure, context, step, entries)
    bounded(step.stage.id, failed, records, step.configured.words.max_bad, example)


def entries_of(step: Step, tasks: Sequence[PassTask], answers: Answers) -> list[dict[str, Any]]:
    """A stage's shard entries so far, in the order of the shards."""
    found = []
    for number in sorted(answers):
        for link, entry in zip(tasks[number].links, answers[number], strict=True):
            if link.fingerprint == step.fingerprint:
                found.append(entry)
    return found


def first_failure(context: Context, step: Step, entries: Sequence[dict[str, Any]]) -> str:
    """Record and error of the first failure of a stage."""
    entry = next(entry for entry in entries if entry["counts"]["failed"])
    files = context.artifacts.fetch(step.fingerprint, [f"decisions*-{entry['number']:05}.parquet"])
    tables = [pq.read_table(file, columns=["record", "reason", "detail"]) for file in files]
    row = next(row for table in tables for row in table.to_pylist() if row["reason"] == ERROR)
    return f"record {row['record']}: {row['detail']}"


def finish(context: Context, step: Step, tasks: Sequence[PassTask], answers: Answers) -> None:
    """A stage's artifact from its shards; a dedupe's grouping comes first."""
    entries = entries_of(step, tasks, answers)
    if step.stage.hook == "dedupe":
        from finery.stages.dedupe import group

        entries = group(context, step, entries)
    summary = added_up(entries)
    conserve(step.stage.id, summary, context.counts(step.touched))
    check_failures(context, step, entries, total(summary, "in"))
    left(step, summary)
    commit(context, step, summary, alike(entries))


def left(step: Step, summary: dict[str, Any]) -> None:
    """Raise DataError where a stage left no record at all."""
    if total(summary, "in") and not (total(summary, "kept") + total(summary, "born")):
        reasons = {r: n for c in summary["sources"].values() for r, n in c["reasons"].items()}
        fault = f"no record is left of {total(summary, 'in')}"
        raise DataError.at(f"stage '{step.stage.id}'", fault, f"reasons: {reasons}; loosen its options")


def commit(context: Context, step: Step, summary: dict[str, Any], shards: Sequence[Shard]) -> None:
    """Write a data stage's manifest, and let the data set be what it left."""
    context.commit(step, {**summary, "shards": [shard.as_json() for shard in shards]})
    context.dataset = context.dataset.after(shards, step.fingerprint, step.touched)


def reuse(context: Context, step: Step) -> None:
    """Let the data set be what a finished stage left."""
    found = context.artifacts.manifest(step.fingerprint) or {}
    if step.config is not None:
        # The run that made it may have allowed more.
        failed, records, words = total(found, "failed"), total(found, "in"), step.config.words
        allowed = 0 if words.on_error == "stop" else words.max_bad
        bounded(step.stage.id, failed, records, allowed, lambda: "finery sql \"from decisions where reason = 'error'\"")
    shards = [Shard.from_json(shard) for shard in found["shards"]]
    context.dataset = context.dataset.after(shards, step.fingerprint, step.touched)
    context.finished(step, reused=True)
