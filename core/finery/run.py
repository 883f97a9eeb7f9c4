"""Carry a plan out: reuse what is finished, run the rest in order, and leave a usable work folder whatever happens."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import duckdb

from finery.config import Pipeline
from finery.context import Context
from finery.data.artifacts import locked
from finery.data.dataset import ShardedDataset
from finery.data.lease import leased
from finery.data.store import Store, store_at
from finery.errors import FineryError, WorkError, disk_full
from finery.executors.local import LocalExecutor
from finery.executors.tasks import Executor
from finery.forecast.make import kept
from finery.kernel import relay
from finery.lineage.live import Live
from finery.lineage.recorder import Recorder
from finery.lock.holding import hold
from finery.plan import READ, Plan, Step, make_plan
from finery.plugins import hooks
from finery.stages.gathering import gathers, run_gather
from finery.stages.mix import run_mix
from finery.stages.model import gated, run_model_stage, trained
from finery.stages.passing import reuse, run_pass
from finery.stages.reading import read_source

PASSED = ("filter", "score", "format", "dedupe")


def run_pipeline(pipeline: Pipeline, root: Path, observers: Sequence[Any] = (), unlocked: bool = False) -> str:
    """Run a pipeline in a work folder and return the run's id.

    Raises FineryError for anything its reader can mend. Whatever happens, a second call goes on where this one stopped.
    `unlocked` goes on where what is installed differs from `finery.lock`, and the lineage says so.
    """
    lock = hold(pipeline, unlocked)
    store = store_at(pipeline.run.store, pipeline.folder)
    with locked(root), leased(store), spoken(root):
        take_runs(root, store)
        plan = make_plan(pipeline, root)
        run = new_run()
        own = [plugin for _, plugin in pipeline.observers]
        every = (Recorder(root, run, plan, lock, kept(plan)), Live(root, run), *own, *observers)
        return carry_out(plan, run, every)


def take_runs(root: Path, store: Store | None) -> None:
    """Fetch what runs on other machines wrote down of themselves."""
    for name in store.files("runs") if store else ():
        if store and not (root / "runs" / name).exists():
            store.get(f"runs/{name}", root / "runs" / name)


def new_run() -> str:
    """An id that sorts by time: its last part is the fraction of the second, in 1/65536."""
    now = datetime.now(UTC)
    return f"{now:%Y%m%d-%H%M%S}-{now.microsecond * 2**16 // 10**6:04x}"


def carry_out(plan: Plan, run: str, observers: tuple[Any, ...]) -> str:
    """Every step, with the observers told how it ends."""
    hear = relay(observers)
    started = time.perf_counter()
    status = "failed"
    hear.run_started(run=run, pipeline=plan.pipeline.raw)
    context = new_context(plan, observers, hear)
    try:
        for steps in groups(plan.steps):
            with told(context, steps):
                perform(context, steps, plan.pipeline.folder)
        status = "done"
    except KeyboardInterrupt:
        status = "interrupted"
        raise
    finally:
        context.executor.close()
        hear.run_finished(run=run, status=status, seconds=round(time.perf_counter() - started, 3))
    return run


def new_context(plan: Plan, observers: tuple[Any, ...], hear: Any) -> Context:
    """The context of a run that has done nothing yet."""
    settings = plan.pipeline.run
    names = [source.name for source in plan.pipeline.sources]
    dataset = ShardedDataset(plan.artifacts, dict.fromkeys(names, ()), {name: name for name in names})
    return Context(plan.artifacts, executor_of(plan), observers, hear, settings, dataset)


def executor_of(plan: Plan) -> Executor:
    """Where the tasks of a plan are done; nothing is started yet."""
    pipeline, settings = plan.pipeline, plan.pipeline.run
    if settings.executor == "local":
        return LocalExecutor(settings.workers)
    from finery.executors.beside import packages
    from finery.executors.cluster import Cluster
    from finery.executors.ray import RayExecutor

    used = packages([*(stage.entry for stage in pipeline.stages), *(entry for entry, _ in pipeline.observers)])
    root = None if settings.store else plan.artifacts.root
    cluster = Cluster(settings.address, settings.workers, pipeline.folder, root, used)
    return RayExecutor(cluster, settings.workers)


def groups(steps: Sequence[Step]) -> Iterator[list[Step]]:
    """Steps that are carried out together: consecutive map stages that have to run, up to a dedupe or a `prepare`."""
    waiting: list[Step] = []
    for step in steps:
        if waiting and not joins(waiting[-1], step):
            yield waiting
            waiting = []
        waiting.append(step)
    if waiting:
        yield waiting


def joins(before: Step, step: Step) -> bool:
    """Whether a step can run in the same pass as the one before it."""
    maps = all(s.stage.hook in PASSED and not s.reused and not gathers(s) for s in (before, step))
    return maps and before.stage.hook != "dedupe" and not prepares(step)


def prepares(step: Step) -> bool:
    """Whether a stage wants to see all records first."""
    return step.config is not None and "prepare" in hooks(type(step.config.plugin))


def perform(context: Context, steps: Sequence[Step], folder: Path) -> None:
    """Carry out, or reuse, steps that belong together."""
    step = steps[0]
    if step.reused:
        reuse_step(context, step)
    elif step.stage.hook == READ:
        read_source(context, step, folder)
    elif gathers(step):
        run_gather(context, step)
    elif step.stage.hook in PASSED:
        run_pass(context, steps)
    elif step.stage.hook == "mix":
        run_mix(context, step)
    else:
        run_model_stage(context, step, folder)


def reuse_step(context: Context, step: Step) -> None:
    """Take over what a finished stage left."""
    context.artifacts.share(step.fingerprint)
    if step.stage.hook in ("train", "evaluate"):
        if step.stage.hook == "train":
            context.models[step.stage.id] = trained(context, step)
        context.finished(step, reused=True)
        gated(context, step)
    else:
        reuse(context, step)


@contextmanager
def told(context: Context, steps: Sequence[Step]) -> Iterator[None]:
    """Tell the observers of a failure, and which stage it was."""
    try:
        yield
    except BaseException as error:
        context.hear.stage_failed(stage=steps[0].stage, error=error)
        raise


@contextmanager
def spoken(root: Path) -> Iterator[None]:
    """Turn a full or vanished disk into an error that says what to do."""
    try:
        yield
    except (OSError, duckdb.IOException, duckdb.OutOfMemoryException) as error:
        raise out_of_order(root, error) from error


def out_of_order(root: Path, error: Exception) -> FineryError:
    """What to say of a work folder that cannot be written or read."""
    said = str(error)
    if any(word in said for word in ("No space left", "File too large", "quota exceeded")):
        return disk_full(root)
    return WorkError.at(root, f"cannot be used: {said}", "mend it and run again: finished shards are kept")
