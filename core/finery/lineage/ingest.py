"""Files to tables: what runs and artifacts wrote beside their data goes into the lineage, and could again."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import duckdb

from finery.data.artifacts import read_json
from finery.journal import metrics

DECISIONS = """
insert into decisions
select $artifact, record, reason, value, bound, other, detail from read_parquet($files) order by record
"""

# Left in the order of reading: sorting every record that was ever read costs more than scanning their ids for one.
# A record that occurs again has another id than its base file says: see `told_apart`.
ORIGINS = r"""
insert into origins
with origin as (
    select *, regexp_extract(filename, '-(\d+)\.parquet$', 1) as shard from read_parquet($files, filename = true)),
fresh as (
    select *, regexp_extract(filename, '-(\d+)\.parquet$', 1) as shard from read_parquet($ids, filename = true))
select $artifact, coalesce(fresh.id, record), $source, file, line
from origin left join fresh using (shard, row)
"""

PLAIN_ORIGINS = """
insert into origins
select $artifact, record, $source, file, line from read_parquet($files)
"""

CUTS = "insert into cuts select $artifact, record, characters, other from read_parquet($files) order by record"

PARENTS = "insert into parents select $artifact, child, parent from read_parquet($files) order by child"

# Of an interrupted stage's attempts, the last one to tell of a step counts.
STEPS = r"""
insert into steps
with told as (
    select *, regexp_extract(filename, 'steps-(\d+)-', 1) as attempt from read_parquet($files, filename = true))
select $artifact, step, rank, record, start, length from told
qualify attempt = max(attempt) over (partition by step, rank) order by record, step, rank, start
"""

# An attempt that goes on from a checkpoint tells of its epoch again, the part before the checkpoint included.
LOSSES = r"""
insert into losses
with told as (
    select *, regexp_extract(filename, 'losses-(\d+)-', 1) as attempt from read_parquet($files, filename = true))
select $artifact, record, epoch, loss, tokens from told
qualify attempt = max(attempt) over (partition by epoch) order by record, epoch
"""

ITEMS = """
insert into items
select $artifact, item::varchar, source, to_json(i) from read_parquet($files) i
"""


KINDS = tuple(
    f"{kind}*" for kind in ("decisions", "cuts", "parents", "steps", "losses", "items", "origins", "ids", "metrics")
)
"""The files of an artifact that the lineage is made from."""


def ingest_run(connection: duckdb.DuckDBPyConnection, record: Mapping[str, Any]) -> None:
    """Put a run's record in, in place of what was known of it."""
    run = record["run"]
    connection.execute("delete from runs where run = ?", [run])
    connection.execute("delete from stages where run = ?", [run])
    connection.execute("delete from locks where run = ?", [run])
    connection.execute("delete from forecasts where run = ?", [run])
    pipeline, versions = json.dumps(record["pipeline"], default=str), json.dumps(record["versions"])
    row = [run, record["name"], record["status"], record["started"], record["seconds"], pipeline, versions]
    connection.execute("insert into runs values (?, ?, ?, ?, ?, ?, ?)", row)
    if lock := record.get("lock"):
        values = [run, lock["held"], json.dumps(lock["faults"]), lock["lock"]]
        connection.execute("insert into locks values (?, ?, ?, ?)", values)
    rows = [
        [
            run,
            place,
            s["id"],
            s["hook"],
            s["plugin"],
            s["package"],
            s["artifact"],
            s["reused"],
            s["why"],
            s["done"],
        ]
        for place, s in enumerate(record["stages"])
    ]
    connection.executemany("insert into stages values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", rows)
    several(connection, "insert into forecasts values (?, ?, ?, ?, ?, ?)", forecast_rows(record))


def forecast_rows(record: Mapping[str, Any]) -> Iterator[list[Any]]:
    """What was forecast of each stage before the run."""
    told = record.get("forecasts") or {}
    artifacts = {stage["id"]: stage["artifact"] for stage in record["stages"]}
    for stage, measures in told.get("stages", {}).items():
        for measure, value in measures.items():
            yield [record["run"], stage, artifacts[stage], told["machine"], measure, value]


def is_known(connection: duckdb.DuckDBPyConnection, artifact: str) -> bool:
    """Whether an artifact is in the tables."""
    return connection.execute("select 1 from artifacts where artifact = ?", [artifact]).fetchone() is not None


