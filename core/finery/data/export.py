"""Records as ordinary files, Parquet or JSON lines, one folder a source."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import orjson
import pyarrow as pa
import pyarrow.parquet as pq

from finery.data.dataset import ShardedDataset
from finery.data.shards import Shard, ShardReader
from finery.errors import UsageError, WorkError


def write(
    dataset: ShardedDataset, folder: Path, kind: str, tell: Callable[[float, float, str], None] | None = None
) -> list[dict[str, Any]]:
    """Write every source's records, a file a shard, and list `source, records, files, folder`.

    The folder appears when all is written; `tell` hears of records done. Raises UsageError for one that holds
    something, WorkError where it cannot be written.
    """
    refuse(folder)
    beside = folder.with_name(f".{folder.name}.partial")
    try:
        shutil.rmtree(beside, ignore_errors=True)
        rows: list[dict[str, Any]] = []
        for name in dataset.sources:
            rows.append(write_source(dataset, name, beside / name, kind))
            if tell is not None:
                tell(sum(row["records"] for row in rows), dataset.records, "records")
        if folder.exists():
            folder.rmdir()
        beside.rename(folder)
    except OSError as error:
        shutil.rmtree(beside, ignore_errors=True)
        raise WorkError.at(folder, f"cannot be written ({error.strerror or error})", "name another folder") from None
    return [{**row, "folder": str(folder / row["source"])} for row in rows]


def refuse(folder: Path) -> None:
    """Raise UsageError for a folder that holds something."""
    if folder.exists() and not folder.is_dir():
        raise UsageError.at(folder, "is a file", "name a folder")
    if folder.is_dir() and any(folder.iterdir()):
        raise UsageError.at(folder, "is not empty", "name another folder, or empty it")


def write_source(dataset: ShardedDataset, source: str, folder: Path, kind: str) -> dict[str, Any]:
    """Write the records of one source."""
    folder.mkdir(parents=True)
    shards = [shard for shard in dataset.all_shards([source]) if shard.records]
    for number, shard in enumerate(shards):
        WRITERS[kind](batches(dataset, shard), folder / f"{number:05}.{kind}")
    return {"source": source, "records": sum(shard.records for shard in shards), "files": len(shards)}


def batches(dataset: ShardedDataset, shard: Shard) -> Iterator[pa.Table]:
    """The records of a shard, a batch at a time."""
    for group in ShardReader(dataset.artifacts, shard).groups():
        if len(group.batch):
            yield group.batch


def write_parquet(tables: Iterator[pa.Table], path: Path) -> None:
    """Write batches as row groups."""
    first = next(tables)
    with pq.ParquetWriter(path, first.schema, compression="zstd") as writer:
        writer.write_table(first)
        for table in tables:
            writer.write_table(table)


def write_jsonl(tables: Iterator[pa.Table], path: Path) -> None:
    """Write a JSON object a record; ids as text."""
    with path.open("wb") as file:
        for table in tables:
            rows = table.to_pylist()
            file.writelines(orjson.dumps(row, default=str, option=orjson.OPT_APPEND_NEWLINE) for row in rows)


WRITERS: Mapping[str, Callable[[Iterator[pa.Table], Path], None]] = {"parquet": write_parquet, "jsonl": write_jsonl}
