"""The observer that shows a person how a run goes: a bar a stage on a terminal, a line a stage elsewhere."""

from __future__ import annotations

import sys
import time
from collections.abc import Mapping
from typing import Any

from rich.console import Console
from rich.progress import (
    BarColumn,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.progress import (
    Progress as Bars,
)
from rich.table import Column

from finery.specs import hookimpl
from finery.types import Stage

NARROW = 100
"""Columns of a terminal below which a line is shortened."""


class Progress:
    """Writes to standard error, so that standard output stays the report's."""

    def __init__(self, live: bool = True) -> None:
        self.console = Console(stderr=True, highlight=False)
        self.live = live and self.console.is_terminal and not self.console.is_dumb_terminal
        self.bars = Bars(
            *columns(self.console.width),
            console=self.console,
            transient=True,
            expand=True,
            disable=not self.live,
        )
        self.tasks: dict[str, TaskID] = {}
        self.started: dict[str, float] = {}
        self.loss: dict[str, str] = {}

    @hookimpl
    def run_started(self, run: str) -> None:
        """Begin."""
        self.console.print(f"run {run}", markup=False)
        self.bars.start()

    @hookimpl
    def stage_started(self, stage: Stage, total: int) -> None:
        """A bar for the stage."""
        self.started[stage.id] = time.monotonic()
        self.tasks[stage.id] = self.bars.add_task(stage.id, total=None, told="")

    @hookimpl
    def stage_progress(
        self, stage: Stage, done: float, total: float, unit: str, reasons: Mapping[str, int] | None
    ) -> None:
        """How far, how fast, the loss, and why records leave."""
        if stage.id in self.tasks:
            seconds = time.monotonic() - self.started[stage.id]
            told = f"{rate(done, seconds)} {unit}/s{self.loss.get(stage.id, '')}{leaving(reasons)}"
            self.bars.update(self.tasks[stage.id], completed=done, total=total, told=told)

    @hookimpl
    def metric(self, stage: Stage, name: str, value: float, source: str | None) -> None:
        """The loss stands behind the bar."""
        if name == "loss" and source is None:
            self.loss[stage.id] = f", loss {value:.3f}"

    @hookimpl
    def stage_finished(self, stage: Stage, summary: Mapping[str, Any]) -> None:
        """A line that stays."""
        if stage.id in self.tasks:
            self.bars.remove_task(self.tasks.pop(stage.id))
        self.console.print(f"  {stage.id:<20} {finished(summary)}", soft_wrap=True)
        for note in () if summary.get("reused") else summary.get("notes", ()):
            self.console.print(f"  {'':<20} {note}", soft_wrap=True, markup=False)

    @hookimpl
    def stage_failed(self, stage: Stage) -> None:
        """Leave the terminal as it was."""
        self.bars.stop()

    @hookimpl
    def run_finished(self) -> None:
        """End."""
        self.bars.stop()
        sys.stderr.flush()


def columns(width: int) -> list[Any]:
    """What stands in a line: on a narrow terminal no bar and no time that is gone."""
    told = TextColumn(
        "{task.fields[told]}", table_column=Column(no_wrap=True, overflow="ellipsis", ratio=1), markup=False
    )
    name = TextColumn("{task.description}", table_column=Column(no_wrap=True), markup=False)
    share = TextColumn("{task.percentage:>3.0f}%")
    if width < NARROW:
        return [name, share, TimeRemainingColumn(compact=True), told]
    return [name, BarColumn(bar_width=24), share, TimeElapsedColumn(), TimeRemainingColumn(), told]


def rate(done: float, seconds: float) -> str:
    """How many a second: two digits where they are few."""
    found = done / max(seconds, 1e-6)
    return f"{found:,.0f}" if found >= 10 else f"{found:.2g}"


def leaving(reasons: Mapping[str, int] | None, most: int = 3) -> str:
    """The reasons that took most records so far."""
    found = sorted((reasons or {}).items(), key=lambda item: (-item[1], item[0]))
    return "".join(f", {count:,} {reason}" for reason, count in found[:most])


def finished(summary: Mapping[str, Any]) -> str:
    """One line on a finished stage."""
    if summary.get("reused"):
        return "reused"
    counts = list(summary["sources"].values())
    total = {fate: sum(c[fate] for c in counts) for fate in ("in", "kept", "dropped", "merged", "failed", "born")}
    left = total["kept"] + total["born"]
    away = ", ".join(f"{total[fate]:,} {fate}" for fate in ("dropped", "merged", "failed", "born") if total[fate])
    cut = sum(counts["passages"] for counts in summary.get("cut", {}).values())
    passages = f"{cut:,} passages cut" if cut else ""
    metrics = ", ".join(f"{k} {v:.3f}" for k, v in summary.get("metrics", {}).items() if "/" not in k)
    parts = [f"{total['in']:,} -> {left:,}", away, passages, metrics, f"{summary['seconds']:.1f} s"]
    return ", ".join(part for part in parts if part)
