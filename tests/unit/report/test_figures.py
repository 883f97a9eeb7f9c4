"""The charts of a report are what the plotting library knows, and colours can be told from their ground."""

from __future__ import annotations

import json
import re
from importlib import resources

import pytest
from told import Told

from finery.report.page import figure
from finery.report.parts import Chart

graphs = pytest.importorskip("plotly.graph_objects")


def charts(told: Told) -> list[Chart]:
    """The charts of both reports."""
    from finery.cli.report import of_runs

    reports = [of_runs(told.root, *names)[0] for names in ((told.first, None), (told.first, told.second))]
    return [
        part for report in reports for section in report.sections for part in section.parts if isinstance(part, Chart)
    ]


def themed(value: str) -> dict:
    """A figure with colours in place of the theme's names."""
    return json.loads(re.sub(r'"@[a-z]+\d?(/\d\d)?"', '"#123456"', value))


def test_plotly_takes_every_figure(told: Told) -> None:
    found = charts(told)
    assert len(found) >= 12
    for chart in found:
        graphs.Figure(themed(json.dumps(figure(chart))))


def luminance(colour: str) -> float:
    """The relative luminance of `#rrggbb`, as WCAG 2.2 has it."""
    parts = [int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5)]
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one: str, two: str) -> float:
    """The contrast of two colours, 1 to 21."""
    low, high = sorted((luminance(one), luminance(two)))
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize("theme", [0, 1])
def test_text_has_a_contrast_of_4_5_and_lines_of_3_in_both_themes(theme: int) -> None:
    css = resources.files("finery.report").joinpath("report.css").read_text(encoding="utf-8")
    block = re.findall(r":root \{(.*?)\}", css, re.DOTALL)[theme]
    colours = dict(re.findall(r"--([a-z]+\d?): (#[0-9a-f]{6})", block))
    grounds = colours["back"], colours["card"]
    for name in ("text", "muted", "link", "gone"):
        assert min(contrast(colours[name], ground) for ground in grounds) >= 4.5, name
    for number in range(1, 9):
        assert min(contrast(colours[f"c{number}"], ground) for ground in grounds) >= 3, number
