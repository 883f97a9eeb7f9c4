"""The score `pii` counts personal data by kind."""

from __future__ import annotations

from collections.abc import Callable

import pyarrow as pa
import pytest
from pydantic import ValidationError

from finery_plugins.score.pii import PiiScore

BatchOf = Callable[..., pa.Table]


def test_pieces_are_counted_in_all_and_by_kind(batch_of: BatchOf) -> None:
    batch = batch_of(text=["a@b.org or c@d.org, 10.0.0.1", None, "nothing"])
    columns = PiiScore(kinds=["ip", "email"]).score(batch=batch)
    assert {name: values.to_pylist() for name, values in columns.items()} == {
        "pii": [3, 0, 0],
        "pii_email": [2, 0, 0],
        "pii_ip": [1, 0, 0],
    }


def test_every_kind_that_needs_no_model_has_a_column(batch_of: BatchOf) -> None:
    columns = PiiScore().score(batch=batch_of(text=["a"]))
    kinds = ("secret", "email", "iban", "card", "id", "mac", "ip", "phone")
    assert list(columns) == ["pii", *(f"pii_{kind}" for kind in kinds)]
    assert {values.type for values in columns.values()} == {pa.int64()}


def test_no_records_have_empty_columns(batch_of: BatchOf) -> None:
    columns = PiiScore(kinds=["email"]).score(batch=batch_of(text=["a"]).slice(0, 0))
    assert {name: (len(values), values.type) for name, values in columns.items()} == {
        "pii": (0, pa.int64()),
        "pii_email": (0, pa.int64()),
    }


def test_all_text_of_a_dialogue_counts(batch_of: BatchOf) -> None:
    kind = pa.list_(pa.struct([("role", pa.large_string()), ("content", pa.large_string())]))
    turns = [{"role": "user", "content": "I am a@b.org"}, {"role": "assistant", "content": "and I am c@d.org"}]
    columns = PiiScore().score(batch=batch_of(messages=pa.array([turns], kind)))
    assert columns["pii_email"].to_pylist() == [2]


def test_names_need_a_model() -> None:
    with pytest.raises(ValidationError, match="names are found by a model"):
        PiiScore(kinds=["name"])
