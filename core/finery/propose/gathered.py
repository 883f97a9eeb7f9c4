"""The changes that a run's evaluations ask for, by the training whose records they are about."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import UUID

from finery.data.artifacts import Artifacts, read_json
from finery.lineage.runs import Run, RunStage
from finery.propose.change import Change
from finery.stages.model import CHANGES

if TYPE_CHECKING:
    import duckdb


@dataclass
class Asked:
    """What is asked of one training's records."""

    stage: RunStage
    evaluations: list[str] = field(default_factory=list)
    changes: list[Change] = field(default_factory=list)
    elsewhere: dict[str, int] = field(default_factory=dict)
    """Records that would help, by their sources, which the training does not see."""

    @property
    def dropped(self) -> set[str]:
        """Records that are to go: nothing else is done with them."""
        return {record for change in self.changes if change.do == "drop" for record in change.records}

    def lines(self) -> list[dict[str, Any]]:
        """A line a record: what is to be done with it, and why."""
        found: dict[str, dict[str, Any]] = {}
        for change in self.changes:
            for record in change.records:
                if change.do == "drop" or record not in self.dropped:
                    found.setdefault(record, {"record": record}).update(said(change))
        return list(found.values())

    def examples(self) -> list[Mapping[str, Any]]:
        """New records, each once."""
        every = [dict(one) for change in self.changes for one in change.examples]
        return list({repr(sorted(one.items(), key=str)): one for one in every}.values())


def said(change: Change) -> dict[str, Any]:
    """What a line says of a record."""
    what: Mapping[str, dict[str, Any]] = {
        "drop": {"drop": change.cause},
        "repeat": {"times": change.times},
        "vary": {"vary": True},
    }
    return {**what.get(change.do, {}), "why": change.why[:300]}


def gathered(connection: duckdb.DuckDBPyConnection, root: Path, run: Run, evaluation: str | None) -> list[Asked]:
    """What each training of a run is asked, of one evaluation or of all."""
    artifacts, found = Artifacts(root), dict[str, Asked]()
    trained = {
        (artifacts.manifest(s.artifact) or {}).get("model", {}).get("fingerprint"): s for s in done(run, "train")
    }
    for stage in done(run, "evaluate"):
        made = read_json(artifacts.path(stage.artifact) / CHANGES)
        training = trained.get((artifacts.manifest(stage.artifact) or {}).get("evaluated"))
        if made and training and evaluation in (None, stage.id):
            asked = found.setdefault(training.id, Asked(training))
            asked.evaluations.append(stage.id)
            asked.changes += [Change(**change) for change in made]
    for asked in found.values():
        within(asked, sources(connection, run, asked.changes))
    return list(found.values())


def done(run: Run, hook: str) -> list[RunStage]:
    """The finished stages of a hook."""
    return [stage for stage in run.stages if stage.hook == hook and stage.finished]


def sources(connection: duckdb.DuckDBPyConnection, run: Run, changes: Sequence[Change]) -> dict[str, str | None]:
    """The source of each record that changes name."""
    from finery.lineage.why import lives

    records = list(dict.fromkeys(record for change in changes for record in change.records))
    return {life.record: life.source for life in lives(connection, run, [UUID(record) for record in records])}


def within(asked: Asked, homes: Mapping[str, str | None]) -> None:
    """Leave what is asked of records that the training does not see to the reader."""
    outside: dict[str, set[str]] = defaultdict(set)
    for number, change in enumerate(asked.changes):
        seen = [record for record in change.records if homes.get(record) in asked.stage.sources]
        for record in change.records:
            if homes.get(record) not in asked.stage.sources:
                outside[str(homes.get(record))].add(record)
        asked.changes[number] = replace(change, records=seen)
    asked.elsewhere = {source: len(records) for source, records in sorted(outside.items())}
    asked.changes = [change for change in asked.changes if change.records or change.examples]
