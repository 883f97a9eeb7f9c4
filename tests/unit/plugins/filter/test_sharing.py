"""The rule sets of a pass share the words of a document, and decide as each would alone."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pytest
from hypothesis import given
from hypothesis import strategies as st

from finery.testing import memo
from finery_plugins.filter.fineweb import FineWeb
from finery_plugins.filter.gopher import Gopher
from finery_plugins.filter.repetition import Repetition
from finery_plugins.text.content import text

BatchOf = Callable[..., pa.Table]
TEXTS = st.lists(
    st.lists(st.sampled_from(["the", "of", "a b a b", "don't", "end.", "\n", "中文", "#", "...", ""]), max_size=12).map(
        " ".join
    ),
    min_size=1,
    max_size=8,
)


def rules(preset: Any) -> list[Any]:
    return [Repetition(preset=preset), Gopher(preset=preset), FineWeb(), Gopher(preset="datatrove")]


def told(reasons: Any) -> list[list[Any]]:
    return [part.to_pylist() for part in (reasons.code, reasons.value, reasons.bound, reasons.detail)]


@pytest.mark.parametrize("preset", ["paper", "datatrove"])
@given(texts=TEXTS, stays=st.lists(st.booleans(), min_size=8, max_size=8))
def test_sharing_changes_no_decision(batch_of: BatchOf, preset: str, texts: Sequence[str], stays: list[bool]) -> None:
    batch, shared = batch_of(text=list(texts)), memo()
    for number, plugin in enumerate(rules(preset)):
        assert told(plugin.filter(batch=batch, memo=shared)) == told(plugin.filter(batch=batch, memo=memo()))
        if number == 1:  # as where a stage drops records
            mask = pa.array(stays[: len(batch)], pa.bool_())
            batch = batch.filter(mask)
            shared.keep(mask)


def test_words_are_found_once_for_all_rule_sets(batch_of: BatchOf) -> None:
    batch, names = batch_of(text=["the end of it", "a b"]), []

    def counted(column: str, name: str, make: Callable[[], pa.Array]) -> pa.Array:
        names.append((column, name))
        return found(column, name, lambda: made.append(name) or make())  # type: ignore[func-returns-value]

    found, made = memo(), list[str]()
    for plugin in rules("datatrove"):
        plugin.filter(batch=batch, memo=counted)
    assert names == [("text", "finery.words.fine")] * 4
    assert made == ["finery.words.fine"]


def test_what_was_said_is_joined_once(batch_of: BatchOf) -> None:
    kind = pa.list_(pa.struct([("role", pa.large_string()), ("content", pa.large_string())]))
    batch = batch_of(messages=pa.array([[{"role": "user", "content": "a"}, {"role": "b", "content": "c"}]], kind))
    shared = memo()
    first, second = (text(batch, None, shared).array for _ in range(2))
    assert first.to_pylist() == ["a\nc"]
    assert first is second


def test_text_of_several_columns_is_not_shared(batch_of: BatchOf) -> None:
    shared = memo()
    before = batch_of(instruction=["a"], output=["b"])
    after = batch_of(instruction=["a"], output=["c"])
    plugin = Gopher(preset="datatrove", min_words=None, min_mean_word_length=None, min_stop_words=1, stop_words=["c"])
    codes = [plugin.filter(batch=batch, memo=shared).code.to_pylist() for batch in (before, after)]
    assert codes[0] != codes[1]
    assert pc.all(pc.equal(text(after, None, shared).array, "a\nc")).as_py()


def test_columns_are_shared_by_name(batch_of: BatchOf) -> None:
    batch, shared = batch_of(text=["one two"], other=["three"]), memo()
    for column, count in (("text", 2), ("other", 1), (None, 2)):
        plugin = Gopher(preset="datatrove", min_words=100, column=column)
        assert told(plugin.filter(batch=batch, memo=shared))[1] == [count]
