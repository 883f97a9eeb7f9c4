"""What a report is made of, before it is HTML: sections of facts, tables, charts and samples."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias


@dataclass(frozen=True)
class Facts:
    """A few names, each with its value."""

    pairs: Mapping[str, Any]


@dataclass(frozen=True)
class Table:
    """Rows under a caption; a cell is a number, a text or None."""

    title: str
    columns: Sequence[str]
    rows: Sequence[Sequence[Any]]
    note: str = ""
    folded: bool = False
    """Whether a line has to be opened before it is seen."""


@dataclass(frozen=True)
class Chart:
    """A picture, and the same numbers as a table for who does not see it."""

    title: str
    description: str
    """What the axes are and what there is to see, in a sentence or two."""
    traces: Sequence[Mapping[str, Any]]
    """As plotly.js takes them. A colour is `@c1` to `@c8`, `@text`, `@muted` or `@gone`; `@c1/40` has an opacity."""
    table: Table
    layout: Mapping[str, Any] = field(default_factory=dict)
    height: int = 320
    """Pixels."""
    least_width: int = 0
    """Pixels below which it scrolls in place of shrinking."""


@dataclass(frozen=True)
class Sample:
    """One record or item: what it is, and its texts by name."""

    title: str
    texts: Mapping[str, str]


@dataclass(frozen=True)
class Samples:
    """Some records that have something in common, behind a line that opens them."""

    title: str
    samples: Sequence[Sample]
    open: bool = False


Part: TypeAlias = Facts | Table | Chart | Samples


@dataclass(frozen=True)
class Section:
    """A part of the report with a heading of its own."""

    id: str
    """What a link to it says."""
    title: str
    parts: Sequence[Part]
    lead: str = ""
    """A sentence or two on what is shown."""


@dataclass(frozen=True)
class Report:
    """A whole report."""

    title: str
    subtitle: str
    sections: Sequence[Section]
