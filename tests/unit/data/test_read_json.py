"""Reading JSON files: arrays element by element, objects that hold one list, lines under another name."""

from __future__ import annotations

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from finery.data.jsonarray import element_rows
from finery.data.jsontree import tree_rows
from finery.data.rows import Broken, Raw
from finery.errors import DataError

VALUE = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(st.characters(exclude_categories=["Cs"])),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text('ab[]{}"\\,: ', max_size=5), inner, max_size=3),
    max_leaves=8,
)
RECORD = st.dictionaries(st.sampled_from(["text", "a", "b"]), VALUE, min_size=1)


def rows_of(content: bytes, size: int = 1 << 20, **limits: int) -> list[Raw]:
    """The rows of a file that arrives in chunks of `size` bytes."""
    chunks = [content[start : start + size] for start in range(0, len(content), size)]
    return list(tree_rows(lambda: iter(chunks), "f.json", **limits))


def texts(raws: list[Raw]) -> list[object]:
    """The texts of all rows."""
    return [text for raw in raws for text in raw.columns.get("text", [])]


def numbers(raws: list[Raw]) -> list[int]:
    """The numbers of all rows."""
    return [row for raw in raws for row in raw.rows]


def broken(raws: list[Raw]) -> list[Broken]:
    """All that could not be read."""
    return [item for raw in raws for item in raw.broken]


@given(st.lists(RECORD), st.integers(1, 30), st.booleans())
def test_an_array_reads_back_equal_however_its_bytes_arrive(records, size, indented):
    content = orjson.dumps(records, option=orjson.OPT_INDENT_2 if indented else 0)
    chunks = [content[start : start + size] for start in range(0, len(content), size)]
    raws = list(element_rows(chunks, "f"))
    found = [
        {name: raw.columns[name][at] for name in raw.columns if raw.columns[name][at] is not None}
        for raw in raws
        for at in range(len(raw))
    ]
    assert found == [{name: value for name, value in record.items() if value is not None} for record in records]
    assert numbers(raws) == list(range(1, len(records) + 1))
    assert broken(raws) == []


def test_a_broken_element_costs_one_row():
    raws = rows_of(b'[{"text":"a"}, {"text": oops}, 7, "b,c", [1], {"text":"d"}]', size=5)
    assert texts(raws) == ["a", "d"]
    assert numbers(raws) == [1, 6]
    assert [(item.row, item.code) for item in broken(raws)] == [
        (2, "not-json"),
        (3, "not-object"),
        (4, "not-object"),
        (5, "not-object"),
    ]


def test_a_half_written_array_keeps_what_stands_before_the_break():
    raws = rows_of(b'[{"text":"a"},{"text":"b"},{"text":"c', size=4)
    assert texts(raws) == ["a", "b"]
    assert [(item.row, item.code, item.raw) for item in broken(raws)] == [(3, "truncated", b'{"text":"c')]


def test_text_behind_an_array_is_broken():
    raws = rows_of(b'[{"text":"a"}] tail')
    assert texts(raws) == ["a"]
    assert [item.code for item in broken(raws)] == ["not-json"]


def test_a_bracket_too_many_loses_nothing_else():
    raws = rows_of(b'[{"text":"a"}]]', size=3)
    assert texts(raws) == ["a"]
    assert len(broken(raws)) == 1


def test_an_element_too_large_to_hold_is_an_error_that_names_it():
    with pytest.raises(DataError, match="element 2 is longer than 100 bytes"):
        rows_of(b'[{"text":"a"},{"text":"' + b"x" * 1_000 + b'"}]', size=50, max_line=100)


def test_an_object_with_one_list_of_objects_is_that_list():
    raws = rows_of(b'{"version": 1, "examples": [{"text":"a"},{"text":"b"}], "tags": ["x"]}')
    assert texts(raws) == ["a", "b"]
    assert numbers(raws) == [1, 2]


def test_a_single_object_is_one_record():
    assert texts(rows_of(b'{\n "text": "a",\n "tags": ["x"]\n}')) == ["a"]


def test_a_single_dialogue_is_one_record():
    (raw,) = rows_of(b'{"messages": [{"role":"user","content":"a"}]}')
    assert list(raw.columns) == ["messages"]


def test_json_lines_under_the_suffix_json_are_lines():
    raws = rows_of(b'{"text":"a"}\nnope\n{"text":"b"}\n')
    assert texts(raws) == ["a", "b"]
    assert [(item.row, item.code) for item in broken(raws)] == [(2, "not-json")]


def test_a_file_that_is_no_json_is_one_broken_row():
    assert [(item.row, item.code) for item in broken(rows_of(b"hello"))] == [(1, "not-json")]


def test_a_nested_bomb_is_one_broken_row():
    assert [item.code for item in broken(rows_of(b'{"a":' * 3_000))] == ["too-deep"]
    bomb = b"[" + b"[" * 3_000 + b"]" * 3_000 + b',{"text":"a"}]'
    raws = rows_of(bomb, size=100)
    assert (texts(raws), [item.code for item in broken(raws)]) == (["a"], ["too-deep"])


@pytest.mark.parametrize("content", [b"", b"  \n", b"\xef\xbb\xbf", b"[]", b"\xef\xbb\xbf[ ]\n"])
def test_a_file_without_records_yields_nothing(content):
    assert (texts(rows_of(content)), broken(rows_of(content))) == ([], [])
