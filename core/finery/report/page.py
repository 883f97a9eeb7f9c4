"""A report as one HTML file: everything inlined, so that it can be mailed and opened anywhere, and asks no network."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterator, Mapping, Sequence
from functools import singledispatch
from importlib import resources
from typing import Any

from finery.cli.render import is_number, text
from finery.errors import missing_extra
from finery.report.markup import Markup, data, element, inside
from finery.report.parts import Chart, Facts, Part, Report, Sample, Samples, Section, Table

WIDER = " Where the screen is too narrow for it, it scrolls sideways."
MOST_ROWS = 300
"""Rows of a table that are shown; lineage has the others."""


def page(report: Report) -> str:
    """The file. Raises MissingExtra without the plotting library."""
    scripts = [Markup(script) for script in (plotting_library(), asset("report.js"))]
    shown = [section for section in report.sections if section.parts]
    figures = [chart for section in shown for chart in section.parts if isinstance(chart, Chart)]
    names = {id(chart): f"chart-{number}" for number, chart in enumerate(figures)}
    head = element(
        "head",
        element("meta", charset="utf-8"),
        element("meta", name_="viewport", content="width=device-width, initial-scale=1"),
        element("meta", http_equiv="Content-Security-Policy", content=policy(scripts)),
        element("meta", name_="color-scheme", content="light dark"),
        element("title", report.title),
        element("style", Markup(asset("report.css"))),
    )
    body = element(
        "body",
        element("a", "Skip to the report", href="#content", class_="skip"),
        element("header", element("h1", report.title), element("p", report.subtitle)),
        contents(shown),
        element("main", *[section_of(section, names) for section in shown], id="content", tabindex="-1"),
        element("footer", element("p", "Made by finery. Nothing in this file is fetched from anywhere.")),
        element(
            "script",
            data({names[id(chart)]: figure(chart) for chart in figures}),
            type="application/json",
            id="figures",
        ),
        *[element("script", script) for script in scripts],
    )
    return f'<!doctype html>\n<html lang="en">{head}{body}</html>\n'


def plotting_library() -> str:
    """The source of plotly.js. Raises MissingExtra."""
    try:
        from plotly.offline import get_plotlyjs
    except ImportError:
        raise missing_extra("finery report", "plotly", "report") from None
    found: str = get_plotlyjs()
    return found


def asset(name: str) -> str:
    """A file that lies beside this one."""
    return resources.files("finery.report").joinpath(name).read_text(encoding="utf-8")


def policy(scripts: Sequence[str]) -> str:
    """What the page may do: run these scripts and no other, and fetch nothing."""
    digests = [base64.b64encode(hashlib.sha256(script.encode()).digest()).decode() for script in scripts]
    allowed = " ".join(f"'sha256-{digest}'" for digest in digests)
    return (
        f"default-src 'none'; script-src {allowed}; style-src 'unsafe-inline'; img-src data:; "
        "base-uri 'none'; form-action 'none'"
    )


def contents(sections: Sequence[Section]) -> Markup:
    """The table of contents."""
    links = [element("li", element("a", section.title, href=f"#{section.id}")) for section in sections]
    return element("nav", element("ul", *links), aria_label="Contents")


def section_of(section: Section, names: Mapping[int, str]) -> Markup:
    """One section with its parts."""
    head = element("h2", section.title, id=f"{section.id}-title")
    lead = [element("p", section.lead)] if section.lead else []
    parts = [chart_of(part, names[id(part)]) if isinstance(part, Chart) else markup(part) for part in section.parts]
    return element("section", head, *lead, *parts, id=section.id, aria_labelledby=f"{section.id}-title")


def chart_of(chart: Chart, name: str) -> Markup:
    """A chart: its title, what it shows, the picture, and its numbers."""
    style = f"height:{chart.height}px" + (f";min-width:{chart.least_width}px" if chart.least_width else "")
    named = {"role": "img", "aria_labelledby": f"{name}-title", "aria_describedby": f"{name}-told"}
    picture = element("div", class_="chart", id=name, style=style, **named)
    scrolls = {"tabindex": "0", "role": "region", "aria_label": f"{chart.title}, picture"} if chart.least_width else {}
    return element(
        "figure",
        element("h3", chart.title, id=f"{name}-title"),
        element("p", chart.description + (WIDER if chart.least_width else ""), id=f"{name}-told"),
        element("div", picture, class_="scroll", **scrolls),
        element("details", element("summary", f"The numbers: {chart.title}"), markup(chart.table)),
        class_="wide" if chart.least_width else None,
    )


@singledispatch
def markup(part: Part) -> Markup:
    """A part of a section as HTML."""
    raise TypeError(part)


@markup.register
def _(part: Facts) -> Markup:
    pairs = [element("div", element("dt", name), element("dd", text(value))) for name, value in part.pairs.items()]
    return element("dl", *pairs)


@markup.register
def _(part: Table) -> Markup:
    numeric = [
        bool(part.rows) and all(is_number(row[place]) for row in part.rows) for place in range(len(part.columns))
    ]
    names = zip(part.columns, numeric, strict=True)
    head = element("tr", *[element("th", name, scope="col", class_=is_numeric and "n") for name, is_numeric in names])
    body = [element("tr", *cells(row, numeric)) for row in part.rows[:MOST_ROWS]]
    more = f"The first {MOST_ROWS:,} of {len(part.rows):,} rows. " if len(part.rows) > MOST_ROWS else ""
    note = [element("p", more + part.note)] if more or part.note else []
    made = element("table", element("caption", part.title), element("thead", head), element("tbody", *body))
    shown = inside([element("div", made, class_="scroll", tabindex="0", role="region", aria_label=part.title), *note])
    return element("details", element("summary", part.title), shown) if part.folded else shown


def cells(row: Sequence[Any], numeric: Sequence[bool]) -> Iterator[Markup]:
    """The cells of a row; the first one names it."""
    for place, (value, is_numeric) in enumerate(zip(row, numeric, strict=True)):
        told = text(value)
        if place == 0:
            yield element("th", told, scope="row", class_=is_numeric and "n")
        else:
            yield element("td", told, class_=is_numeric and "n")


@markup.register
def _(part: Samples) -> Markup:
    samples = [element("li", sample(one)) for one in part.samples]
    return element("details", element("summary", part.title), element("ul", *samples, class_="samples"), open=part.open)


def sample(one: Sample) -> Markup:
    """One record: texts keep their lines, and a screen reader hears what each is."""
    texts = [
        element("div", element("dt", name), element("dd", element("pre", said, dir="auto")))
        for name, said in one.texts.items()
    ]
    return inside([element("p", one.title), element("dl", *texts)])


def figure(chart: Chart) -> dict[str, Any]:
    """A chart as plotly.js takes it."""
    return {"data": list(chart.traces), "layout": dict(chart.layout)}
