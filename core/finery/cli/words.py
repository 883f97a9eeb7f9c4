"""An event of a record's life as a sentence."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from finery.cli.render import text

if TYPE_CHECKING:
    from finery.lineage.life import Event, Kin


FIXED = {"unused": "not trained on", "waiting": "the run has not come this far"}


def sentence(event: Event) -> str:
    """What became of a record at a stage, and why."""
    return SENTENCES.get(event.fate, fate)(event)


def fate(event: Event) -> str:
    """The fate alone: `read`, `born`, `kept`."""
    if event.fate in FIXED:
        return FIXED[event.fate]
    said = f"; stands for {event.stands_for_total:,} more" if event.stands_for_total else ""
    return f"{event.fate}{cut(event)}{said}"


def cut(event: Event) -> str:
    """`; 48 characters cut, which 34e7... (data/a.jsonl:159) keeps`."""
    if event.cut is None:
        return ""
    keeps = f", most of which {named(event.other)} keeps" if event.other else ""
    return f"; {event.cut:,} characters cut{keeps}"


def named(other: Kin) -> str:
    """A record with where it was read."""
    return other.record + (f" ({other.file}:{other.line})" if other.file else "")


def dropped(event: Event) -> str:
    """`dropped: few-words, 3 against 5`."""
    return f"{event.fate}: {event.reason}{measured(event)}{detail(event)}"


def merged(event: Event) -> str:
    """`merged: duplicate of 34e7... (data/a.jsonl:159), 0.93`."""
    if event.other is None:
        return dropped(event)
    return f"merged: {event.reason} of {named(event.other)}{measured(event)}{detail(event)}"


def split(event: Event) -> str:
    """How many live on in its place."""
    return f"became {event.children_total:,} {'record' if event.children_total == 1 else 'records'}"


def drawn(event: Event) -> str:
    """How often a mix took it."""
    return f"drawn {event.children_total + 1:,} times"


def trained(event: Event) -> str:
    """`trained on 3 times (1,024 tokens), from step 5 to step 210`."""
    times = "once" if event.times == 1 else f"{event.times:,} times"
    steps = f"from step {event.first_step:,} to step {event.last_step:,}"
    if event.first_step == event.last_step:
        steps = f"in step {event.first_step:,}"
    return f"trained on {times} ({event.tokens:,} tokens), {steps}"


def evaluated(event: Event) -> str:
    """What was measured."""
    found = ", ".join(f"{name} {text(value)}" for name, value in (event.measures or {}).items())
    return f"measured: {found}"


def measured(event: Event) -> str:
    """The value and what it was measured against."""
    if event.value is None:
        return f", bound {text(event.bound)}" if event.bound is not None else ""
    return f", {text(event.value)}" + (f" against {text(event.bound)}" if event.bound is not None else "")


def detail(event: Event) -> str:
    """More of the reason."""
    return f" ({event.detail})" if event.detail else ""


SENTENCES: Mapping[str, Callable[[Event], str]] = {
    "dropped": dropped,
    "failed": dropped,
    "merged": merged,
    "split": split,
    "drawn": drawn,
    "trained": trained,
    "evaluated": evaluated,
}
