"""Reading tables: Parquet files, DuckDB queries, data sets of the `datasets` library."""

from __future__ import annotations

import datetime
import decimal
import sys
import uuid
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from finery.data.read import Rows, detect, read
from finery.data.source import SourceConfig
from finery.data.units import content, units
from finery.errors import DataError, MissingExtra, PipelineError


def rows_of(source: SourceConfig, folder: Path, size: int = 64 << 20) -> list[Rows]:
    """Everything there is in a source."""
    found = units(source, folder, size=size)
    shape = detect(source, found, folder)
    return [rows for unit in found for rows in read(unit, source, folder, shape)]


def column(rows: list[Rows], name: str) -> list[object]:
    """One column of all rows."""
    return [value for some in rows for value in some.table[name].to_pylist()]


def numbers(rows: list[Rows]) -> list[int]:
    """The numbers of all rows."""
    return [number for some in rows for number in some.rows.to_pylist()]


def parquet(folder: Path, name: str = "a.parquet", rows: int = 100, **options: object) -> SourceConfig:
    """A source of one Parquet file."""
    table = pa.table({"text": [f"text {number}" for number in range(rows)], "n": range(rows)})
    pq.write_table(table, folder / name, **options)
    return SourceConfig("s", path=name)


def test_row_groups_are_shared_out_and_keep_their_row_numbers(tmp_path):
    source = parquet(tmp_path, row_group_size=10)
    found = units(source, tmp_path, size=700)
    rows = rows_of(source, tmp_path, 700)
    assert 3 < len(found) <= 10
    assert column(rows, "text") == [f"text {number}" for number in range(100)]
    assert numbers(rows) == list(range(1, 101))
    assert set(rows[0].files.to_pylist()) == {"a.parquet"}


def test_every_row_behind_a_damaged_page_is_broken(tmp_path):
    source = parquet(tmp_path, row_group_size=10, compression="gzip", use_dictionary=False)
    start = pq.ParquetFile(tmp_path / "a.parquet").metadata.row_group(7).column(0).data_page_offset
    data = bytearray((tmp_path / "a.parquet").read_bytes())
    data[start + 30 : start + 60] = b"x" * 30
    (tmp_path / "a.parquet").write_bytes(data)
    rows = rows_of(source, tmp_path)
    broken = [item for some in rows for item in some.broken]
    assert {item.code for item in broken} == {"damaged"}
    assert sorted(numbers(rows) + [item.row for item in broken]) == list(range(1, 101))
    assert [item.row for item in broken] == list(range(71, 81))


def test_columns_of_any_type_become_ours(tmp_path):
    day = datetime.datetime(2020, 1, 2, 3, 4, 5)
    some = uuid.UUID(int=7)
    table = pa.table(
        {
            "text": pa.array(["a"], pa.string_view()),
            "dictionary": pa.array(["b"]).dictionary_encode(),
            "small": pa.array([1], pa.int8()),
            "huge": pa.array([2**64 - 1], pa.uint64()),
            "unsigned": pa.array([7], pa.uint64()),
            "half": pa.array([0.5], pa.float32()),
            "money": pa.array([decimal.Decimal("1.25")]),
            "whole": pa.array([decimal.Decimal("3")]),
            "flag": [True],
            "when": pa.array([day]),
            "day": pa.array([day.date()]),
            "nested": [{"b": [1, None], "a": "x"}],
            "uuid": pa.array([some.bytes], pa.uuid()),
            "bytes": [b"plain"],
            "image": [b"\xff\xd8"],
            "nothing": pa.nulls(1),
        }
    )
    pq.write_table(table, tmp_path / "a.parquet")
    (rows,) = rows_of(SourceConfig("s", path="a.parquet"), tmp_path)
    assert rows.table.to_pylist() == [
        {
            "text": "a",
            "dictionary": "b",
            "small": 1,
            "huge": "18446744073709551615",
            "unsigned": 7,
            "half": 0.5,
            "money": 1.25,
            "whole": 3,
            "flag": True,
            "when": "2020-01-02 03:04:05.000000",
            "day": "2020-01-02",
            "nested": '{"a":"x","b":[1,null]}',
            "uuid": str(some),
            "bytes": "plain",
            "image": "/9g=",
            "nothing": None,
        }
    ]
    assert {str(kind) for kind in rows.table.schema.types} == {"large_string", "int64", "double", "bool", "null"}


