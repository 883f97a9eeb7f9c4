"""Shapes: recognised by names and values, every value checked, every other field kept."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import orjson
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from finery.data.columns import as_type, common_type
from finery.data.identity import record_ids
from finery.data.jsonlines import columnar
from finery.data.read import Rows, detect, read
from finery.data.rows import Raw, gathered
from finery.data.shapes import SHAPES, guessed, shaped
from finery.data.source import SourceConfig
from finery.data.units import units

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
SCALAR = (
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**64 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | TEXT
)
JSON = st.recursive(SCALAR, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3))


def raw(*records: dict[str, object]) -> Raw:
    """Records as a reader yields them."""
    return columnar(records, "f", range(1, len(records) + 1), [], 0)


def rows(shape: str, *records: dict[str, object], **mapping: str) -> Rows:
    """Records in a shape."""
    return shaped(raw(*records), mapping, shape)


def one(shape: str, record: dict[str, object], **mapping: str) -> dict[str, object]:
    """One record in a shape, without its nulls."""
    (found,) = rows(shape, record, **mapping).table.to_pylist()
    return {name: value for name, value in found.items() if value is not None}


def fault(shape: str, record: dict[str, object]) -> tuple[str, str]:
    """Why a record is broken."""
    found = rows(shape, record)
    (broken,) = found.broken
    assert found.table.num_rows == 0
    return broken.code, broken.detail


SAID = [{"role": "user", "content": "hi"}, {"role": "assistant", "content": "yes"}]
SHAREGPT = [{"from": "human", "value": "hi"}, {"from": "gpt", "value": "yes"}]


@pytest.mark.parametrize(
    ("shape", "record"),
    [
        ("text", {"text": "a", "url": "u"}),
        ("text", {"text": "a", "label": ["x"]}),
        ("classification", {"text": "a", "label": 1}),
        ("alpaca", {"instruction": "a", "output": "b", "text": "c"}),
        ("ranked", {"instruction": "a", "output": ["b", "c"]}),
        ("preference", {"prompt": "p", "chosen": "a", "rejected": "b"}),
        ("preference", {"conversations": SHAREGPT, "chosen": SHAREGPT[1], "rejected": SHAREGPT[1]}),
        ("messages", {"messages": SAID}),
        ("messages", {"conversation": SAID, "label": True}),
        ("messages", {"conversations": SHAREGPT, "system": "s"}),
        ("messages", {"messages": json.dumps(SAID)}),
        ("prompt", {"prompt": "p", "completion": "c", "label": True}),
        ("prompt", {"prompt": SAID, "response": "c"}),
        (None, {"prompt": None, "body": "a"}),
        (None, {"messages": "text", "body": "a"}),
        (None, {"question": "a"}),
    ],
)
def test_a_shape_is_recognised_by_names_and_values(shape, record):
    assert guessed(raw({}, record).columns) == shape


def test_the_columns_of_a_shape_come_first_and_missing_ones_are_null():
    found = rows("alpaca", {"url": "u", "output": "b", "instruction": "a"})
    assert found.table.column_names == ["instruction", "input", "output", "history", "url"]
    assert found.table["history"].type == pa.list_(pa.list_(pa.large_string()))
    assert found.table["input"].to_pylist() == [None]


def test_ranked_answers_are_a_list():
    assert one("ranked", {"instruction": "a", "output": ["b", "c"]})["output"] == ["b", "c"]


def test_an_alpaca_history_is_a_list_of_pairs():
    record = {"instruction": "a", "output": "b", "history": [["q", "r"]]}
    assert one("alpaca", record)["history"] == [["q", "r"]]


@pytest.mark.parametrize("name", ["messages", "conversation", "conversations"])
@pytest.mark.parametrize("said", [SAID, SHAREGPT, json.dumps(SHAREGPT)])
def test_dialogues_of_any_spelling_are_messages(name, said):
    assert one("messages", {name: said}) == {"messages": SAID}


def test_roles_have_one_name_each():
    roles = ["Human", "GPT", "function_call", "observation", "tool", "developer", "narrator"]
    found = one("messages", {"conversations": [{"from": role, "value": ""} for role in roles]})
    assert [message["role"] for message in found["messages"]] == [
        "user",
        "assistant",
        "assistant",
        "tool",
        "tool",
        "system",
        "narrator",
    ]


def test_what_a_message_holds_beside_role_and_content_is_kept_whole():
    said = [{"role": "user", "content": [{"type": "text", "text": "a"}, {"type": "text", "value": "b"}], "weight": 0}]
    found = one("messages", {"messages": said})
    assert found["messages"] == [{"role": "user", "content": "ab"}]
    assert json.loads(found["original_messages"]) == said


def test_tool_calls_without_words_are_what_the_assistant_says():
    calls = [{"function": {"name": "f"}}]
    found = one("messages", {"messages": [{"role": "assistant", "content": None, "tool_calls": calls}]})
    assert json.loads(found["messages"][0]["content"]) == calls


def test_preferences_are_texts_or_messages():
    assert one("preference", {"prompt": "p", "chosen": "a", "rejected": "b"})["chosen"] == "a"
    found = one("preference", {"conversations": SHAREGPT[:1], "chosen": SHAREGPT[1], "rejected": [SHAREGPT[1]]})
    assert found == {"prompt": SAID[:1], "chosen": SAID[1:], "rejected": SAID[1:]}


def test_where_texts_and_messages_meet_a_text_is_one_message():
    found = rows(
        "preference",
        {"prompt": "p", "chosen": "a", "rejected": "b"},
        {"prompt": SAID[:1], "chosen": SAID[1:], "rejected": SAID[1:]},
    )
    assert found.table["prompt"].to_pylist()[0] == [{"role": "user", "content": "p"}]
    assert found.table["chosen"].to_pylist()[0] == [{"role": "assistant", "content": "a"}]


@pytest.mark.parametrize(("label", "text"), [("a", "a"), (1, "1"), (True, "true"), (1.5, "1.5")])
def test_a_label_is_text(label, text):
    assert one("classification", {"text": "a", "label": label})["label"] == text


@pytest.mark.parametrize(
    ("shape", "record", "code", "detail"),
    [
        ("text", {"text": None}, "missing-field", "text"),
        ("alpaca", {"instruction": "a"}, "missing-field", "output"),
        ("alpaca", {"instruction": "a", "output": ["b"]}, "wrong-type", "output: a list where text should be"),
        ("alpaca", {"instruction": "a", "output": "b", "history": [["q"]]}, "wrong-type", "history: "),
        ("ranked", {"instruction": "a", "output": ["b", 1]}, "wrong-type", "output: a number where text should be"),
        ("messages", {"messages": [{"role": "user"}]}, "wrong-type", "messages: message 1 has neither"),
        ("messages", {"messages": [*SAID, "x"]}, "wrong-type", "messages: message 3 is not an object"),
        ("messages", {"messages": 7}, "wrong-type", "messages: not a list of messages"),
        ("messages", {"messages": [{"role": "user", "content": [{"type": "image"}]}]}, "wrong-type", "messages: "),
        ("classification", {"text": "a", "label": {"x": 1}}, "wrong-type", "label: an object"),
        ("preference", {"chosen": 1, "rejected": "b"}, "wrong-type", "chosen: a number where text should be"),
        ("text", {"text": "a", "m": orjson.loads(b"[" * 300 + b"]" * 300)}, "too-deep", "m: "),
    ],
)
def test_a_value_that_does_not_fit_breaks_its_row_and_is_named(shape, record, code, detail):
    found = fault(shape, record)
    assert found[0] == code
    assert found[1].startswith(detail)


def test_a_broken_row_leaves_its_neighbours_in_place():
    found = rows("text", {"text": "a", "n": 1}, {"text": 2, "n": 2}, {"n": 3}, {"text": "d", "n": 4})
    assert found.table["n"].to_pylist() == [1, 4]
    assert found.rows.to_pylist() == [1, 4]
    assert [(item.row, item.code) for item in found.broken] == [(2, "wrong-type"), (3, "missing-field")]
    assert found.broken[0].raw == b'{"text":2,"n":2}'


def test_other_fields_keep_their_type_and_nested_ones_are_json_text():
    record = {"text": "a", "n": 1, "x": 0.5, "ok": True, "s": "t", "meta": {"b": [1, None], "a": "é"}}
    found = rows("text", record)
    assert one("text", record) == {**record, "meta": '{"a":"é","b":[1,null]}'}
    assert [str(kind) for kind in found.table.schema.types[1:]] == ["int64", "double", "bool", *["large_string"] * 2]


@pytest.mark.parametrize(
    ("values", "kind", "found"),
    [
        ([1, 2.5], "double", [1.0, 2.5]),
        ([1, "a"], "large_string", ["1", "a"]),
        ([True, 1], "large_string", ["true", "1"]),
        (["a", {"b": 1}], "large_string", ["a", '{"b":1}']),
        ([2**53 + 1, 0.5], "large_string", ["9007199254740993", "0.5"]),
        ([2**63, 1], "large_string", ["9223372036854775808", "1"]),
        ([None, None], "null", [None, None]),
    ],
)
def test_types_that_meet_in_a_column_find_one_that_holds_both(values, kind, found):
    table = rows("text", *({"text": "t", "x": value} for value in values)).table
    assert (str(table["x"].type), table["x"].to_pylist()) == (kind, found)


def test_fields_of_the_kernels_own_names_are_kept_under_another():
    record = {"text": "a", "id": 1, "original_id": 2, "source": "s", "parent": "p", "split": "train"}
    assert one("text", record) == {
        "text": "a",
        "original_original_id": 1,
        "original_id": 2,
        "original_source": "s",
        "original_parent": "p",
        "original_split": "train",
    }


def test_columns_are_mapped_moved_and_reached_into():
    record = {"body": "a", "text": "other", "meta": {"url": {"host": "h"}}, "a.b": 1}
    found = one("text", record, text="body", host="meta.url.host", ab="a.b")
    assert found == {
        "text": "a",
        "host": "h",
        "ab": 1,
        "original_text": "other",
        "meta": '{"url":{"host":"h"}}',
    }


@given(st.lists(st.fixed_dictionaries({"text": TEXT}, optional={"a": JSON, "b": JSON}), min_size=1))
def test_no_row_is_lost_and_any_json_is_kept(records):
    found = rows("text", *records)
    assert found.table["text"].to_pylist() == [record["text"] for record in records]
    assert found.broken == ()
    for name in set(found.table.column_names) - {"text"}:
        nulls = [record.get(name) is None for record in records]
        assert found.table[name].is_null().to_pylist() == nulls


@given(st.lists(st.fixed_dictionaries({"text": TEXT}, optional={"a": JSON, "b": JSON}), min_size=2))
def test_an_id_does_not_depend_on_the_neighbours(records):
    together = record_ids(rows("text", *records).table, "s").to_pylist()
    alone = [record_ids(rows("text", record).table, "s").to_pylist()[0] for record in records]
    assert together == alone


@given(st.lists(st.lists(JSON, min_size=1, max_size=4), min_size=1, max_size=4))
def test_an_id_does_not_depend_on_the_type_that_batches_agree_on(batches):
    tables = [rows("text", *({"text": "t", "x": value} for value in batch)).table for batch in batches]
    kind = common_type(table["x"].type for table in tables)
    for table in tables:
        lossy = kind == pa.float64() and table["x"].type == pa.int64()
        agreed = table.set_column(1, "x", as_type(table["x"], kind))
        if not lossy:
            assert record_ids(agreed, "s") == record_ids(table, "s")


@given(st.lists(st.integers(0, 6)), st.integers(1, 12))
def test_joining_small_batches_changes_neither_rows_nor_order(sizes, most):
    numbers = iter(range(100))
    parts = [raw(*({"text": str(next(numbers))} for _ in range(size))) for size in sizes]
    found = list(gathered(parts, max_rows=most))
    assert [text for part in found for text in part.columns.get("text", [])] == list(map(str, range(sum(sizes))))
    assert all(len(part) <= max(most, *sizes) for part in found)
    assert all(len(part.files) == len(part.rows) for part in found)


def test_a_record_has_one_id_whether_it_came_from_json_lines_an_array_csv_or_parquet(tmp_path: Path):
    records = [
        {"text": 'a, "b"\nc', "url": "u", "note": ""},
        {"text": "é中\t", "url": "v", "note": "7"},
        {"text": 'a, "b"\nc', "url": "u", "note": ""},
    ]
    (tmp_path / "a.jsonl").write_bytes(b"\n".join(map(orjson.dumps, records)))
    (tmp_path / "a.json").write_bytes(orjson.dumps(records))
    with (tmp_path / "a.csv").open("w", newline="") as file:
        csv.writer(file).writerows([records[0].keys(), *(record.values() for record in records)])
    with (tmp_path / "a.tsv").open("w", newline="") as file:
        csv.writer(file, "excel-tab").writerows([records[0].keys(), *(record.values() for record in records)])
    pq.write_table(pa.Table.from_pylist(records), tmp_path / "a.parquet")
    found = {path.name: ids(SourceConfig("s", path=path.name), tmp_path) for path in tmp_path.iterdir()}
    found["query"] = ids(SourceConfig("s", query="from 'a.parquet'"), tmp_path)
    assert len(found) == 6
    assert len({tuple(some) for some in found.values()}) == 1
    assert len(set(found["a.jsonl"])) == 2


def test_numbers_have_one_id_whether_they_came_from_json_or_parquet(tmp_path: Path):
    records = [{"text": "a", "n": 1, "x": 0.1, "ok": True}, {"text": "b", "n": -5, "x": 2.0, "ok": None}]
    (tmp_path / "a.jsonl").write_bytes(b"\n".join(map(orjson.dumps, records)))
    pq.write_table(pa.Table.from_pylist(records), tmp_path / "a.parquet")
    found = [ids(SourceConfig("s", path=name), tmp_path) for name in ("a.jsonl", "a.parquet")]
    assert found[0] == found[1]


def ids(source: SourceConfig, folder: Path) -> list[object]:
    """The ids of all records of a source."""
    found = units(source, folder)
    shape = detect(source, found, folder)
    parts = [record_ids(some.table, "s").to_pylist() for unit in found for some in read(unit, source, folder, shape)]
    return [one for part in parts for one in part]


def test_every_shape_but_a_table_has_a_required_column():
    assert all(any(field.required for field in fields) for shape, fields in SHAPES.items() if shape != "table")


def test_a_table_has_the_columns_that_there_are():
    found = rows("table", {"session": "s", "rating": 3}, {"session": "t", "good": True})
    assert found.table.to_pylist() == [
        {"session": "s", "rating": 3, "good": None},
        {"session": "t", "rating": None, "good": True},
    ]


def test_an_empty_record_of_a_table_is_broken():
    found = rows("table", {}, {})
    assert found.table.num_rows == 0
    assert [broken.code for broken in found.broken] == ["missing-field"] * 2


def test_verdicts_of_prompts_keep_their_type():
    record = {"prompt": "p", "completion": "c", "label": True}
    assert one("prompt", record) == record
