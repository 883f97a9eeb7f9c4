"""Reading JSON Lines: every line once, whatever the cut; a bad line costs itself and nothing else."""

from __future__ import annotations

import gzip
from pathlib import Path

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from finery.data.decompress import plain_chunks
from finery.data.jsonlines import json_rows
from finery.data.lines import Lines, line_batches
from finery.data.read import Broken, Rows, detect, read
from finery.data.source import SourceConfig
from finery.data.units import units
from finery.errors import DataError

LINE = st.binary(max_size=30).map(lambda line: line.replace(b"\n", b" "))
TEXT = st.text(st.characters(exclude_categories=["Cs"]))


def rows_of(source: SourceConfig, folder: Path, size: int = 64 << 20) -> list[Rows]:
    """Everything there is in a source."""
    found = units(source, folder, size=size)
    shape = detect(source, found, folder)
    return [rows for unit in found for rows in read(unit, source, folder, shape)]


def column(rows: list[Rows], name: str) -> list[object]:
    """One column of all rows."""
    return [value for some in rows for value in some.table[name].to_pylist()]


def broken(rows: list[Rows]) -> list[Broken]:
    """All that could not be read."""
    return [item for some in rows for item in some.broken]


def jsonl(folder: Path, content: bytes, name: str = "a.jsonl") -> SourceConfig:
    """A source of one file."""
    (folder / name).write_bytes(content)
    return SourceConfig("s", path=name)


def one_bad_line(folder: Path, line: bytes) -> Broken:
    """What a bad line between two good ones becomes."""
    rows = rows_of(jsonl(folder, b'{"text":"a"}\n' + line + b'\n{"text":"b"}\n'), folder)
    assert column(rows, "text") == ["a", "b"]
    assert [number for some in rows for number in some.rows.to_pylist()] == [1, 3]
    (found,) = broken(rows)
    return found


@given(st.lists(LINE), st.integers(1, 40), st.booleans(), st.booleans())
def test_every_line_comes_once_with_its_number_however_the_bytes_arrive(lines, size, ended, carriage):
    newline = b"\r\n" if carriage else b"\n"
    content = newline.join(lines) + (newline if ended and lines else b"")
    chunks = [content[start : start + size] for start in range(0, len(content), size)]
    batches = [batch for batch in line_batches(chunks, "f") if isinstance(batch, Lines)]
    numbered = [(number, line) for batch in batches for number, line in enumerate(batch.lines, batch.first)]
    expected = content.removeprefix(b"\xef\xbb\xbf").split(b"\n")
    if not expected[-1]:
        expected.pop()
    assert numbered == list(enumerate(expected, 1))


@given(st.lists(LINE), st.integers(1, 9), st.integers(0, 20))
def test_a_line_over_the_limit_is_broken_and_the_others_stay(lines, size, limit):
    content = b"".join(line + b"\n" for line in lines)
    chunks = [content[start : start + size] for start in range(0, len(content), size)]
    batches = list(line_batches(chunks, "f", max_line=limit, first=2))
    kept = {
        batch.first + at: line for batch in batches if isinstance(batch, Lines) for at, line in enumerate(batch.lines)
    }
    long = [batch.row for batch in batches if isinstance(batch, Broken)]
    assert kept == {row: line for row, line in enumerate(lines, 2) if len(line) <= limit}
    assert long == [row for row, line in enumerate(lines, 2) if len(line) > limit]


@given(st.lists(TEXT), st.integers(1, 200), st.integers(1, 50))
def test_records_read_back_equal_whatever_the_units(tmp_path_factory, texts, size, max_rows):
    folder = tmp_path_factory.mktemp("jsonl")
    content = b"".join(orjson.dumps({"text": text}) + b"\n" for text in texts)
    source = jsonl(folder, content)
    found = units(source, folder, size=size)
    rows = [rows for unit in found for rows in read(unit, source, folder, "text")]
    assert column(rows, "text") == texts
    assert [number for some in rows for number in some.rows.to_pylist()] == list(range(1, len(texts) + 1))
    raws = list(json_rows(line_batches([content], "a.jsonl"), "a.jsonl", max_rows))
    assert [text for raw in raws for text in raw.columns["text"]] == texts
    assert all(len(raw) <= max_rows for raw in raws)


@given(st.lists(LINE, min_size=1), st.integers(1, 60))
def test_byte_ranges_hold_each_byte_once_and_end_where_lines_do(tmp_path_factory, lines, size):
    folder = tmp_path_factory.mktemp("ranges")
    content = b"\n".join(lines)
    found = units(jsonl(folder, content), folder, size=size)
    pieces = [piece for unit in found for piece in unit.pieces]
    with (folder / "a.jsonl").open("rb") as stream:
        parts = [b"".join(plain_chunks(stream, piece.start, piece.end, 7)) for piece in pieces if not stream.seek(0)]
    assert b"".join(parts) == content
    assert all(part.endswith(b"\n") for part in parts[:-1])
    starts = [piece.first for piece in pieces]
    assert starts == [1 + sum(part.count(b"\n") for part in parts[:at]) for at in range(len(parts))]


