"""The records that stand before a stage of a plan, as far as earlier runs made them, and a sample of them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from finery.data.dataset import ShardedDataset
from finery.data.identity import chance
from finery.data.shards import Shard
from finery.errors import UsageError
from finery.plan import Plan, Step
from finery.types import Model, Stage


def before(plan: Plan, step: Step) -> ShardedDataset:
    """The records that a step sees. Raises UsageError where a stage before it has not run."""
    names = [source.name for source in plan.pipeline.sources]
    dataset = ShardedDataset(plan.artifacts, dict.fromkeys(names, ()), {name: name for name in names})
    for passed in needed(plan, step):
        manifest = plan.artifacts.manifest(passed.fingerprint) or {}
        if "shards" in manifest:
            shards = [Shard.from_json(shard) for shard in manifest["shards"]]
            dataset = dataset.after(shards, passed.fingerprint, passed.touched)
    return dataset.only(step.touched)


def needed(plan: Plan, step: Step) -> list[Step]:
    """The steps that a step stands on. Raises UsageError with those that have not run."""
    earlier = plan.steps[: plan.steps.index(step)]
    found = [s for s in earlier if s.stage.hook not in ("train", "evaluate") and set(s.touched) & set(step.touched)]
    found += [s for s in earlier if s.stage.hook == "train" and s.stage.id == step.model]
    waiting = [s.stage.id for s in found if not s.reused]
    if waiting:
        many = "stages" if len(waiting) > 1 else "stage"
        fault = f"stands on the {many} {', '.join(waiting)}, which {'have' if many == 'stages' else 'has'} not run"
        remedy = f"finery run {plan.pipeline.file.name}: what is done by the time you stop it is kept"
        raise UsageError.at(f"stage '{step.stage.id}'", f"{fault} as the file has them now", remedy)
    return found


def model_of(plan: Plan, step: Step) -> Model | None:
    """The model that a train stage starts from."""
    if step.model is None:
        return None
    for passed in plan.steps:
        if passed.stage.id == step.model and passed.stage.hook == "train":
            told = (plan.artifacts.manifest(passed.fingerprint) or {})["model"]
            folder = plan.artifacts.path(passed.fingerprint) / "out"
            return Model(folder, told["name"], told["fingerprint"], told["base"])
    local = plan.pipeline.folder / step.model
    return Model(local if local.is_dir() else Path(step.model), step.model, str(step.parts["model"]))


@dataclass(frozen=True)
class Some:
    """Some records of a data set, as plugins see a data set."""

    dataset: ShardedDataset
    ids: pa.Array
    """`binary(16)`: those in it."""

    @property
    def fingerprint(self) -> str:
        """That of the whole."""
        return self.dataset.fingerprint

    @property
    def sources(self) -> tuple[str, ...]:
        """All sources."""
        return self.dataset.sources

    @property
    def records(self) -> int:
        """How many there are."""
        return len(self.ids)

    def columns(self, source: str) -> tuple[str, ...]:
        """The columns of one source's records."""
        return self.dataset.columns(source)

    def batches(self, columns: Sequence[str] | None = None, only: Sequence[str] | None = None) -> Iterator[pa.Table]:
        """These records, in shard order."""
        for batch in self.dataset.batches(columns, only):
            keys = batch["id"].cast(pa.binary(16))
            kept = batch.filter(pc.is_in(keys, value_set=self.ids))
            if len(kept):
                yield kept


def drawn(dataset: ShardedDataset, stage: Stage, count: int) -> Some:
    """The `count` records of least chance of each source: the same that a pre-flight looks at."""
    found: dict[str, list[tuple[np.ndarray, pa.Array]]] = {}
    for batch in dataset.batches(columns=["id", "source"]):
        ids = batch["id"].cast(pa.binary(16)).combine_chunks()
        found.setdefault(str(batch["source"][0]), []).append((chance(batch, stage), ids))
    parts = []
    for pairs in found.values():
        order = np.argsort(np.concatenate([chances for chances, _ in pairs]), kind="stable")[:count]
        parts.append(pa.concat_arrays([ids for _, ids in pairs]).take(pa.array(order)))
    return Some(dataset, pa.concat_arrays(parts) if parts else pa.array([], pa.binary(16)))


def named(dataset: ShardedDataset, prefix: str, stage: Stage) -> Some:
    """The one record whose id begins so. Raises UsageError where there is none, or several."""
    wanted, found = prefix.replace("-", "").lower(), list[bytes]()
    for batch in dataset.batches(columns=["id", "source"]):
        ids = batch["id"].cast(pa.binary(16)).to_pylist()
        found += [key for key in ids if key.hex().startswith(wanted)]
    if len(found) == 1:
        return Some(dataset, pa.array(found, pa.binary(16)))
    fault = f"{len(found)} records" if found else "no record"
    remedy = "give more of its id" if found else "ask `finery why` for it: it may have been dropped, or become others"
    raise UsageError.at(f"stage '{stage.id}'", f"sees {fault} whose id begins with '{prefix}'", remedy)


def of_source(dataset: ShardedDataset, source: str, stage: Stage) -> ShardedDataset:
    """The records of one source. Raises UsageError where the stage does not see it."""
    if source not in dataset.sources:
        there = f"it sees {', '.join(dataset.sources)}"
        raise UsageError.at(f"stage '{stage.id}'", f"sees no source '{source}'", there)
    return dataset.only([source])
