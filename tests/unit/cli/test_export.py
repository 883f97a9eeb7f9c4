"""`finery export`: records as ordinary files."""

from __future__ import annotations

import json
from pathlib import Path
from uuid import UUID

import pyarrow.parquet as pq
import pytest
from workshop import Workshop

from finery.errors import UsageError, WorkError


def texts(folder: Path, source: str) -> list[str]:
    """The texts of a source that was exported."""
    return sorted(pq.read_table(folder / source)["text"].to_pylist())


def test_the_last_data_stage_of_the_last_run_is_written_one_folder_a_source(workshop: Workshop, tmp_path: Path) -> None:
    rows = workshop.json("export", "--to", str(tmp_path / "out"))
    assert [(row["source"], row["records"]) for row in rows] == [("a", 2), ("b", 0)]
    assert texts(tmp_path / "out", "a") == ["a river of words"] * 2


def test_a_stage_of_an_earlier_run_can_be_written(workshop: Workshop, tmp_path: Path) -> None:
    workshop.ask("export", "halves", "--run", workshop.first, "--to", str(tmp_path / "out"))
    assert texts(tmp_path / "out", "b") == ["blue an", "d green"]
    assert texts(tmp_path / "out", "a") == ["a river of sand", "a river of words"]


def test_a_run_alone_means_its_last_data_stage(workshop: Workshop, tmp_path: Path) -> None:
    rows = workshop.json("export", workshop.first, "--to", str(tmp_path / "out"))
    assert {row["source"]: row["records"] for row in rows} == {"a": 4, "b": 4}


def test_json_lines_have_ids_as_text(workshop: Workshop, tmp_path: Path) -> None:
    workshop.ask("export", "short", "--to", str(tmp_path / "out"), "--format", "jsonl")
    lines = (tmp_path / "out/a/00000.jsonl").read_text().splitlines()
    row = json.loads(lines[0])
    assert (len(lines), row["source"], row["text"]) == (1, "a", "a river of words")
    assert UUID(row["id"])


def test_an_empty_folder_is_filled_and_a_full_one_refused(workshop: Workshop, tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    workshop.ask("export", "--to", str(tmp_path / "out"))
    with pytest.raises(UsageError, match="not empty"):
        workshop.ask("export", "--to", str(tmp_path / "out"))


def test_a_stage_that_leaves_no_records_is_a_usage_error(workshop: Workshop, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="stages that left records: read-a, read-b, short, halves, twice"):
        workshop.ask("export", "toy", "--to", str(tmp_path / "out"))
    with pytest.raises(UsageError, match="did you mean 'short'"):
        workshop.ask("export", "shrt", "--to", str(tmp_path / "out"))


def test_a_folder_that_cannot_be_written_is_an_error(workshop: Workshop, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(WorkError, match="cannot be written"):
        workshop.ask("export", "--to", str(tmp_path / "file/out"))
    assert not list(tmp_path.glob("*.partial"))