@pytest.mark.parametrize(
    ("line", "code"),
    [
        (b'{"text": "half', "not-json"),
        (b"[1, 2]", "not-object"),
        (b'"text"', "not-object"),
        (b"null", "not-object"),
        (b'{"text": "\xff\xfe"}', "not-utf8"),
        (b'{"text": "\\ud800"}', "not-json"),
        (b'{"text": NaN}', "not-json"),
        (b'{"text":' * 2_000 + b"1" + b"}" * 2_000, "too-deep"),
        (b"[" * 100_000, "too-deep"),
        (b'{"other": "a"}', "missing-field"),
        (b'{"text": null}', "missing-field"),
        (b'{"text": 7}', "wrong-type"),
        (b'{"text": ["a"]}', "wrong-type"),
        (b'{"text": "a", "meta": ' + b'{"m":' * 400 + b"1" + b"}" * 401, "too-deep"),
    ],
)
def test_a_bad_line_costs_one_row_and_says_why(tmp_path, line, code):
    found = one_bad_line(tmp_path, line)
    assert (found.file, found.row, found.code) == ("a.jsonl", 2, code)


def test_a_bad_line_keeps_its_first_kilobyte(tmp_path):
    assert one_bad_line(tmp_path, b"x" * 5_000).raw == b"x" * 1024


def test_a_wrong_type_names_its_field(tmp_path):
    assert one_bad_line(tmp_path, b'{"text": 7}').detail == "text: a number where text should be"


def test_blank_lines_a_byte_order_mark_and_carriage_returns_are_no_fault(tmp_path):
    content = b'\xef\xbb\xbf{"text":"a"}\r\n\r\n   \n{"text":"b"}'
    rows = rows_of(jsonl(tmp_path, content), tmp_path)
    assert column(rows, "text") == ["a", "b"]
    assert rows[0].rows.to_pylist() == [1, 4]
    assert broken(rows) == []


def test_null_characters_inside_text_are_kept(tmp_path):
    rows = rows_of(jsonl(tmp_path, b'{"text":"a\\u0000b"}\n'), tmp_path)
    assert column(rows, "text") == ["a\0b"]


def test_rows_of_many_small_files_travel_together(tmp_path):
    for number in range(30):
        jsonl(tmp_path, b'{"text":"%d"}\n' % number, f"{number:02}.jsonl")
    (rows,) = rows_of(SourceConfig("s", path="*.jsonl"), tmp_path)
    assert rows.table.num_rows == 30
    assert rows.files.to_pylist() == [f"{number:02}.jsonl" for number in range(30)]
    assert set(rows.rows.to_pylist()) == {1}


def test_no_more_than_8192_rows_travel_together(tmp_path):
    rows = rows_of(jsonl(tmp_path, b'{"text":"a"}\n' * 20_000), tmp_path)
    assert [some.table.num_rows for some in rows] == [8192, 8192, 3616]


def test_a_half_written_gzip_keeps_what_stands_before_the_break(tmp_path):
    lines = [orjson.dumps({"text": f"{number} " * 50}) for number in range(2_000)]
    whole = gzip.compress(b"\n".join(lines))
    rows = rows_of(jsonl(tmp_path, whole[: len(whole) // 2], "a.jsonl.gz"), tmp_path)
    texts = column(rows, "text")
    (found,) = broken(rows)
    assert texts == [f"{number} " * 50 for number in range(len(texts))]
    assert (found.code, found.file, found.row) == ("truncated", "a.jsonl.gz", len(texts) + 1)
    assert len(texts) > 500


def test_objects_of_ever_new_fields_are_refused_before_they_fill_the_memory(tmp_path):
    content = b"".join(b'{"text":"a","k%d":1}\n' % number for number in range(5_000))
    with pytest.raises(DataError, match="different fields"):
        rows_of(jsonl(tmp_path, content), tmp_path)


def test_a_file_that_changed_after_the_units_were_made_is_an_error(tmp_path):
    source = jsonl(tmp_path, b'{"text":"a"}\n')
    (unit,) = units(source, tmp_path)
    jsonl(tmp_path, b'{"text":"a"}\n{"text":"b"}\n')
    with pytest.raises(DataError, match="changed while it was read"):
        list(read(unit, source, tmp_path, "text"))


def test_an_empty_file_yields_nothing(tmp_path):
    source = jsonl(tmp_path, b"")
    assert [rows for unit in units(source, tmp_path) for rows in read(unit, source, tmp_path, "text")] == []
    with pytest.raises(DataError, match="has no records"):
        rows_of(source, tmp_path)


def test_a_json_array_under_the_wrong_suffix_is_recognised_in_the_error(tmp_path):
    with pytest.raises(DataError, match='kind = "json"'):
        rows_of(jsonl(tmp_path, b'[\n {\n  "text": "a"\n }\n]\n'), tmp_path)
