"""The kernel's half of train and evaluate: the model a stage starts from, what it is shown, and what it leaves."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from finery.card import write_card
from finery.context import Context
from finery.data.artifacts import write_json
from finery.errors import Fault, FineryError, PluginError
from finery.journal import FileJournal
from finery.kernel import bind
from finery.plan import Step
from finery.search.index import Lookup
from finery.stages.answers import blamed
from finery.types import Evaluation, Model, World

CHANGES = "changes.json"
"""In an evaluation's folder: what it would change in the data."""


def run_model_stage(context: Context, step: Step, folder: Path) -> None:
    """Carry out a train or evaluate stage, and keep what it wrote."""
    context.started(step)
    partial = context.artifacts.partial(step.fingerprint)
    out = partial / "out"
    out.mkdir(exist_ok=True)
    journal = FileJournal(partial, step.stage, context.hear)
    examples = context.dataset.only(step.touched)
    model = model_of(context, step, folder)
    world = World(size=step.configured.workers, threads=step.configured.threads)
    arguments: dict[str, Any] = {"model": model, "examples": examples, "out": out, "world": world}
    arguments |= {"stage": step.stage, "journal": journal}
    if step.stage.hook == "evaluate":
        arguments["search"] = Lookup(examples, context.artifacts.root, f"evaluate '{step.stage.id}'")
    started = time.perf_counter()
    try:
        answer = asked(context, step, arguments)
    finally:
        journal.close()
    made = KEEP[step.stage.hook](context, step, partial, answer)
    if step.stage.hook == "train":
        write_card(context, step, partial, made)
    seconds = round(time.perf_counter() - started, 3)
    noted: dict[str, Any] = {"notes": journal.notes} if journal.notes else {}
    if world.size > 1:
        noted["workers"] = world.size
    context.commit(step, {"sources": seen(context, step), "seconds": seconds, **made, **noted})
    if step.stage.hook == "train":
        context.models[step.stage.id] = trained(context, step)
    gated(context, step)


def asked(context: Context, step: Step, arguments: dict[str, Any]) -> Any:
    """The plugin's answer; what it raises comes with its stage and version. Workers, wherever, answer as one would."""
    config = step.configured
    ask = bind(context.executor.asked(config.plugin, config.needs, config.workers), step.stage.hook, context.observers)
    with blamed(step):
        return ask(**arguments)


def model_of(context: Context, step: Step, folder: Path) -> Model | None:
    """The model that a stage names: an earlier stage's, a folder beside the pipeline, or a hub name."""
    if step.model is None:
        return None
    if step.model in context.models:
        return context.models[step.model]
    local = folder / step.model
    if local.is_dir():
        return Model(local, step.model, step.parts["model"])
    return Model(Path(step.model), step.model, step.model)


def seen(context: Context, step: Step) -> dict[str, Any]:
    """The counts of a stage that lets every record pass."""
    counts = context.counts(step.touched)
    fates = ("dropped", "merged", "failed", "born")
    return {name: {"in": n, "kept": n, "reasons": {}, **dict.fromkeys(fates, 0)} for name, n in counts.items()}


def keep_model(_: Context, step: Step, partial: Path, answer: Any) -> dict[str, Any]:
    """What a manifest says of a trained model. Raises PluginError where it is not in the folder it was given."""
    out = partial / "out"
    if not isinstance(answer, Model) or answer.path.resolve() != out.resolve():
        raise PluginError.at(
            f"stage '{step.stage.id}'", "'train' left no model in 'out'", "return Model(path=out, ...)"
        )
    return {"model": {"name": step.stage.id, "fingerprint": answer.fingerprint, "base": answer.base}}


def keep_evaluation(context: Context, step: Step, partial: Path, answer: Any) -> dict[str, Any]:
    """What a manifest says of an evaluation; its items lie beside it."""
    if not isinstance(answer, Evaluation):
        raise PluginError.at(
            f"stage '{step.stage.id}'", f"'evaluate' answered {type(answer).__name__}", "return an Evaluation"
        )
    if answer.items is not None:
        write_items(answer.items, partial / "items.parquet")
    if answer.changes:
        write_json(partial / CHANGES, [asdict(change) for change in answer.changes])
    model = context.models.get(step.model or "")
    failed = {"failures": [asdict(fault) for fault in answer.failures]} if answer.failures else {}
    return {
        "metrics": dict(answer.metrics),
        "evaluated": asdict(model)["fingerprint"] if model else step.model,
        **failed,
    }


def write_items(items: pa.Table | pa.RecordBatchReader, place: Path) -> None:
    """Write an evaluation's rows, a batch at a time."""
    with pq.ParquetWriter(place, items.schema, compression="zstd") as writer:
        for batch in items.to_batches() if isinstance(items, pa.Table) else items:
            writer.write_batch(batch)


def gated(context: Context, step: Step) -> None:
    """Raise FineryError where a finished evaluation has gates that did not hold."""
    failures = (context.artifacts.manifest(step.fingerprint) or {}).get("failures", ())
    if failures:
        raise FineryError(*(Fault(**failure) for failure in failures))


KEEP: dict[str, Callable[[Context, Step, Path, Any], dict[str, Any]]] = {
    "train": keep_model,
    "evaluate": keep_evaluation,
}


def trained(context: Context, step: Step) -> Model:
    """The model of a finished train stage."""
    found = (context.artifacts.manifest(step.fingerprint) or {})["model"]
    path = context.artifacts.fetch_folder(step.fingerprint, "out")
    return Model(path, found["name"], found["fingerprint"], found["base"])
