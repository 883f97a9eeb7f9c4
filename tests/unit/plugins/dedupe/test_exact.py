"""The dedupe `exact` gives equal texts one key."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from finery_plugins.dedupe.exact import Exact

BatchOf = Callable[..., pa.Table]


def are_equal(batch_of: BatchOf, one: str, other: str, normalise: Any) -> bool:
    keys = Exact(normalise=normalise).dedupe(batch=batch_of(text=[one, other]))
    assert keys.type == pa.binary(16)
    return bool(keys[0] == keys[1])


@pytest.mark.parametrize(
    ("one", "other", "none", "whitespace", "letters"),
    [
        ("a b", "a b", True, True, True),
        ("a b", " a\n\tb ", False, True, True),
        ("a b", "a\u3000b", False, True, True),
        ("caf\u00e9", "cafe\u0301", False, True, True),
        ("a b", "A, b!", False, False, True),
        ("straße", "STRASSE", False, False, True),
        ("a b", "ab", False, False, True),
        ("a b", "a c", False, False, False),
        ("a 1", "a 2", False, False, False),
        ("कि", "की", False, False, False),
        ("!!!", "???", False, False, False),
        ("", "!", False, False, False),
        ("", " ", False, True, False),
    ],
)
def test_what_is_equal(batch_of: BatchOf, one: str, other: str, none: bool, whitespace: bool, letters: bool) -> None:
    assert are_equal(batch_of, one, other, "none") == none
    assert are_equal(batch_of, one, other, "whitespace") == whitespace
    assert are_equal(batch_of, one, other, "letters") == letters


@given(st.lists(st.text("aA é\u0301,\n", max_size=5), max_size=6), st.sampled_from(["none", "whitespace", "letters"]))
def test_a_key_depends_on_its_record_only(batch_of: BatchOf, texts: list[str], normalise: Any) -> None:
    exact = Exact(normalise=normalise)
    alone = [exact.dedupe(batch=batch_of(text=[text])).to_pylist()[0] for text in texts]
    assert exact.dedupe(batch=batch_of(text=pa.array(texts, pa.large_string()))).to_pylist() == alone


def test_records_of_different_shapes_are_compared_by_their_text(batch_of: BatchOf) -> None:
    text = Exact().dedupe(batch=batch_of(text=["do it\ndone"]))
    alpaca = Exact().dedupe(batch=batch_of(instruction=["do it"], input=[""], output=["done"]))
    assert text.equals(alpaca)


def test_a_named_column_is_compared(batch_of: BatchOf) -> None:
    keys = Exact(column="url").dedupe(batch=batch_of(text=["a", "b"], url=["u", "u"]))
    assert keys[0] == keys[1]


def test_no_records_have_no_keys(batch_of: BatchOf) -> None:
    assert len(Exact(normalise="letters").dedupe(batch=batch_of(text=["a"]).slice(0, 0))) == 0
