"""Web archives and HTML: documents with what is known of them, and faults that cost one record."""

from __future__ import annotations

import gzip
import io
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pyarrow as pa
import pytest
from crawls import HTTP, answer, conversion, crawl, page, record, response, text, zipped
from hypothesis import given, settings
from hypothesis import strategies as st

from finery.data.archive import Frame, frames
from finery.data.html import Undecodable, decoded
from finery.data.members import members
from finery.data.read import Broken, Rows, detect, read
from finery.data.rows import LEFT_OUT
from finery.data.source import SourceConfig
from finery.data.units import content, units
from finery.data.web import archive_rows


def rows_of(folder: Path, name: str, data: bytes, size: int | None = None) -> list[Rows]:
    """Everything there is in a file."""
    (folder / name).write_bytes(data)
    source = SourceConfig("s", name)
    found = units(source, folder, size=size)
    shape = detect(source, found, folder)
    return [rows for unit in found for rows in read(unit, source, folder, shape)]


def records(rows: list[Rows]) -> list[dict[str, object]]:
    """All documents."""
    return [row for some in rows for row in some.table.to_pylist()]


def places(rows: list[Rows]) -> list[int]:
    """Where they stand."""
    return [place for some in rows for place in some.rows.to_pylist()]


def faults(rows: list[Rows]) -> list[tuple[int, str]]:
    """Place and code of all that is no document."""
    return [(item.row, item.code) for some in rows for item in some.broken]


def tally(rows: list[Rows]) -> dict[str, int]:
    """What was counted."""
    return dict(sum((some.tally for some in rows), Counter()))


def one(folder: Path, sent: bytes) -> tuple[list[dict[str, object]], list[tuple[int, str]]]:
    """What becomes of one answer of a server behind a good one."""
    rows = rows_of(folder, "a.warc", response(0) + record("response", "http://example.org/x", sent))
    return records(rows)[1:], faults(rows)


def test_a_page_is_its_main_content_and_what_is_known_of_it(tmp_path: Path) -> None:
    [found] = records(rows_of(tmp_path, "a.warc.gz", zipped(crawl(1))))
    assert found == {
        "text": text(0),
        "url": "http://example.org/0",
        "date": "2024-05-01T00:00:00Z",
        "title": "Page 0",
        "language": "en-GB",
        "status": 200,
        "content_type": "text/html",
    }


def test_a_conversion_is_text_as_it_stands(tmp_path: Path) -> None:
    [found] = records(rows_of(tmp_path, "a.warc.wet.gz", zipped([conversion(3)])))
    assert (found["text"], found["language"], found["status"]) == ("Größe 3", "deu,eng", None)


@pytest.mark.parametrize("name", ["a.html", "a.htm", "a.html.gz"])
def test_an_html_file_is_a_document(tmp_path: Path, name: str) -> None:
    written = page(4).replace("<head>", '<head><link rel="canonical" href="http://example.org/4">').encode()
    rows = rows_of(tmp_path, name, gzip.compress(written) if name.endswith("gz") else written)
    [found] = records(rows)
    assert (found["text"], found["url"], found["title"]) == (text(4), "http://example.org/4", "Page 4")
    assert places(rows) == [1]


def test_records_that_are_no_documents_are_counted(tmp_path: Path) -> None:
    rows = rows_of(tmp_path, "a.warc.gz", zipped(crawl(5)))
    assert tally(rows) == {"record warcinfo": 1, "record request": 5}
    assert faults(rows) == []


@pytest.mark.parametrize(
    ("sent", "code"),
    [
        (answer(b"", status="301 Moved Permanently", more="Location: /new\r\n"), "redirect"),
        (answer(b"\x89PNG", "image/png"), "not-text"),
        (answer(b"<html><body></body></html>"), "no-text"),
        (answer(b" \r\n "), "no-text"),
    ],
)
def test_an_answer_without_a_document_is_left_out_and_no_failure(tmp_path: Path, sent: bytes, code: str) -> None:
    assert one(tmp_path, sent) == ([], [(len(response(0)), code)])
    assert code in LEFT_OUT


def test_a_page_of_an_error_has_its_status(tmp_path: Path) -> None:
    [found], _ = one(tmp_path, answer(page(1).encode(), status="404 Not Found"))
    assert found["status"] == 404


