"""The mix `ratio` reads sources in the shares asked for."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from finery import Draw, PipelineError, Source
from finery_plugins.mix.ratio import Ratio

GENERAL = Source("general", 100, {"characters": 9000.0, "tokens": 3000.0})
DOMAIN = Source("domain", 50, {"characters": 500.0, "tokens": 100.0})
SOURCES = [GENERAL, DOMAIN]


def sizes(draw: Draw) -> dict[str, float]:
    """How much of each source a draw reads."""
    return {source.name: draw.epochs[source.name] * source.amount(draw.unit) for source in SOURCES}


@pytest.mark.parametrize("unit", ["records", "characters", "tokens"])
def test_shares_come_out_exactly(unit: str) -> None:
    draw = Ratio(shares={"general": 4, "domain": 1}, unit=unit).mix(sources=SOURCES)
    assert draw.unit == unit
    assert sizes(draw)["general"] == pytest.approx(4 * sizes(draw)["domain"], rel=1e-12)


def test_the_mix_is_as_large_as_it_can_be_without_repeating() -> None:
    draw = Ratio(shares={"general": 0.8, "domain": 0.2}).mix(sources=SOURCES)
    assert draw.epochs == pytest.approx({"general": 2000 / 9000, "domain": 1.0})


def test_more_epochs_make_a_larger_mix() -> None:
    draw = Ratio(shares={"general": 0.8, "domain": 0.2}, max_epochs=4).mix(sources=SOURCES)
    assert draw.epochs == pytest.approx({"general": 8000 / 9000, "domain": 4.0})


def test_a_total_is_met() -> None:
    draw = Ratio(shares={"general": 0.5, "domain": 0.5}, total=300).mix(sources=SOURCES)
    assert sizes(draw) == pytest.approx({"general": 150.0, "domain": 150.0})


def test_a_total_that_repeats_a_source_too_often_is_a_fault() -> None:
    with pytest.raises(PipelineError, match=r"source 'domain': would be read 2 times, more than max_epochs = 1"):
        Ratio(shares={"general": 0.5, "domain": 0.5}, total=2000).mix(sources=SOURCES)


@given(st.floats(1e-6, 1e12), st.integers(1, 7))
def test_a_total_of_all_there_is_fits(size: float, shares: int) -> None:
    one = Source("one", 1, {"characters": size})
    draw = Ratio(shares={"one": shares / 7}, total=size).mix(sources=[one])
    assert draw.epochs["one"] == pytest.approx(1.0)


def test_a_share_of_nothing_leaves_a_source_out() -> None:
    draw = Ratio(shares={"general": 1, "domain": 0}).mix(sources=SOURCES)
    assert draw.epochs == {"general": 1.0, "domain": 0.0}


@pytest.mark.parametrize(("rest", "epochs"), [("drop", 0.0), ("keep", 1.0)])
def test_sources_without_a_share_are_dropped_or_kept_on_request(rest: Any, epochs: float) -> None:
    assert Ratio(shares={"domain": 1}, rest=rest).mix(sources=SOURCES).epochs == {"general": epochs, "domain": 1.0}


def test_a_source_without_a_share_is_a_fault_otherwise() -> None:
    with pytest.raises(PipelineError, match="source 'general' has none"):
        Ratio(shares={"domain": 1}).mix(sources=SOURCES)


def test_all_misnamed_sources_are_faults_at_once() -> None:
    with pytest.raises(PipelineError) as error:
        Ratio(shares={"generel": 1, "x": 1}, rest="drop").mix(sources=SOURCES)
    assert len(error.value.faults) == 2
    assert "no source 'generel' (did you mean 'general'?)" in str(error.value)


def test_an_empty_source_cannot_fill_a_share() -> None:
    empty = Source("domain", 0, {"characters": 0.0})
    with pytest.raises(PipelineError, match="source 'domain': has a share but nothing is left of it"):
        Ratio(shares={"general": 1, "domain": 1}).mix(sources=[GENERAL, empty])


def test_an_unknown_unit_is_a_fault_that_names_the_units() -> None:
    with pytest.raises(PipelineError, match=r"no numeric column 'token' \(did you mean 'tokens'\?\)"):
        Ratio(shares={"general": 1, "domain": 1}, unit="token").mix(sources=SOURCES)


@pytest.mark.parametrize("shares", [{}, {"general": 0}, {"general": -1}, {"general": float("inf")}])
def test_shares_that_mean_nothing_are_refused(shares: dict[str, float]) -> None:
    with pytest.raises(ValidationError):
        Ratio(shares=shares)
