"""One record's life in one run: an event for every stage that saw it, from its birth to its end."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from finery.data.rows import LEFT_OUT
from finery.lineage.facts import Facts, one
from finery.lineage.runs import Run, RunStage

Places = Mapping[UUID, Mapping[str, Any]]
"""Where records were read: `source, file, line`."""

ERROR = "error"
"""The reason of a record that made a plugin raise."""

ENDS = ("dropped", "merged", "failed", "split")
"""Fates after which a record is no more."""


@dataclass(frozen=True)
class Kin:
    """Another record, with where it was read."""

    record: str
    source: str | None
    file: str | None
    line: int | None


@dataclass(frozen=True)
class Event:
    """What became of a record at one stage."""

    stage: str
    hook: str
    plugin: str
    package: str
    fate: str
    """`read`, `born`, `kept`, `dropped`, `merged`, `failed`, `split` (others live on in its place), `drawn` (copies
    were made), `trained`, `unused` (by a training), `evaluated`, `waiting` (the run did not come so far)."""
    reason: str | None = None
    value: float | None = None
    bound: float | None = None
    detail: str | None = None
    other: Kin | None = None
    """The record that stands for it, or for most of what was cut of it."""
    cut: int | None = None
    """Characters that it lost and another record keeps."""
    stands_for: tuple[Kin, ...] = ()
    """Some of the records that it stands for."""
    stands_for_total: int = 0
    children_total: int = 0
    """Records that were born of it here."""
    times: int | None = None
    """How often it was trained on."""
    first_step: int | None = None
    last_step: int | None = None
    tokens: int | None = None
    """Tokens of it that were trained on, repeats counted."""
    measures: Mapping[str, Any] | None = None
    """What an evaluation measured of it."""


@dataclass(frozen=True)
class Life:
    """A record from its birth to its end."""

    record: str
    source: str | None
    file: str | None
    line: int | None
    parents: tuple[str, ...]
    born: str | None
    """The stage that bore it; None where it was read."""
    events: tuple[Event, ...]

    @property
    def last(self) -> Event | None:
        """How it ended, or where it stands."""
        decided = [event for event in self.events if event.fate in (*ENDS, "waiting")]
        return decided[0] if decided else None


def life(run: Run, record: UUID, known: Facts, places: Places) -> Life:
    """The life of one record. Rows that broke while they were read have no origin: their decision tells it."""
    place = places.get(record, {})
    births = known.births.get(record, [])
    source = place.get("source") or broken_source(run, record, known)
    stages = [s for s in run.stages if source in s.sources or not (s.finished or s.hook == "read")]
    born = next((s for s in stages if births and s.artifact == births[0]["artifact"]), None)
    parents = tuple(str(row["parent"]) for row in births)
    events = tuple(until_end(record, known, places, stages[stages.index(born) :] if born else stages, born))
    own = place if not births else {}
    return Life(str(record), source, own.get("file"), own.get("line"), parents, born.id if born else None, events)


def broken_source(run: Run, record: UUID, known: Facts) -> str | None:
    """The source of a row that could not be read."""
    found = [stage for stage in run.stages if stage.hook == "read" and one(known.decisions, record, stage.artifact)]
    return found[0].sources[0] if found else None


def until_end(
    record: UUID, known: Facts, places: Places, stages: list[RunStage], born: RunStage | None
) -> Iterator[Event]:
    """The events of a record at the stages it came to."""
    for stage in stages:
        event = waiting(stage) if not stage.finished else at(stage, record, known, places, stage is born)
        if event is not None:
            yield event
            if event.fate in (*ENDS, "waiting"):
                return


def waiting(stage: RunStage) -> Event:
    """A stage that is not finished."""
    return Event(stage.id, stage.hook, stage.plugin, stage.package, "waiting")


def at(stage: RunStage, record: UUID, known: Facts, places: Places, newborn: bool) -> Event | None:
    """What became of a record at a stage; None where an evaluation did not look at it."""
    who = (stage.id, stage.hook, stage.plugin, stage.package)
    if decision := one(known.decisions, record, stage.artifact):
        return Event(*who, fate(stage, decision), **told(decision, places))
    if newborn:
        return Event(*who, "born")
    if stage.hook == "train":
        return trained(who, one(known.steps, record, stage.artifact))
    if stage.hook == "evaluate":
        item = one(known.items, record, stage.artifact)
        return Event(*who, "evaluated", measures=measures(item)) if item else None
    if children := one(known.children, record, stage.artifact):
        return Event(*who, "drawn" if stage.hook == "mix" else "split", children_total=children["count"])
    return stayed(stage, record, known, places)


def fate(stage: RunStage, decision: Mapping[str, Any]) -> str:
    """What a decision means."""
    if decision["reason"] == ERROR or (stage.hook == "read" and decision["reason"] not in LEFT_OUT):
        return "failed"
    return "dropped" if decision["other"] is None else "merged"


def told(decision: Mapping[str, Any], places: Places) -> dict[str, Any]:
    """The words of a decision."""
    other = decision["other"]
    said = {name: decision[name] for name in ("reason", "value", "bound", "detail")}
    return {**said, "other": None if other is None else kin(other, places)}


def stayed(stage: RunStage, record: UUID, known: Facts, places: Places) -> Event:
    """A record that stayed, with those it stands for."""
    found = one(known.stands_for, record, stage.artifact)
    lost = one(known.cuts, record, stage.artifact)
    return Event(
        stage.id,
        stage.hook,
        stage.plugin,
        stage.package,
        "read" if stage.hook == "read" else "kept",
        other=kin(lost["other"], places) if lost and lost["other"] else None,
        cut=lost["characters"] if lost else None,
        stands_for=tuple(kin(example, places) for example in found["examples"]) if found else (),
        stands_for_total=found["count"] if found else 0,
    )


def trained(who: tuple[str, str, str, str], row: Mapping[str, Any] | None) -> Event:
    """The steps that a record went into."""
    if row is None:
        return Event(*who, "unused")
    steps = {"first_step": row["first"], "last_step": row["last"]}
    return Event(*who, "trained", times=row["times"], tokens=row["tokens"], **steps)


def measures(item: Mapping[str, Any]) -> dict[str, Any]:
    """What was measured, without what the record is called."""
    return {k: v for k, v in json.loads(item["measures"]).items() if k not in ("item", "source")}


def kin(record: UUID, places: Places) -> Kin:
    """A record by name and place."""
    place = places.get(record, {})
    return Kin(str(record), place.get("source"), place.get("file"), place.get("line"))
