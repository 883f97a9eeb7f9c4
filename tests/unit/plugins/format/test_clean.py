"""The format `clean` repairs text and leaves the rest alone."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from finery import MissingExtra
from finery_plugins.format import clean
from finery_plugins.format.clean import Clean

BatchOf = Callable[..., pa.Table]


def cleaned(batch_of: BatchOf, *texts: str | None, **options: Any) -> list[str | None]:
    found: list[str | None] = Clean(**options).format(batch=batch_of(text=list(texts)))["text"].to_pylist()
    return found


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("cafÃ© costs 3 â‚¬", "café costs 3 €"),
        ("fine\ncafÃ©", "fine\ncafé"),
        ("cafe\u0301", "café"),
        ("a\r\nb\rc\u2028d", "a\nb\nc\nd"),
        ("a\x00b\x1bc\ufeff", "abc"),
        ("a \t\nb\u3000", "a\nb"),
        ("a\n\n\n\n\n\nb", "a\n\n\nb"),
        ("\n\n  a\n", "  a"),
        (" \n\t\n", ""),
        ("\ttabs\tstay", "\ttabs\tstay"),
        ("“quotes” ﬁne &amp; ＷＩＤＥ", "“quotes” ﬁne &amp; ＷＩＤＥ"),
        (None, None),
    ],
)
def test_what_clean_does(batch_of: BatchOf, before: str | None, after: str | None) -> None:
    assert cleaned(batch_of, before) == [after]


@pytest.mark.parametrize(
    ("option", "text"),
    [
        ({"repair": False}, "cafÃ©"),
        ({"normal_form": "none"}, "cafe\u0301"),
        ({"controls": False}, "a\x00b"),
        ({"whitespace": False}, "a \n\n\n\n\nb\n"),
    ],
)
def test_each_step_can_be_left_out(batch_of: BatchOf, option: dict[str, Any], text: str) -> None:
    assert cleaned(batch_of, text, **option) == [text]
    assert cleaned(batch_of, text) != [text]


def test_compatibility_forms_are_plain_on_request(batch_of: BatchOf) -> None:
    assert cleaned(batch_of, "ﬁne ＷＩＤＥ", normal_form="NFKC") == ["fine WIDE"]


def test_what_was_said_is_cleaned_and_who_said_it_stays(batch_of: BatchOf) -> None:
    kind = pa.list_(pa.struct([("role", pa.large_string()), ("content", pa.large_string())]))
    batch = batch_of(messages=pa.array([[{"role": "user ", "content": "hi \n"}], None], kind))
    after = Clean().format(batch=batch)["messages"]
    assert after.type == kind
    assert after.to_pylist() == [[{"role": "user ", "content": "hi"}], None]


def test_a_column_in_which_nothing_changes_stays_the_same(batch_of: BatchOf) -> None:
    batch = batch_of(instruction=["a", "b"], output=["fine", "not "])
    after = Clean().format(batch=batch)
    assert after["instruction"].chunk(0) is not None
    assert after["instruction"].chunk(0).buffers()[2].address == batch["instruction"].chunk(0).buffers()[2].address
    assert after["output"].to_pylist() == ["fine", "not"]


def test_other_columns_are_not_text_unless_named(batch_of: BatchOf) -> None:
    batch = batch_of(text=["a "], url=["u "])
    assert Clean().format(batch=batch)["url"].to_pylist() == ["u "]
    assert Clean(columns=["url"]).format(batch=batch).select(["text", "url"]).to_pylist() == [
        {"text": "a ", "url": "u"}
    ]


def test_chunks_and_order_of_columns_are_kept(batch_of: BatchOf) -> None:
    batch = batch_of(text=pa.chunked_array([["a "], [None, "b"]], pa.large_string()), n=[1, 2, 3])
    after = Clean().format(batch=batch)
    assert after.schema == batch.schema
    assert after["text"].to_pylist() == ["a", None, "b"]


@given(st.lists(st.text("aé\u0301 \t\n\r\x00\u2028Ã©", max_size=12), max_size=5))
def test_cleaning_twice_changes_nothing_more(batch_of: BatchOf, texts: list[str]) -> None:
    once = Clean(repair=False).format(batch=batch_of(text=pa.array(texts, pa.large_string())))
    assert Clean(repair=False).format(batch=once)["text"].to_pylist() == once["text"].to_pylist()


def test_without_ftfy_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ftfy", None)
    with pytest.raises(MissingExtra, match=r"pip install 'finery\[text\]'"):
        clean.ftfy.__wrapped__()
