"""The files of a source: found, cut into units, known by their content, and read as text."""

from __future__ import annotations

import gzip
import io
import os
import pickle
import zipfile
from pathlib import Path

import fsspec
import pyarrow as pa
import pytest

from finery.data import files
from finery.data.decompress import Damaged, chunks
from finery.data.plaintext import block_rows
from finery.data.read import Broken, Rows, detect, read
from finery.data.source import SourceConfig
from finery.data.units import content, units
from finery.errors import DataError, FineryError, PipelineError


def rows_of(source: SourceConfig, folder: Path) -> list[Rows]:
    """Everything there is in a source."""
    found = units(source, folder)
    shape = detect(source, found, folder)
    return [rows for unit in found for rows in read(unit, source, folder, shape)]


def texts(rows: list[Rows]) -> list[str]:
    """The texts of all rows."""
    return [value for some in rows for value in some.table["text"].to_pylist()]


def broken(rows: list[Rows]) -> list[Broken]:
    """All that could not be read."""
    return [item for some in rows for item in some.broken]


def written(folder: Path, **contents: bytes) -> Path:
    """The folder with some files; `a_txt` is `a.txt`."""
    folder.mkdir(exist_ok=True)
    for name, data in contents.items():
        (folder / name.replace("_", ".")).write_bytes(data)
    return folder


def zstd(data: bytes) -> bytes:
    """Compressed."""
    return bytes(pa.Codec("zstd").compress(data, asbytes=True))


def everything(data: bytes, compression: str, size: int) -> tuple[bytes, str | None]:
    """What a compressed file yields, and the code of the damage at its end."""
    stream = io.BytesIO(data)
    found = b""
    try:
        for chunk in chunks(stream, compression, size=size):
            assert len(chunk) < 2 * size
            found += chunk
    except Damaged as damage:
        return found, damage.code
    return found, None


@pytest.mark.parametrize(("compression", "compress"), [("gzip", gzip.compress), ("zstd", zstd)])
class TestCompression:
    """gzip and zstd alike."""

    def test_content_comes_back_in_chunks(self, compression, compress):
        text = os.urandom(5_000) * 3
        assert everything(compress(text), compression, 777) == (text, None)

    def test_several_members_are_one_content(self, compression, compress):
        assert everything(compress(b"one ") + compress(b"two"), compression, 9) == (b"one two", None)

    def test_a_short_file_expands_a_chunk_at_a_time(self, compression, compress):
        assert everything(compress(b"a" * 3_000_000), compression, 1 << 16) == (b"a" * 3_000_000, None)

    def test_what_stands_before_a_break_comes_first(self, compression, compress):
        text = os.urandom(400_000)
        data = compress(text)
        found, code = everything(data[: len(data) - 1_000], compression, 4_096)
        assert code == "truncated"
        assert text.startswith(found)
        assert len(found) > 200_000

    def test_what_is_not_compressed_is_damaged(self, compression, compress):
        assert everything(b"plain text", compression, 100) == (b"", "damaged")


def test_a_gzip_with_a_wrong_checksum_is_damaged():
    data = bytearray(gzip.compress(b"text" * 100))
    data[-6] ^= 1
    assert everything(bytes(data), "gzip", 1_000)[1] == "damaged"


def test_zeros_behind_a_gzip_member_are_padding():
    assert everything(gzip.compress(b"text") + b"\0" * 600, "gzip", 100) == (b"text", None)


def test_a_text_file_is_one_document_as_it_stands(tmp_path):
    rows = rows_of(SourceConfig("s", path="*"), written(tmp_path, a_txt=b"\xef\xbb\xbfa\r\n\r\nb\n", b_md=b"# b\n"))
    assert texts(rows) == ["a\r\n\r\nb\n", "# b\n"]
    assert rows[0].files.to_pylist() == ["a.txt", "b.md"]


def test_a_document_a_line_skips_blank_lines_and_keeps_numbers(tmp_path):
    written(tmp_path, a_txt=b"one\r\n\n \t\ntwo\nbad \xff\nlast")
    rows = rows_of(SourceConfig("s", path="a.txt", kind="lines"), tmp_path)
    assert texts(rows) == ["one", "two", "last"]
    assert rows[0].rows.to_pylist() == [1, 4, 6]
    assert [(item.row, item.code) for item in broken(rows)] == [(5, "not-utf8")]


