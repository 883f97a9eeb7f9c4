"""Puts a report together and writes it down."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from finery.errors import WorkError
from finery.lineage.runs import Run
from finery.report.curves import curves
from finery.report.dropped import dropped
from finery.report.flow import flow
from finery.report.forecast import forecast
from finery.report.hardest import hardest
from finery.report.measured import measured
from finery.report.mixes import mixes
from finery.report.overview import overview
from finery.report.page import page
from finery.report.parts import Chart, Facts, Report, Section, Table
from finery.report.pedigree import pedigree
from finery.report.spreads import spreads

if TYPE_CHECKING:
    import duckdb


def of_run(connection: duckdb.DuckDBPyConnection, root: Path, run: Run) -> Report:
    """The report of one run."""
    sections = [
        overview(connection, run),
        flow(connection, run),
        readable(partial(spreads, connection, root, run), "spreads", "Lengths and scores"),
        dropped(connection, root, run),
        readable(partial(mixes, connection, root, run), "mixes", "The mix"),
        curves(connection, root, run),
        hardest(connection, root, run),
        measured(connection, run),
        forecast(connection, run),
        pedigree(connection, run),
    ]
    return Report(f"{run.name}: what happened", f"run {run.id}, {run.status}", sections)


def readable(section: Callable[[], Section], name: str, title: str) -> Section:
    """A section that reads records; where their files were taken away, it says so in place of failing the report."""
    try:
        return section()
    except WorkError as error:
        return Section(name, title, [Facts({"not shown": str(error)})])


def write(report: Report, place: Path) -> int:
    """Write a report, and say how many bytes it has. Raises WorkError where it cannot be written."""
    text = page(report).encode()
    beside = place.with_name(f".{place.name}.partial")
    try:
        place.parent.mkdir(parents=True, exist_ok=True)
        beside.write_bytes(text)
        beside.replace(place)
    except OSError as error:
        beside.unlink(missing_ok=True)
        raise WorkError.at(place, f"cannot be written ({error.strerror})", "name another file with --to") from None
    return len(text)


def figures(report: Report) -> dict[str, Any]:
    """The numbers of a report by section and title, for `--json`."""
    found: dict[str, Any] = {}
    for section in report.sections:
        own = found.setdefault(section.id, {})
        for part in section.parts:
            if isinstance(part, Facts):
                own |= part.pairs
            elif isinstance(part, Table | Chart):
                table = part.table if isinstance(part, Chart) else part
                own[part.title] = [dict(zip(table.columns, row, strict=True)) for row in table.rows]
    return found