@pytest.mark.parametrize(
    ("body", "more"),
    [
        (gzip.compress(page(2).encode()), "Content-Encoding: gzip\r\n"),
        (b"%x\r\n%s\r\n0\r\n\r\n" % (len(page(2)), page(2).encode()), "Transfer-Encoding: chunked\r\n"),
    ],
)
def test_encodings_of_the_transfer_are_undone(tmp_path: Path, body: bytes, more: str) -> None:
    [found], _ = one(tmp_path, answer(body, more=more))
    assert found["text"] == text(2)


def test_where_a_document_stands_is_the_byte_of_its_record(tmp_path: Path) -> None:
    made = crawl(3)
    assert places(rows_of(tmp_path, "a.warc", b"".join(made))) == [len(b"".join(made[:i])) for i in (2, 4, 6)]
    assert places(rows_of(tmp_path, "a.warc.gz", zipped(made))) == [len(zipped(made[:i])) for i in (2, 4, 6)]


@pytest.mark.parametrize("size", [500, 1_000, 3_000, 100_000])
def test_units_of_any_size_hold_every_document_once(tmp_path: Path, size: int) -> None:
    made = zipped([*crawl(20), response(99, length=5)])
    whole = rows_of(tmp_path, "a.warc.gz", made, 1 << 20)
    parts = rows_of(tmp_path, "a.warc.gz", made, size)
    assert (records(parts), places(parts), faults(parts), tally(parts)) == (
        *(records(whole), places(whole), faults(whole), tally(whole)),
    )


@pytest.mark.parametrize("form", ["a.warc", "a.warc.gz", "a.warc.zst"])
def test_a_file_that_is_compressed_as_one_is_read_too(tmp_path: Path, form: str) -> None:
    data = b"".join(crawl(3))
    packed = {"gz": gzip.compress, "zst": lambda text: pa.Codec("zstd").compress(text, asbytes=True)}
    rows = rows_of(tmp_path, form, packed.get(form.rpartition(".")[2], bytes)(data))
    assert [found["text"] for found in records(rows)] == [text(0), text(1), text(2)]


@pytest.mark.parametrize(
    ("length", "code"),
    [(50, "wrong-length"), (5_000, "wrong-length"), (10**12, "too-long"), (10**30, "wrong-length")],
)
@pytest.mark.parametrize("form", ["a.warc", "a.warc.gz"])
def test_a_wrong_length_costs_one_record(tmp_path: Path, form: str, length: int, code: str) -> None:
    made = [response(0), response(1, length), response(2)]
    packed = zipped if form.endswith("gz") else b"".join
    rows = rows_of(tmp_path, form, packed(made))
    assert [found["title"] for found in records(rows)] == ["Page 0", "Page 2"]
    assert faults(rows) == [(len(packed(made[:1])), code)]


def test_a_damaged_member_costs_one_record(tmp_path: Path) -> None:
    made = crawl(30)
    start, data = len(zipped(made[:8])), bytearray(zipped(made))
    data[start + 40 : start + 60] = bytes(20)
    rows = rows_of(tmp_path, "a.warc.gz", bytes(data))
    assert faults(rows) == [(start, "damaged-record")]
    assert len(records(rows)) == 29


@pytest.mark.parametrize("cut", [1, 100, 250])
@pytest.mark.parametrize("form", ["a.warc", "a.warc.gz"])
def test_an_archive_that_breaks_off_keeps_what_stands_before(tmp_path: Path, form: str, cut: int) -> None:
    made = crawl(10)
    packed = zipped if form.endswith("gz") else b"".join
    rows = rows_of(tmp_path, form, packed(made)[: -cut - 4])
    assert faults(rows) == [(len(packed(made[:-1])), "truncated")]
    assert len(records(rows)) == 9


def test_a_page_that_is_not_in_its_charset_costs_one_record(tmp_path: Path) -> None:
    assert one(tmp_path, answer("<p>Straße".encode("latin-1")))[1] == [(len(response(0)), "wrong-charset")]


