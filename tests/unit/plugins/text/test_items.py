"""Items of evaluation sets are read from the files that they come in."""

from __future__ import annotations

import gzip
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from finery import DataError, UsageError
from finery_plugins.text.items import files_of, items


def test_all_strings_of_a_row_are_its_text(tmp_path: Path) -> None:
    path = tmp_path / "set.jsonl"
    path.write_text('{"q": "Why?", "n": 3, "choices": ["a", {"b": "c"}]}\n\n"plain"\n', encoding="utf-8")
    assert list(items(path, [])) == ["Why?\na\nc", "plain"]


def test_fields_can_be_chosen(tmp_path: Path) -> None:
    path = tmp_path / "set.csv"
    path.write_text('question,answer\n"two\nlines",4\nsecond,5\n', encoding="utf-8")
    assert list(items(path, ["question"])) == ["two\nlines", "second"]
    with pytest.raises(UsageError, match="has no field query"):
        list(items(path, ["query"]))


def test_parquet_tabs_text_and_packed_files_are_read(tmp_path: Path) -> None:
    pq.write_table(pa.table({"q": ["one", None]}), tmp_path / "a.parquet")
    (tmp_path / "b.tsv").write_text("q\tr\none, two\tthree\n", encoding="utf-8")
    (tmp_path / "c.txt").write_text("one\n\n two \n", encoding="utf-8")
    with gzip.open(tmp_path / "d.jsonl.gz", "wt", encoding="utf-8") as packed:
        packed.write('{"q": "one"}\n')
    read = {path.name: list(items(path, [])) for path in files_of(tmp_path)}
    assert read == {
        "a.parquet": ["one", ""],
        "b.tsv": ["one, two\nthree"],
        "c.txt": ["one", "two"],
        "d.jsonl.gz": ["one"],
    }


def test_a_folder_or_a_glob_is_several_files_in_order(tmp_path: Path) -> None:
    for name in ("b.csv", "a.csv", "notes.md"):
        (tmp_path / name).write_text("q\nx\n", encoding="utf-8")
    assert [path.name for path in files_of(tmp_path)] == ["a.csv", "b.csv"]
    assert [path.name for path in files_of(tmp_path / "b*.csv")] == ["b.csv"]


@pytest.mark.parametrize("name", ["none.csv", "*.parquet", "folder"])
def test_a_set_that_is_not_there_is_a_usage_error(tmp_path: Path, name: str) -> None:
    (tmp_path / "folder").mkdir()
    with pytest.raises(UsageError, match="there is no such file"):
        files_of(tmp_path / name)


def test_a_file_of_another_kind_is_a_usage_error(tmp_path: Path) -> None:
    path = tmp_path / "set.xlsx"
    path.write_bytes(b"")
    with pytest.raises(UsageError, match="is of no known kind"):
        list(items(path, []))


@pytest.mark.parametrize(
    ("name", "content"), [("a.jsonl", b"{oops\n"), ("a.txt", b"\xff\xfe"), ("a.parquet", b"no"), ("a.csv.gz", b"no")]
)
def test_a_file_that_cannot_be_read_is_a_data_error(tmp_path: Path, name: str, content: bytes) -> None:
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(DataError, match="cannot be read"):
        list(items(path, []))