def test_a_document_a_block_begins_at_its_first_line(tmp_path):
    written(tmp_path, a_txt=b"\n\none\r\nmore\r\n\r\n\n  \ntwo\n")
    rows = rows_of(SourceConfig("s", path="a.txt", kind="blocks"), tmp_path)
    assert texts(rows) == ["one\nmore", "two"]
    assert rows[0].rows.to_pylist() == [3, 8]


def test_a_block_over_the_limit_is_broken():
    from finery.data.lines import Lines

    raws = list(block_rows([Lines(1, [b"aaaa", b"bbbb", b"", b"cc"])], "f", max_line=6))
    assert [text for raw in raws for text in raw.columns["text"]] == ["cc"]
    assert [(item.row, item.code) for raw in raws for item in raw.broken] == [(1, "too-long")]


def test_text_in_utf16_is_broken_and_named(tmp_path):
    written(tmp_path, a_txt="text".encode("utf-16"), b_txt=b"fine")
    rows = rows_of(SourceConfig("s", path="*.txt"), tmp_path)
    assert texts(rows) == ["fine"]
    assert [(item.file, item.code, item.detail) for item in broken(rows)] == [
        ("a.txt", "not-utf8", "looks like UTF-16")
    ]


def test_files_compressed_and_plain_read_alike(tmp_path):
    data = b'{"text":"a"}\n{"text":"b"}\n'
    (tmp_path / "1.jsonl").write_bytes(data)
    (tmp_path / "2.jsonl.gz").write_bytes(gzip.compress(data))
    (tmp_path / "3.jsonl.zst").write_bytes(zstd(data))
    rows = rows_of(SourceConfig("s", path="*"), tmp_path)
    assert texts(rows) == ["a", "b"] * 3
    assert rows[0].rows.to_pylist() == [1, 2] * 3