def test_bytes_that_are_no_text_cost_their_row_only(tmp_path):
    broken = pa.Array.from_buffers(pa.string(), 2, pa.array([b"ok", b"\xff"], pa.binary()).buffers())
    pq.write_table(pa.table({"text": broken, "n": [1, 2]}), tmp_path / "a.parquet")
    (rows,) = rows_of(SourceConfig("s", path="a.parquet"), tmp_path)
    assert column([rows], "text") == ["ok"]
    assert [(item.row, item.code) for item in rows.broken] == [(2, "not-utf8")]


def test_bytes_that_are_no_text_inside_a_message_cost_their_row_only(tmp_path):
    text = pa.Array.from_buffers(pa.string(), 2, pa.array([b"ok", b"\xff"], pa.binary()).buffers())
    message = pa.StructArray.from_arrays([pa.array(["user", "user"]), text], ["role", "content"])
    lists = pa.ListArray.from_arrays([0, 1, 2], message)
    pq.write_table(pa.table({"messages": lists, "meta": lists}), tmp_path / "a.parquet")
    (rows,) = rows_of(SourceConfig("s", path="a.parquet"), tmp_path)
    assert column([rows], "messages") == [[{"role": "user", "content": "ok"}]]
    assert [(item.row, item.code) for item in rows.broken] == [(2, "not-utf8")]


def test_long_texts_travel_in_small_batches(tmp_path):
    pq.write_table(pa.table({"text": ["x" * 4_000_000] * 20}), tmp_path / "a.parquet")
    rows = rows_of(SourceConfig("s", path="a.parquet"), tmp_path)
    assert max(some.table.nbytes for some in rows) < 40_000_000
    assert numbers(rows) == list(range(1, 21))


def test_an_empty_parquet_file_has_no_units(tmp_path):
    assert units(parquet(tmp_path, rows=0), tmp_path) == []


def test_a_query_reads_files_beside_the_pipeline(tmp_path):
    parquet(tmp_path)
    source = SourceConfig("s", query="select text, n * 2 as twice from 'a.parquet' where n < 3 order by n desc")
    rows = rows_of(source, tmp_path)
    assert column(rows, "twice") == [4, 2, 0]
    assert numbers(rows) == [1, 2, 3]
    assert set(rows[0].files.to_pylist()) == {"query"}


def test_the_fingerprint_of_a_query_is_its_text_and_the_files_it_reads(tmp_path):
    parquet(tmp_path)
    (tmp_path / "b.csv").write_text("text\nx\n")
    said = "with t as (select text from read_csv(['*.csv'])) select text from t union all select text from 'a.parquet'"
    source = SourceConfig("s", query=said)
    known: dict[str, object] = {}
    first = content(source, tmp_path, known)
    assert len(known) == 2
    assert content(SourceConfig("s", query=said + " limit 9"), tmp_path, known) != first
    (tmp_path / "b.csv").write_text("text\ny\n")
    assert content(source, tmp_path, known) != first


def test_the_fingerprint_of_a_query_that_hides_its_files_is_its_result(tmp_path):
    parquet(tmp_path)
    said = "select * from query_table('a.parquet')"
    known: dict[str, object] = {}
    first = content(SourceConfig("s", query=said), tmp_path, known)
    assert known == {}
    parquet(tmp_path, rows=99)
    assert content(SourceConfig("s", query=said), tmp_path, known) != first


