"""A lineage that an earlier Finery made, with fewer tables, is made anew from the artifacts."""

from pathlib import Path

import duckdb

from finery.lineage.store import database, lacking, reading, writing


def test_a_question_finds_all_tables(tmp_path: Path) -> None:
    (tmp_path / "runs").mkdir()
    with duckdb.connect(str(database(tmp_path))) as connection:
        connection.execute("create table runs (run varchar)")
    with reading(tmp_path) as connection:
        assert not lacking(connection)
        assert connection.execute("select * from losses").fetchall() == []


def test_a_run_finds_all_tables(tmp_path: Path) -> None:
    with duckdb.connect(str(database(tmp_path))) as connection:
        connection.execute("create table decisions (record varchar)")
    with writing(tmp_path) as connection:
        assert not lacking(connection)