def ingest_artifact(connection: duckdb.DuckDBPyConnection, folder: Path, manifest: Mapping[str, Any]) -> None:
    """Put a finished artifact in, once."""
    name = manifest["fingerprint"]
    if is_known(connection, name):
        return
    stage, parts = manifest["stage"], manifest["parts"]
    known = {key: value for key, value in manifest.items() if key != "shards"}
    connection.execute(
        "insert into artifacts values (?, ?, ?, ?, ?, ?, ?, ?)",
        [
            *(name, stage["id"], stage["hook"], stage["plugin"], stage["package"]),
            *(json.dumps(parts["options"]), manifest["seconds"], json.dumps(known)),
        ],
    )
    several(connection, "insert into inputs values (?, ?, ?, ?)", input_rows(name, manifest))
    several(connection, "insert into tallies values (?, ?, ?, ?, ?)", tally_rows(name, manifest))
    several(connection, "insert into metrics values (?, ?, ?, ?, ?)", metric_rows(name, folder, manifest))
    ingest_files(connection, folder, name, str(next(iter(parts["inputs"]), "")))


def ingest_files(connection: duckdb.DuckDBPyConnection, folder: Path, artifact: str, source: str) -> None:
    """Put the Parquet files of an artifact in."""
    for pattern, query in (
        ("decisions", DECISIONS),
        ("cuts", CUTS),
        ("parents", PARENTS),
        ("steps", STEPS),
        ("losses", LOSSES),
        ("items", ITEMS),
    ):
        if files := paths(folder, f"{pattern}*.parquet"):
            connection.execute(query, {"artifact": artifact, "files": files})
    if origins := paths(folder, "origins-*.parquet"):
        named = {"artifact": artifact, "files": origins, "source": source}
        ids = paths(folder, "ids-*.parquet")
        connection.execute(ORIGINS if ids else PLAIN_ORIGINS, {**named, "ids": ids} if ids else named)


def paths(folder: Path, pattern: str) -> list[str]:
    """The files of a folder that match."""
    return sorted(str(path) for path in folder.glob(pattern))


def several(connection: duckdb.DuckDBPyConnection, query: str, rows: Iterator[list[Any]]) -> None:
    """Insert rows, of which there may be none."""
    if found := list(rows):
        connection.executemany(query, found)


def input_rows(artifact: str, manifest: Mapping[str, Any]) -> Iterator[list[Any]]:
    """What an artifact was made from, and what its records are called after it."""
    parts, after = manifest["parts"], manifest.get("after", {})
    for source, mark in parts["inputs"].items():
        yield [artifact, source, mark, after.get(source)]
    if parts.get("model"):
        yield [artifact, None, parts["model"], None]


def tally_rows(artifact: str, manifest: Mapping[str, Any]) -> Iterator[list[Any]]:
    """Counts of fates and reasons by source, and what the plugin counted."""
    for source, counts in manifest["sources"].items():
        for fate, count in counts.items():
            if fate != "reasons":
                yield [artifact, source, "fate", fate, count]
        for reason, count in counts["reasons"].items():
            yield [artifact, source, "reason", reason, count]
    for source, counts in manifest.get("cut", {}).items():
        yield from ([artifact, source, "cut", name, count] for name, count in counts.items())
    for name, count in manifest.get("tally", {}).items():
        yield [artifact, None, "tally", name, count]


def metric_rows(artifact: str, folder: Path, manifest: Mapping[str, Any]) -> Iterator[list[Any]]:
    """Metrics of the stage as it went, and of its evaluation (`measure/source`)."""
    for entry in metrics(folder):
        yield [artifact, entry["name"], entry["value"], entry["step"], entry["source"]]
    for name, value in manifest.get("metrics", {}).items():
        measure, _, source = name.partition("/")
        yield [artifact, measure, value, None, source or None]


def rebuild(connection: duckdb.DuckDBPyConnection, root: Path) -> None:
    """Fill empty tables from the runs and artifacts of a work folder."""
    for file in sorted((root / "runs").glob("*.json")):
        if record := read_json(file):
            ingest_run(connection, record)
    for file in sorted((root / "artifacts").glob("*/manifest.json")):
        if file.parent.suffix != ".partial" and (manifest := read_json(file)):
            ingest_artifact(connection, file.parent, manifest)