@pytest.mark.parametrize(
    ("said", "fault"),
    [
        ("selec 1", "syntax error"),
        ("select 1 as text; select 2", "2 statements"),
        ("copy (select 1) to 'out.csv'", "Only SELECT"),
        ("create table t (a int)", "Only SELECT"),
        ("select text from 'missing.parquet'", "missing.parquet"),
        ("select error('no') as text", "no"),
    ],
)
def test_a_query_that_is_no_single_select_or_fails_is_an_error(tmp_path, said, fault):
    with pytest.raises((PipelineError, DataError), match=fault):
        rows_of(SourceConfig("s", query=said), tmp_path)
    assert list(tmp_path.iterdir()) == []


@pytest.fixture
def datasets(monkeypatch, tmp_path):
    """The library, with its caches in a folder of the test."""
    library = pytest.importorskip("datasets")
    monkeypatch.setattr(library.config, "HF_DATASETS_CACHE", tmp_path / "cache")
    monkeypatch.setattr(library.config, "HF_HUB_OFFLINE", True)
    library.disable_progress_bars()
    return library


def labelled(library):
    """A small data set with class labels."""
    features = {"text": library.Value("string"), "label": library.ClassLabel(names=["bad", "good"])}
    rows = {"text": [f"text {number}" for number in range(10)], "label": [0, 1] * 5}
    return library.Dataset.from_dict(rows, features=library.Features(features))


def test_a_saved_data_set_is_read_with_the_names_of_its_labels(datasets, tmp_path):
    labelled(datasets).save_to_disk(tmp_path / "saved")
    rows = rows_of(SourceConfig("s", dataset="saved"), tmp_path, size=60)
    assert len(rows) > 2
    assert column(rows, "text") == [f"text {number}" for number in range(10)]
    assert column(rows, "label") == ["bad", "good"] * 5
    assert numbers(rows) == list(range(1, 11))


def test_the_split_is_train_unless_another_is_named(datasets, tmp_path):
    data = labelled(datasets)
    both = datasets.DatasetDict({"test": data.select([0]), "train": data.select([1, 2])})
    both.save_to_disk(tmp_path / "saved")
    assert column(rows_of(SourceConfig("s", dataset="saved"), tmp_path), "text") == ["text 1", "text 2"]
    assert column(rows_of(SourceConfig("s", dataset="saved", split="test"), tmp_path), "text") == ["text 0"]
    with pytest.raises(PipelineError, match=r"no split 'tset' \(did you mean 'test'\?\)"):
        units(SourceConfig("s", dataset="saved", split="tset"), tmp_path)


def test_equal_copies_of_a_data_set_have_one_fingerprint(datasets, tmp_path):
    source = SourceConfig("s", dataset="saved")
    for name in ("one", "two"):
        labelled(datasets).save_to_disk(tmp_path / name / "saved")
    first = content(source, tmp_path / "one", {})
    assert first == content(source, tmp_path / "two", {})
    labelled(datasets).select([1]).save_to_disk(tmp_path / "three" / "saved")
    assert first != content(source, tmp_path / "three", {})


def test_a_folder_of_files_is_a_data_set(datasets, tmp_path):
    (tmp_path / "files").mkdir()
    (tmp_path / "files" / "train.jsonl").write_text('{"text":"a"}\n{"text":"b"}\n')
    assert column(rows_of(SourceConfig("s", dataset="files"), tmp_path), "text") == ["a", "b"]


def test_a_data_set_that_cannot_be_loaded_is_an_error(datasets, tmp_path):
    with pytest.raises(DataError, match="source 's': cannot load data set 'nobody/nothing'"):
        units(SourceConfig("s", dataset="nobody/nothing"), tmp_path)


def test_a_missing_library_says_what_installs_it(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "datasets", None)
    with pytest.raises(MissingExtra, match=r"pip install 'finery\[train\]'"):
        units(SourceConfig("s", dataset="org/name"), tmp_path)
