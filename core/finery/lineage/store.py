"""The lineage database: one writer, open for one transaction at a time, so that readers come in between.

DuckDB's file lock is the process's: opening the file a second time within the writer's process and closing it would
drop the lock. So nothing but this module opens it, and only one connection at a time.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import resources
from pathlib import Path

import duckdb

from finery.errors import WorkError
from finery.interrupts import interruptible

READER_SECONDS = 10.0
"""How long a question waits for a run's transaction, which takes a second or so."""

WRITER_SECONDS = 600.0
"""How long a run waits for a question, which may be a long one: a run should not fail for it."""


def database(root: Path) -> Path:
    """Where the lineage lies."""
    return root / "lineage.duckdb"


@contextmanager
def writing(root: Path) -> Iterator[duckdb.DuckDBPyConnection]:
    """A connection in one transaction; tables are made, and filled from the artifacts, where the file is new."""
    # Only a writer needs Arrow, whose import would double the time that `finery why` takes.
    from finery.lineage.ingest import rebuild

    fresh = not database(root).exists()
    with opened(root, read_only=False) as connection:
        connection.execute("begin")
        if fresh or not connection.execute("select 1 from duckdb_tables() where table_name = 'runs'").fetchone():
            connection.execute(schema())
            rebuild(connection, root)
        yield connection
        connection.execute("commit")


@contextmanager
def reading(root: Path) -> Iterator[duckdb.DuckDBPyConnection]:
    """A connection that cannot write. Raises WorkError where there is no lineage yet."""
    if not database(root).exists():
        if not (root / "runs").is_dir():
            raise WorkError.at(root, "there is no lineage here", "run a pipeline first, or go to its folder")
        with writing(root):
            pass
    with opened(root, read_only=True) as connection:
        yield connection


def schema() -> str:
    """The tables."""
    return resources.files("finery.lineage").joinpath("schema.sql").read_text(encoding="utf-8")


@contextmanager
def opened(root: Path, read_only: bool) -> Iterator[duckdb.DuckDBPyConnection]:
    """The database, waiting for whoever has it. Raises WorkError where it stays locked or is damaged."""
    deadline = time.monotonic() + (READER_SECONDS if read_only else WRITER_SECONDS)
    while True:
        try:
            connection = duckdb.connect(str(database(root)), read_only=read_only)
            break
        except duckdb.IOException as error:
            if "lock" not in str(error):
                remedy = "move the file away: the next run rebuilds it from the artifacts"
                raise WorkError.at(database(root), f"cannot be opened ({error})", remedy) from None
            if time.monotonic() > deadline:
                raise WorkError.at(database(root), "another process holds the lineage", "try again") from None
            time.sleep(0.05)
    with interruptible(), connection:
        yield connection
