"""The driver's half of reading: units to tasks, then repeated records told apart and one schema for the source."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from finery.context import Context
from finery.data.identity import child_ids, one_chunk
from finery.data.read import detect
from finery.data.rows import LEFT_OUT
from finery.data.shards import Shard
from finery.data.source import SourceConfig
from finery.data.units import units
from finery.errors import DataError
from finery.outofcore import out_of_core
from finery.plan import Step, known_inputs
from finery.stages.passing import commit
from finery.stages.read import ReadTask
from finery.stages.schemas import reconciled
from finery.stages.summary import added_up, bounded, total

BROKEN_OFF = frozenset({"truncated", "damaged"})
"""Reasons of a row that stand for the rest of its file."""


def read_source(context: Context, step: Step, folder: Path) -> None:
    """Read one source into base shards. Raises DataError where nothing, or too little, can be read."""
    source = step.source
    if source is None:
        raise LookupError(step.stage.id)
    found = units(source, folder, known_inputs(context.artifacts.root))
    shape = source.shape or detect(source, found, folder)
    context.hear.stage_started(stage=step.stage, total=0)
    tasks = [ReadTask(context.artifacts, step.fingerprint, unit, source, folder, shape) for unit in found]
    answers: dict[int, list[dict[str, Any]]] = {}
    for number, answer in context.executor.run(tasks, threads=False):
        answers[number] = answer
        context.hear.stage_progress(stage=step.stage, done=len(answers), total=len(tasks), unit="units", reasons=None)
    entries = [entry for number in sorted(answers) for entry in answers[number]]
    check_files(context, source, entries, {piece.file for unit in found for piece in unit.pieces})
    finish(context, step, source, entries, shape)


def check_files(context: Context, source: SourceConfig, entries: Sequence[dict[str, Any]], files: set[str]) -> None:
    """Raise DataError where more files break off than `max_bad` allows: how many rows they lost, nobody knows."""
    broken = [entry for entry in entries if BROKEN_OFF & set(entry["counts"]["reasons"])]
    if len(broken) > source.max_bad * len(files):
        first = first_cause(context, broken, BROKEN_OFF)
        fault = f"of its {len(files)} files, at least {len(broken)} break off or are damaged"
        raise DataError.at(f"source '{source.name}'", fault, f"first: {first}; write them again, or raise max_bad")


def finish(context: Context, step: Step, source: SourceConfig, entries: Sequence[dict[str, Any]], shape: str) -> None:
    """The source's artifact from its shards."""
    summary = added_up(entries)
    read, failed = total(summary, "in"), total(summary, "failed")
    place = f"source '{source.name}'"
    if not read:
        raise DataError.at(place, "has no records", "is the path right, and are the files not empty?")
    bounded(step.stage.id, failed, read, source.max_bad, lambda: first_cause(context, entries))
    if read == failed:
        raise DataError.at(place, f"none of its {read} rows can be read", f"first: {first_cause(context, entries)}")
    if not total(summary, "kept"):
        counts = {reason: n for c in summary["sources"].values() for reason, n in c["reasons"].items()}
        raise DataError.at(place, f"none of its {read} records is a document", f"reasons: {counts}")
    shards = [shard for shard in reconciled(entries) if shard.rows]
    shards = told_apart(context, step, shards)
    commit(context, step, {**summary, "shape": shape}, shards)


def first_cause(context: Context, entries: Sequence[dict[str, Any]], among: frozenset[str] = frozenset()) -> str:
    """Why the first unreadable row, or the first for one of some reasons, is unreadable, with its file and line."""
    entry = next(entry for entry in entries if entry["counts"]["failed"])
    rows = pq.read_table(context.artifacts.file(decisions_of(entry)), columns=["reason", "detail"]).to_pylist()
    row = next(row for row in rows if (row["reason"] in among if among else row["reason"] not in LEFT_OUT))
    return f"{row['detail']} ({row['reason']})"


def decisions_of(entry: dict[str, Any]) -> str:
    """The decisions file of a shard that was read; broken rows have no row in the base file to be dropped."""
    return str(entry["shard"]["base"]).replace("/data-", "/decisions-")


def told_apart(context: Context, step: Step, shards: Sequence[Shard]) -> list[Shard]:
    """The shards with new ids for the second and later occurrences of equal records.

    Which of the equal records gets which number follows file and row, and does not matter: they are equal.
    """
    if not shards:
        return []
    # Origins hold the same ids and are a fraction of the records: these need not come to the driver.
    paths = [str(context.artifacts.file(shard.base.replace("/data-", "/origins-"))) for shard in shards]
    folder = context.artifacts.partial(step.fingerprint)
    with out_of_core(folder, context.memory_bytes) as connection:
        connection.execute(REPEATED, [paths])
        again = connection.sql("from repeated order by file, row").to_arrow_table()
    own = by_file(again)
    return [patched(folder, step, shard, own.get(path), path) for shard, path in zip(shards, paths, strict=True)]


def by_file(again: pa.Table) -> dict[str, pa.Table]:
    """The rows of each file, of a table that is ordered by file."""
    files = one_chunk(again.column("file")).to_numpy(zero_copy_only=False)
    if not len(files):
        return {}
    edges = [0, *(np.flatnonzero(files[1:] != files[:-1]) + 1).tolist(), len(files)]
    return {files[start]: again.slice(start, end - start) for start, end in pairwise(edges)}


REPEATED = """
create temp table repeated as
with records as (
    select record as id, filename as file, row from read_parquet(?, filename = true)),
several as (select id from records group by id having count(*) > 1)
select id, file, row, row_number() over (partition by id order by file, row) - 1 as occurrence
from records semi join several using (id)
qualify occurrence > 0
"""


def patched(folder: Path, step: Step, shard: Shard, own: pa.Table | None, path: str) -> Shard:
    """A shard with a file of new ids, where it holds repeated records."""
    if own is None:
        return shard
    rows = one_chunk(own.column("row")).cast(pa.int64())
    parents = one_chunk(pq.read_table(path, columns=["record"]).column("record")).take(rows)
    ids = child_ids(parents, ":again", own.column("occurrence").to_numpy().astype(np.int64))
    name = Path(shard.base).name.replace("data-", "ids-")
    pq.write_table(pa.table({"row": rows, "id": ids}), folder / name, compression="zstd")
    return replace(shard, ids=f"{step.fingerprint}/{name}")
