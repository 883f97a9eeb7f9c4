"""The format `ranked` makes preference pairs, each with its parent."""

from __future__ import annotations

from collections.abc import Callable
from itertools import combinations
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from finery import PipelineError
from finery.testing import check
from finery_plugins.format.chat import MESSAGES
from finery_plugins.format.ranked import Ranked

BatchOf = Callable[..., pa.Table]
TEXTS = pa.list_(pa.large_string())


def pairs(batch_of: BatchOf, answers: list[str | None] | None, **options: Any) -> list[tuple[str, str]]:
    batch = batch_of(instruction=["q"], output=pa.array([answers], TEXTS))
    after = Ranked(**options).format(batch=batch)
    return list(zip(after["chosen"].to_pylist(), after["rejected"].to_pylist(), strict=True))


def test_pairs_by_kind(batch_of: BatchOf) -> None:
    answers: list[str | None] = ["a", "b", "c"]
    assert pairs(batch_of, answers) == [("a", "b"), ("a", "c"), ("b", "c")]
    assert pairs(batch_of, answers, pairs="adjacent") == [("a", "b"), ("b", "c")]
    assert pairs(batch_of, answers, pairs="best") == [("a", "b"), ("a", "c")]


def test_those_farthest_apart_stay_under_a_bound(batch_of: BatchOf) -> None:
    assert pairs(batch_of, ["a", "b", "c", "d"], max_pairs=3) == [("a", "c"), ("a", "d"), ("b", "d")]


@pytest.mark.parametrize("answers", [None, [], ["a"], ["a", "a"], ["a", "", None]])
def test_nothing_to_compare_makes_no_pair(batch_of: BatchOf, answers: list[str | None] | None) -> None:
    assert pairs(batch_of, answers) == []


@given(st.lists(st.none() | st.text("ab", max_size=2), max_size=6))
def test_all_pairs_agree_with_plain_python(batch_of: BatchOf, answers: list[str | None]) -> None:
    said: list[str] = []
    for answer in answers:
        if answer and answer not in said:
            said.append(answer)
    assert pairs(batch_of, answers) == list(combinations(said, 2))


def test_each_pair_names_its_parent_and_keeps_other_columns(batch_of: BatchOf) -> None:
    output = pa.array([["a", "b", "c"], ["d"], ["e", "f"]], TEXTS)
    batch = batch_of(instruction=["p", "q", "r"], input=["x", None, ""], output=output, n=[1, 2, 3])
    after = Ranked(pairs="adjacent").format(batch=batch)
    ids = batch["id"].to_pylist()
    assert after["parent"].to_pylist() == [ids[0], ids[0], ids[2]]
    assert after.column_names == ["parent", "source", "n", "prompt", "chosen", "rejected"]
    assert after["prompt"].to_pylist() == ["p\n\nx", "p\n\nx", "r"]
    assert after["n"].to_pylist() == [1, 1, 3]


def test_messages_on_request(batch_of: BatchOf) -> None:
    batch = batch_of(instruction=["q"], output=pa.array([["a", "b"]], TEXTS))
    after = Ranked(to="messages").format(batch=batch)
    assert after.schema.field("chosen").type == MESSAGES
    assert after["prompt"].to_pylist() == [[{"role": "user", "content": "q"}]]
    assert after["rejected"].to_pylist() == [[{"role": "assistant", "content": "b"}]]


def test_other_shapes_are_a_fault(batch_of: BatchOf) -> None:
    with pytest.raises(PipelineError, match="'ranked' finds no ranked answers"):
        Ranked().format(batch=batch_of(instruction=["q"], output=["a"]))
    with pytest.raises(ValidationError):
        Ranked(max_pairs=0)


def test_ranked_conforms() -> None:
    for plugin in (Ranked(), Ranked(pairs="adjacent", to="messages", max_pairs=2)):
        report = check(plugin, "ranked")
        assert report.faults == ()
        assert [one for one in report.results if one.skipped] == []
