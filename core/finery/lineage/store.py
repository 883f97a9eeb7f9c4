"""The lineage database: one writer, open for one transaction at a time, so that readers come in between.

DuckDB's file lock is the process's: opening the file a second time within the writer's process and closing it would
drop the lock. So nothing but this module opens it, and only one connection at a time.
"""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import resources
from pathlib import Path

import duckdb

from finery.errors import WorkError, disk_full
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
    """A connection in one transaction; tables are made, and filled from the artifacts, where some are missing."""
    # Only a writer needs Arrow, whose import would double the time that `finery why` takes.
    from finery.lineage.ingest import rebuild

    with opened(root, read_only=False) as connection:
        connection.execute("begin")
        if lacking(connection):
            for (name,) in connection.execute("select table_name from duckdb_tables()").fetchall():
                connection.execute(f'drop table "{name}"')
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
        lacks = lacking(connection)
        if not lacks:
            yield connection
    if lacks:  # an earlier Finery made it, with fewer tables
        with writing(root):
            pass
        with opened(root, read_only=True) as connection:
            yield connection


def lacking(connection: duckdb.DuckDBPyConnection) -> bool:
    """Whether some tables are not there: the file is new, or an earlier Finery made it."""
    wanted = set(re.findall(r"^create table (\w+)", schema(), re.MULTILINE))
    there = {name for (name,) in connection.execute("select table_name from duckdb_tables()").fetchall()}
    return not wanted <= there


def schema() -> str:
    """The tables."""
    return resources.files("finery.lineage").joinpath("schema.sql").read_text(encoding="utf-8")


@contextmanager
def opened(root: Path, read_only: bool) -> Iterator[duckdb.DuckDBPyConnection]:
    """The database, waiting for whoever has it. Raises WorkError where it stays locked or is damaged."""
    deadline = time.monotonic() + (READER_SECONDS if read_only else WRITER_SECONDS)
    is_new = not database(root).exists()
    while True:
        try:
            connection = duckdb.connect(str(database(root)), read_only=read_only)
            break
        except duckdb.IOException as error:
            if "No space left" in str(error):
                if is_new:  # what there is of it is no database
                    database(root).unlink(missing_ok=True)
                raise disk_full(root) from None
            if "lock" not in str(error):
                remedy = "move the file away: the next run rebuilds it from the artifacts"
                raise WorkError.at(database(root), f"cannot be opened ({error})", remedy) from None
            if time.monotonic() > deadline:
                raise WorkError.at(database(root), "another process holds the lineage", "try again") from None
            time.sleep(0.05)
    with interruptible(), connection:
        yield connection
