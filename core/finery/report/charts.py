"""What charts share: colours that the page's theme fills in, axes, lines and bars."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable, Sequence
from typing import Any

from finery.report.markup import label

COLOURS = 8
DASHES = ("solid", "dash", "dot", "dashdot", "longdash")
"""Lines differ by more than colour."""


def colour(number: int) -> str:
    """The colour of the first, second and so on of several things."""
    return f"@c{(number - 1) % COLOURS + 1}"


def axes(x: str, y: str, **more: Any) -> dict[str, Any]:
    """A layout with named axes; `xaxis` and `yaxis` add to them."""
    own = {name: more.get(name, {}) for name in ("xaxis", "yaxis")}
    return {
        "xaxis": {"title": {"text": label(x)}, **own["xaxis"]},
        "yaxis": {"title": {"text": label(y)}, **own["yaxis"]},
        **{name: value for name, value in more.items() if name not in own},
    }


def line(name: str, number: int, x: Sequence[Any], y: Sequence[Any], **more: Any) -> dict[str, Any]:
    """A line through points."""
    style = {"color": colour(number), "dash": DASHES[(number - 1) % len(DASHES)], "width": 2}
    few = "lines+markers" if len(x) < 12 else "lines"
    shape = {"type": "scatter", "mode": few, "name": label(name), "x": list(x), "y": list(y), "line": style}
    return {**shape, "hovertemplate": f"{template(name)}: %{{y:.4g}} at %{{x:,}}<extra></extra>", **more}


def bars(name: str, number: int, x: Sequence[Any], y: Sequence[Any], **more: Any) -> dict[str, Any]:
    """Bars beside each other, a name under each."""
    shape = {"type": "bar", "name": label(name), "x": [label(one) for one in x], "y": list(y)}
    mark = {"color": colour(number), "pattern": {"shape": ("", "/", "x", ".")[(number - 1) % 4], "fillmode": "overlay"}}
    return {**shape, "marker": mark, "hovertemplate": f"{template(name)}, %{{x}}: %{{y:.4g}}<extra></extra>", **more}


def template(name: str) -> str:
    """A name inside a hover template, where `%{...}` would be filled in."""
    return label(name).replace("%{", "% {")


def rules(values: Iterable[tuple[float, str]], is_log: bool = False) -> dict[str, Any]:
    """Upright lines at some values, each with a name: thresholds. plotly.js wants names, not lines, at logarithms."""
    found = sorted(set(values))
    shapes = [
        {"type": "line", "x0": value, "x1": value, "yref": "paper", "y0": 0, "y1": 1, "line": RULE}
        for value, _ in found
    ]
    notes = [
        {
            "x": math.log10(value) if is_log else value,
            "y": 1 - 0.09 * place,
            "yref": "paper",
            "text": label(name),
            "showarrow": False,
            "xanchor": "left",
        }
        for place, (value, name) in enumerate(found)
    ]
    return {"shapes": shapes, "annotations": notes}


def ranges(edges: Iterable[float]) -> list[str]:
    """`0 to 10`, for the bins between edges."""
    return [f"{low:.4g} to {high:.4g}" for low, high in itertools.pairwise(edges)]


RULE = {"color": "@gone", "width": 2, "dash": "dash"}
