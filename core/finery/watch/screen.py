"""The state of a run on a terminal: a line a stage, drawn again and again; a line a change in a pipe."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any

from finery.cli.progress import NARROW, leaving, rate
from finery.cli.render import one_line, text
from finery.report.overview import duration
from finery.watch.state import RunState, StageState

if TYPE_CHECKING:
    from rich.console import Console

PAUSE_SECONDS = 0.5
SHOWN = ("loss", "tokens_per_second", "accuracy", "bits_per_byte", "score")
"""Metrics that stand in a line, where there are any of them."""
BAR = 12


def show(state: Callable[[], RunState], console: Console) -> RunState:
    """Draw until the run is over; the last state."""
    from rich.live import Live

    with Live(console=console, auto_refresh=False) as live:
        while True:
            found = state()
            live.update(drawn(found, console.width), refresh=True)
            if found.is_over:
                return found
            time.sleep(PAUSE_SECONDS)


def tell(state: Callable[[], RunState], write: Callable[[str], Any]) -> RunState:
    """Write a line whenever a stage begins or ends, until the run is over; the last state."""
    before: dict[str, str] = {}
    while True:
        found = state()
        for stage in found.stages:
            if stage.status != before.get(stage.id, "waiting"):
                write(line(stage))
            before[stage.id] = stage.status
        if found.is_over:
            return found
        time.sleep(PAUSE_SECONDS)


def drawn(state: RunState, width: int) -> Any:
    """A run as rich draws it."""
    from rich.console import Group
    from rich.table import Table
    from rich.text import Text

    table = Table.grid(padding=(0, 1), expand=True)
    wide = width >= NARROW
    for name in ("stage", "status", *(("bar",) if wide else ()), "share", "left"):
        table.add_column(name, no_wrap=True, justify="right" if name in ("share", "left") else "left")
    table.add_column("said", no_wrap=True, overflow="ellipsis", ratio=1)
    for stage in state.stages:
        table.add_row(*[Text(one_line(cell), style=style(stage)) for cell in cells(stage, wide)])
    head = f"{state.name}  {state.run}  {state.status}  {duration(state.seconds)}"
    return Group(Text(one_line(head), style="bold", no_wrap=True, overflow="ellipsis"), table)


def style(stage: StageState) -> str:
    """How a line looks."""
    return {"running": "bold", "failed": "red", "waiting": "dim", "reused": "dim"}.get(stage.status, "")


def cells(stage: StageState, wide: bool) -> Iterable[str]:
    """The cells of a stage's line."""
    filled = round(stage.share * BAR)
    share = f"{stage.share:.0%}" if stage.status in ("running", "stopped", "failed") and stage.total else ""
    seconds = stage.seconds_left
    left = f"{duration(seconds)} left" if seconds is not None else ""
    bar = ("━" * filled).ljust(BAR) if wide else None
    return [cell for cell in (stage.id, stage.status, bar, share, left, said(stage)) if cell is not None]


def said(stage: StageState) -> str:
    """What there is to say of a stage: how far and fast, or what came of it, and why records left."""
    if stage.error:
        return stage.error
    if stage.status == "waiting":
        return ""
    numbers = "".join(f", {name.replace('_', ' ')} {text(value)}" for name, value in shown(stage.metrics))
    if stage.counts:
        out = stage.counts["kept"] + stage.counts["born"]
        return f"{stage.counts['in']:,} → {out:,}{leaving(stage.reasons)}{numbers}, {duration(stage.seconds)}"
    done = f"{stage.done:,.0f}/{stage.total:,.0f} {stage.unit}" if stage.total else stage.unit
    return f"{done}, {rate(stage.done, stage.seconds)}/s{numbers}{leaving(stage.reasons)}"


def shown(metrics: Mapping[str, float]) -> list[tuple[str, float]]:
    """The metrics that a line has room for."""
    return [(name, float(f"{metrics[name]:.4g}")) for name in SHOWN if name in metrics][:2]


def line(stage: StageState) -> str:
    """A stage in a pipe."""
    return one_line(f"{stage.id:<20} {stage.status:<8} {said(stage)}").rstrip()