def test_files_come_in_the_order_of_their_names_each_once(tmp_path):
    for name in ("b.txt", "a.txt", "sub/c.txt"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(b"x")
    source = SourceConfig("s", path=("*.txt", "**/*.txt", "./b.txt"))
    assert files.matches(source, tmp_path) == ["a.txt", "b.txt", "sub/c.txt"]


def test_a_url_is_read_through_fsspec(tmp_path):
    system = fsspec.filesystem("memory")
    system.pipe("/finery-test/a.jsonl.gz", gzip.compress(b'{"text":"a"}\n'))
    system.pipe("/finery-test/b.jsonl", b'{"text":"b"}\n')
    source = SourceConfig("s", path="memory://finery-test/*")
    known: dict[str, object] = {}
    assert texts(rows_of(source, tmp_path)) == ["a", "b"]
    assert content(source, tmp_path, known) == content(source, tmp_path, known)
    assert len(known) == 2


@pytest.mark.parametrize(
    ("said", "fault"),
    [
        ({"path": "*.csv"}, "no file matches '*.csv'"),
        ({"path": "a.jsnl"}, "did you mean 'a.jsonl'"),
        ({"path": "sub"}, "'sub' is a folder"),
        ({"path": "a.jsonl", "kind": "jsnol"}, "unknown kind 'jsnol' (did you mean 'jsonl'?)"),
        ({"path": "a.xyz"}, "the suffix of 'a.xyz' does not say its kind"),
        ({"path": "nothing://x/a.jsonl"}, "cannot read 'nothing://x/a.jsonl'"),
        ({"path": "a.jsonl", "shape": "txt"}, "unknown shape 'txt' (did you mean 'text'?)"),
        ({"path": "b.jsonl"}, "the columns 'body', 'n' are of no known shape"),
        ({"path": "b.jsonl", "shape": "alpaca"}, "shape 'alpaca' needs the column 'instruction'"),
        ({"path": "b.jsonl", "columns": {"text": "bdy"}}, "there is no 'bdy' (did you mean 'body'?)"),
        ({}, "has none of path, dataset, query"),
        ({"path": "a.jsonl", "query": "select 1"}, "has path and query"),
        ({"path": "bad.parquet"}, "cannot read 'bad.parquet'"),
        ({"path": "loop"}, "loop"),
    ],
)
def test_what_cannot_be_read_is_an_error_that_names_source_and_path(tmp_path, said, fault):
    written(tmp_path, a_jsonl=b'{"text":"a"}\n', b_jsonl=b'{"body":"a","n":1}\n', a_xyz=b"x", bad_parquet=b"PAR1")
    (tmp_path / "sub").mkdir()
    (tmp_path / "loop").symlink_to("loop")
    with pytest.raises(FineryError) as caught:
        rows_of(SourceConfig("chats", **said), tmp_path)
    assert isinstance(caught.value, (PipelineError, DataError))
    assert str(caught.value).startswith("source 'chats': ")
    assert fault in str(caught.value)


def test_units_depend_on_the_content_and_travel_to_workers(tmp_path):
    data = b"".join(b'{"text":"%d"}\n' % number for number in range(500))
    source = SourceConfig("s", path="*")
    found = units(source, written(tmp_path / "here", a_jsonl=data, b_jsonl=b"{}", c_jsonl=b"{}"), size=1_000)
    again = units(source, written(tmp_path / "there", c_jsonl=b"{}", b_jsonl=b"{}", a_jsonl=data), {}, 1_000)
    assert found == again == pickle.loads(pickle.dumps(found))
    assert [unit.number for unit in found] == list(range(len(found)))
    assert len(found) > 5
    assert [piece.file for piece in found[-1].pieces][-2:] == ["b.jsonl", "c.jsonl"]


def test_small_files_share_a_unit_and_compressed_ones_are_not_cut(tmp_path):
    data = gzip.compress(os.urandom(3_000))
    written(tmp_path, a_txt=b"a" * 300, b_txt=b"b" * 300, c_txt=b"c" * 500)
    (tmp_path / "d.jsonl.gz").write_bytes(data)
    found = units(SourceConfig("s", path="*"), tmp_path, size=1_000)
    assert [[piece.file for piece in unit.pieces] for unit in found] == [["a.txt", "b.txt"], ["c.txt"], ["d.jsonl.gz"]]


def test_the_fingerprint_is_over_bytes_and_not_over_names_or_times(tmp_path):
    here = written(tmp_path / "here", a_txt=b"1", b_txt=b"2")
    there = written(tmp_path / "there", x_txt=b"1", y_txt=b"2")
    os.utime(there / "x.txt", (1, 1))
    source = SourceConfig("s", path="*.txt")
    first = content(source, here, {})
    assert first == content(source, there, {})
    (there / "y.txt").write_bytes(b"3")
    assert first != content(source, there, {})
    assert first != content(SourceConfig("s", path="*.txt", kind="lines"), here, {})


def test_an_unchanged_file_is_not_read_again(tmp_path):
    source = SourceConfig("s", path="a.txt")
    known: dict[str, object] = {}
    first = content(source, written(tmp_path, a_txt=b"1"), known)
    ((key, value),) = known.items()
    known[key] = {**value, "digest": "0"}  # seen in the answer only if the file is not read again
    assert content(source, tmp_path, known) != first
    os.utime(tmp_path / "a.txt", ns=(5, 5))
    assert content(source, tmp_path, known) == first


def test_units_use_the_lines_that_the_fingerprint_has_counted(tmp_path, monkeypatch):
    source = SourceConfig("s", path="a.jsonl")
    written(tmp_path, a_jsonl=b'{"text":"a"}\n' * 100)
    known: dict[str, object] = {}
    found = units(source, tmp_path, known, 300)
    assert (len(found), len(known)) == (5, 1)
    monkeypatch.setattr("finery.data.content.surveyed", None)
    assert units(source, tmp_path, known, 300) == found


def test_a_glob_within_an_archive_keeps_the_archive(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        for name in ("one.jsonl", "two.jsonl", "three.txt"):
            archive.writestr(name, '{"text": "x"}\n')
    source = SourceConfig("s", f"zip://*.jsonl::file://{tmp_path}/a.zip")
    assert len(texts(rows_of(source, tmp_path))) == 2