def test_a_record_that_is_too_long_is_passed_over() -> None:
    made = [response(0), record("response", "http://example.org/x", answer(b"x" * 50_000)), response(2)]
    for packed in (zipped, b"".join):
        seen = list(frames(members(io.BytesIO(packed(made)), "gzip" if packed is zipped else None), "f", 20_000))
        assert [type(item) for item in seen] == [Frame, Broken, Frame]


def test_nested_archives_are_one_record() -> None:
    inner = record("resource", "http://example.org/a.warc", b"".join(crawl(2)), b"application/warc")
    assert len(list(frames(members(io.BytesIO(inner), None), "f"))) == 1


@settings(max_examples=150)
@given(st.data())
def test_no_damage_is_a_crash(data: st.DataObject) -> None:
    whole = data.draw(st.sampled_from([zipped(crawl(3)), b"".join(crawl(3))]))
    broken, packed = bytearray(whole), whole[:2] == b"\x1f\x8b"
    for _ in range(data.draw(st.integers(1, 5))):
        at = data.draw(st.integers(0, len(broken)))
        broken[at : at + data.draw(st.integers(0, 40))] = data.draw(st.binary(max_size=20))
    parts = members(io.BytesIO(bytes(broken)), "gzip" if packed else None)
    rows = list(archive_rows(frames(parts, "f"), "f"))
    assert sum(map(len, rows)) <= 6


@given(st.binary(max_size=3_000), st.integers(1, 500))
def test_what_is_no_archive_holds_no_record(data: bytes, size: int) -> None:
    stream = io.BytesIO(data.replace(b"WARC/", b""))
    assert not any(isinstance(item, Frame) for item in frames(members(stream, None), "f", size))


CHINESE = "这是一个很长的中文句子，用来测试字符编码。" * 3


@pytest.mark.parametrize(
    ("data", "declared", "text"),
    [
        ("Größe".encode(), None, "Größe"),
        ("Größe".encode("latin-1"), "ISO-8859-1", "Größe"),
        ("“quoted”".encode("cp1252"), "iso-8859-1", "“quoted”"),
        ("Größe".encode(), "no-such-charset", "Größe"),
        ("Größe".encode("utf-16"), "utf-8", "Größe"),
        (b"\xef\xbb\xbfText", "ascii", "Text"),
        (CHINESE.encode("gb18030"), "gb2312", CHINESE),
        (b'<meta charset="gbk">' + CHINESE.encode("gbk"), None, f'<meta charset="gbk">{CHINESE}'),
        (CHINESE.encode("gb18030"), None, CHINESE),
    ],
)
def test_a_page_is_read_in_the_charset_it_is_in(data: bytes, declared: str | None, text: str) -> None:
    assert decoded(data, declared) == text


def test_bytes_in_none_of_the_charsets_they_may_be_in_are_undecodable() -> None:
    with pytest.raises(Undecodable, match=r"utf-8: byte 2: invalid start byte"):
        decoded(b"a\xff\xfe\xfd", "utf-8")


def test_another_version_of_a_library_is_other_content(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rows_of(tmp_path, "a.html", page(1).encode())
    source = SourceConfig("s", "a.html")
    before = content(source, tmp_path, {})
    monkeypatch.setattr("importlib.metadata.version", lambda name: "0")
    assert content(source, tmp_path, {}) != before
    assert content(SourceConfig("s", "a.html", kind="text"), tmp_path, {}) != before


def test_a_missing_library_is_one_line_with_the_remedy(tmp_path: Path) -> None:
    (tmp_path / "a.warc").write_bytes(response(0))
    code = (
        "import sys; sys.modules['fastwarc'] = None\n"
        "from pathlib import Path\n"
        "from finery.data.source import SourceConfig\n"
        "from finery.data.units import units\n"
        "from finery.errors import MissingExtra\n"
        "try: units(SourceConfig('s', 'a.warc'), Path('.'))\n"
        "except MissingExtra as error: print(error)"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=True)
    assert done.stdout == "source 's': needs the library 'fastwarc': pip install 'finery[web]'\n"


def test_a_type_that_nobody_names_is_looked_for(tmp_path: Path) -> None:
    body = b"HTTP/1.1 200 OK\r\n\r\n" + page(5).encode()
    rows = rows_of(tmp_path, "a.warc", record("response", "http://example.org/5", body, HTTP))
    assert [found["text"] for found in records(rows)] == [text(5)]
