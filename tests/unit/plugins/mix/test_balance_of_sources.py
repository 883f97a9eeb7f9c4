"""The mixes `cap`, `temperature` and `unimax`: how often each source is read."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from finery import PipelineError, Source
from finery.testing import check
from finery_plugins.mix.cap import Cap
from finery_plugins.mix.temperature import Temperature
from finery_plugins.mix.unimax import UniMax

SIZES = st.lists(st.integers(1, 10**9), min_size=2, max_size=6)


def sources(*sizes: float) -> list[Source]:
    """Sources `a`, `b`, ... with so many characters."""
    return [Source(chr(97 + i), 10, {"characters": size}) for i, size in enumerate(sizes)]


def amounts(epochs: dict[str, float], sizes: list[float]) -> list[float]:
    """How much of each source is read."""
    return [epochs[chr(97 + i)] * size for i, size in enumerate(sizes)]


def test_a_large_source_is_capped_at_its_share_of_what_comes_out() -> None:
    draw = Cap(shares={"b": 0.15}).mix(sources(8_500, 9_000))
    assert draw.epochs["a"] == 1
    assert draw.epochs["b"] * 9_000 == pytest.approx(1_500)


def test_a_source_under_its_cap_is_read_once() -> None:
    assert Cap(shares={"b": 0.5}).mix(sources(100, 10)).epochs == {"a": 1, "b": 1}


@given(SIZES, st.floats(0.01, 0.4), st.floats(0.01, 0.4))
def test_no_cap_is_passed_and_none_is_missed_where_there_is_enough(sizes: list[int], one: float, two: float) -> None:
    caps = {"a": one, "b": two} if len(sizes) > 2 else {"a": one}
    taken = amounts(dict(Cap(shares=caps).mix(sources(*sizes)).epochs), sizes)
    for index, (name, cap) in enumerate(caps.items()):
        share = taken["ab".index(name)] / sum(taken)
        assert share <= cap * (1 + 1e-9)
        assert taken[index] == pytest.approx(sizes[index]) or share == pytest.approx(cap)


def test_caps_must_leave_room() -> None:
    with pytest.raises(ValidationError, match="leave room"):
        Cap(shares={"a": 0.6, "b": 0.5})


def test_a_cap_for_no_source_says_which_was_meant() -> None:
    with pytest.raises(PipelineError, match="did you mean 'domain'"):
        Cap(shares={"domian": 0.1}).mix([Source("domain", 1, {"characters": 1}), Source("x", 1, {"characters": 1})])


@given(SIZES, st.floats(1, 10))
def test_temperature_gives_shares_of_size_to_its_inverse(sizes: list[int], temperature: float) -> None:
    draw = Temperature(temperature=temperature, max_epochs=2).mix(sources(*sizes))
    taken = amounts(dict(draw.epochs), sizes)
    wanted = [size ** (1 / temperature) for size in sizes]
    assert [t / sum(taken) for t in taken] == pytest.approx([w / sum(wanted) for w in wanted])
    assert max(draw.epochs.values()) == pytest.approx(2)


@given(SIZES, st.floats(0.5, 5))
def test_unimax_is_even_but_for_sources_that_are_read_out(sizes: list[int], most: float) -> None:
    draw = UniMax(max_epochs=most).mix(sources(*sizes))
    taken = amounts(dict(draw.epochs), sizes)
    full = [e >= most * (1 - 1e-9) for e in draw.epochs.values()]
    open_ = [t for t, is_full in zip(taken, full, strict=True) if not is_full]
    assert open_ == pytest.approx([max(taken)] * len(open_))
    assert sum(taken) <= sum(sizes) * (1 + 1e-9)


def test_a_unimax_budget_is_spent() -> None:
    draw = UniMax(max_epochs=4, total=90).mix(sources(10, 100, 1000))
    assert amounts(dict(draw.epochs), [10, 100, 1000]) == pytest.approx([30, 30, 30])


@pytest.mark.parametrize("plugin", [Cap(shares={"domain": 0.1}), Temperature(), UniMax()])
def test_they_keep_the_contract(plugin: object) -> None:
    assert [str(fault) for fault in check(plugin, None).faults] == []


def test_an_empty_source_is_a_fault() -> None:
    with pytest.raises(PipelineError, match="has nothing left"):
        UniMax().mix(sources(0, 1))
