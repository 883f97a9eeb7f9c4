"""A DuckDB connection for one global stage: bounded memory, the rest on disk; nothing of it outlives the stage."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import duckdb
import pyarrow as pa

from finery.data.artifacts import Artifacts
from finery.data.shards import Group, Shard, ShardReader
from finery.interrupts import interruptible

# Strings come back as large_string and ids as UUIDs, the types that a batch has.
CONFIG = {
    "arrow_large_buffer_size": "true",
    "arrow_lossless_conversion": "true",
    "preserve_insertion_order": "true",
}


@contextmanager
def out_of_core(folder: Path, memory_bytes: int) -> Iterator[duckdb.DuckDBPyConnection]:
    """A connection that holds at most `memory_bytes` and spills into `folder`."""
    with interruptible(), duckdb.connect(":memory:", config=dict(CONFIG)) as connection:
        connection.execute("set memory_limit = ?", [f"{memory_bytes // 2**20}MiB"])
        connection.execute("set temp_directory = ?", [str(folder / "spill")])
        yield connection


def stream(
    artifacts: Artifacts,
    shards: list[tuple[int, Shard]],
    columns: list[str],
    form: Callable[[int, Group], pa.Table],
    schema: pa.Schema,
) -> pa.RecordBatchReader:
    """What `form` makes of every group of numbered shards, a group at a time, for DuckDB to take in."""

    def batches() -> Iterator[pa.RecordBatch]:
        for number, shard in shards:
            for group in ShardReader(artifacts, shard, columns).groups():
                yield from form(number, group).cast(schema).combine_chunks().to_batches()

    return pa.RecordBatchReader.from_batches(schema, batches())


def quoted(text: str) -> str:
    """A text as SQL takes it, where it takes no parameters."""
    return "'" + text.replace("'", "''") + "'"
