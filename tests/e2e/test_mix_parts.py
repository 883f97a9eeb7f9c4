"""A mix that draws a source in parts, by the values of a column, and with weights."""

from __future__ import annotations

from collections import Counter

import pytest
from places import Place

PIPELINE = """
[[source]]
name = "a"
path = "a.jsonl"
[[stage]]
mix = "parts:{name}"
"""
PARTS = '''
from finery import Draw, hookimpl, plugin

@plugin
class ByLabel:
    """Draw half of one label, all of another twice, and none of the rest."""

    @hookimpl
    def mix(self, sources):
        return Draw({"a": {"x": 0.5, "y": 2, "null": 1}}, by="label")


@plugin
class ByWeight:
    """Draw a quarter, heavy records first."""

    @hookimpl
    def mix(self, sources):
        return Draw({"a": 0.25}, weight="heavy")


@plugin
class ByNothing:
    """Draw by a column that nobody has."""

    @hookimpl
    def mix(self, sources):
        return Draw({"a": {"x": 1}}, by="nothing")
'''


@pytest.fixture
def parts(place: Place) -> Place:
    """A hundred records: 40 x, 20 y, 30 z and 10 without a label; every tenth is heavy."""
    labels = [*["x"] * 40, *["y"] * 20, *["z"] * 30, *[None] * 10]
    place.write("parts.py", PARTS)
    rows = [{"text": f"text {n}", "label": label, "heavy": float(n % 10 == 0)} for n, label in enumerate(labels)]
    place.jsonl("a.jsonl", rows)
    place.pipeline(PIPELINE.format(name="ByLabel"))
    return place


def drawn(place: Place, stage: str, column: str) -> Counter[object]:
    """How often each value of a column was drawn."""
    return Counter(place.table(stage, "a")[column].to_pylist())


def test_each_part_is_drawn_as_often_as_it_says(parts: Place) -> None:
    parts.good()
    assert drawn(parts, "bylabel", "label") == {"x": 20, "y": 40, None: 10}


def test_records_without_weight_come_last(parts: Place) -> None:
    parts.pipeline(PIPELINE.format(name="ByWeight"))
    parts.good()
    assert drawn(parts, "byweight", "heavy") == {1.0: 10, 0.0: 15}


def test_a_column_that_is_not_there_is_an_error_that_names_it(parts: Place) -> None:
    parts.pipeline(PIPELINE.format(name="ByNothing"))
    outcome = parts.run()
    assert outcome.code == 1
    assert "has no column 'nothing' to draw by" in outcome.err


def test_balance_keeps_so_many_records_of_a_label(parts: Place) -> None:
    parts.pipeline(
        '[[source]]\nname = "a"\npath = "a.jsonl"\n[[stage]]\nmix = "balance"\nby = "label"\nmax_records = 25\n'
    )
    parts.good()
    assert drawn(parts, "balance", "label") == {"x": 25, "y": 20, "z": 25, None: 10}
