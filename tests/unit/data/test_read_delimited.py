"""Reading CSV and TSV: quotes, newlines inside quotes, and rows that are not what the header says."""

from __future__ import annotations

import csv
import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from finery.data.decompress import Damaged
from finery.data.delimited import delimited_rows
from finery.data.lines import line_batches
from finery.data.rows import Broken, Raw
from finery.errors import DataError

FIELD = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\r\x00"), max_size=12)


def rows_of(content: bytes, delimiter: str = ",", size: int = 1 << 20) -> list[Raw]:
    """The rows of a file that arrives in chunks of `size` bytes."""
    chunks = [content[start : start + size] for start in range(0, len(content), size)]
    return list(delimited_rows(line_batches(chunks, "f.csv"), "f.csv", delimiter))


def column(raws: list[Raw], name: str) -> list[str]:
    """One column of all rows."""
    return [value for raw in raws for value in raw.columns[name]]


def numbers(raws: list[Raw]) -> list[int]:
    """The line numbers of all rows."""
    return [row for raw in raws for row in raw.rows]


def broken(raws: list[Raw]) -> list[Broken]:
    """All that could not be read."""
    return [item for raw in raws for item in raw.broken]


@given(st.lists(st.tuples(FIELD, FIELD)), st.integers(1, 40), st.sampled_from([",", "\t"]))
def test_rows_read_back_equal_with_any_text_in_them(rows, size, delimiter):
    text = io.StringIO(newline="")
    csv.writer(text, delimiter=delimiter, quoting=csv.QUOTE_ALL).writerows([("a", "b"), *rows])
    raws = rows_of(text.getvalue().encode(), delimiter, size)
    assert list(zip(column(raws, "a"), column(raws, "b"), strict=True)) == rows
    assert broken(raws) == []


def test_a_row_is_numbered_by_the_line_it_begins_on():
    raws = rows_of(b'text\n"a\nb"\nc\n\nd\n')
    assert column(raws, "text") == ["a\nb", "c", "d"]
    assert numbers(raws) == [2, 4, 6]


def test_a_row_with_the_wrong_number_of_fields_is_broken():
    raws = rows_of(b"a,b\n1,2\n3\n4,5,6\n7,8\n")
    assert column(raws, "a") == ["1", "7"]
    assert [(item.row, item.code, item.raw) for item in broken(raws)] == [
        (3, "wrong-fields", b"3"),
        (4, "wrong-fields", b"4,5,6"),
    ]
    assert broken(raws)[0].detail == "1 fields where the header has 2"


def test_a_stray_quote_costs_its_line_only():
    raws = rows_of(b'a,b\n1,"x\n2,y\n3,"z"\n4,w\n')
    assert column(raws, "a") == ["2", "3", "4"]
    assert [(item.row, item.code) for item in broken(raws)] == [(2, "not-csv")]


def test_bytes_that_are_no_text_cost_their_row_only():
    raws = rows_of(b"a,b\n1,x\n2,\xff\n3,y\n")
    assert column(raws, "a") == ["1", "3"]
    assert [(item.row, item.code) for item in broken(raws)] == [(3, "not-utf8")]


def test_an_empty_field_is_an_empty_text():
    assert column(rows_of(b'a,b\n,""\n'), "b") == [""]


def test_a_byte_order_mark_and_carriage_returns_are_no_fault():
    raws = rows_of(b'\xef\xbb\xbfa,b\r\n1,"x\r\ny"\r\n')
    assert (column(raws, "a"), column(raws, "b")) == (["1"], ["x\r\ny"])


def test_a_column_without_a_name_is_called_by_its_number():
    assert list(rows_of(b",text\n0,a\n")[0].columns) == ["column_1", "text"]


def test_two_columns_of_one_name_are_an_error():
    with pytest.raises(DataError, match="two columns 'a'"):
        rows_of(b"a,a\n1,2\n")


def test_a_field_may_be_longer_than_the_parsers_own_limit():
    assert column(rows_of(b'text\n"' + b"x" * 1_000_000 + b'"\n'), "text") == ["x" * 1_000_000]


def test_the_row_that_a_break_cuts_is_part_of_what_the_break_costs():
    def torn():
        yield b'text\na\n"b\nhalf of '
        raise Damaged("truncated", "ends too early")

    raws = list(delimited_rows(line_batches(torn(), "f.csv"), "f.csv"))
    assert column(raws, "text") == ["a"]
    assert [item.code for item in broken(raws)] == ["truncated"]


@pytest.mark.parametrize("content", [b"", b"\n\n", b"a,b\n"])
def test_a_file_without_rows_yields_none(content):
    raws = rows_of(content)
    assert (numbers(raws), broken(raws)) == ([], [])
