"""The records of a run as they stood after one of its stages, put together again from the manifests."""

from __future__ import annotations

from pathlib import Path

from finery.data.artifacts import Artifacts
from finery.data.dataset import ShardedDataset
from finery.data.shards import Shard
from finery.errors import WorkError
from finery.lineage.runs import Run, RunStage


def dataset_after(root: Path, run: Run, stage: RunStage) -> ShardedDataset:
    """The records after a stage. Raises WorkError where an artifact was taken away."""
    artifacts = Artifacts(root)
    dataset = ShardedDataset(artifacts, {}, {})
    for passed in run.data_stages():
        if passed.position <= stage.position:
            dataset = after(dataset, artifacts, passed)
    return dataset


def after(dataset: ShardedDataset, artifacts: Artifacts, stage: RunStage) -> ShardedDataset:
    """The records after one more stage."""
    manifest = artifacts.manifest(stage.artifact)
    if manifest is None:
        fault = f"what stage '{stage.id}' left is gone"
        raise WorkError.at(artifacts.path(stage.artifact), fault, "run the pipeline again")
    shards = [Shard.from_json(shard) for shard in manifest["shards"]]
    return dataset.after(shards, stage.artifact, tuple(manifest["parts"]["inputs"]))
