"""What made a model: the models before it, the sources of each training, the stages that their records came through."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from finery.errors import FineryError, UsageError, did_you_mean
from finery.lineage.runs import find_run, rows

if TYPE_CHECKING:
    import duckdb

SHORTEST = 6
"""Hex digits that a fingerprint can be cut to."""

MODELS = """
select artifact, stage, plugin, package, options, seconds, manifest from artifacts where hook = 'train'
"""

# A record that was born later belongs to the source of its first ancestor. Only records with parents go round again.
BY_SOURCE = """
with recursive pieces as (
    select record, start, count(*) as times, sum(length) as tokens, max(length) as length from steps
    where artifact = $model group by all),
born as (select child, min(parent) as parent from parents where artifact in (select unnest($artifacts)) group by child),
up as (
    select distinct record, record as ancestor from pieces
    union all select up.record, born.parent from up join born on born.child = up.ancestor),
places as (select up.record, any_value(o.source) as source from up join origins o on o.record = up.ancestor
    where o.artifact in (select unnest($artifacts)) group by up.record)
select source, count(distinct record) as records, sum(tokens)::bigint as tokens, sum(length)::bigint as tokens_once
from pieces left join places using (record) group by source order by source
"""
STEPS = "select count(distinct step) as steps, min(step) as first, max(step) as last from steps where artifact = ?"
LOSSES = """
select source, arg_min(value, step) as first, arg_max(value, step) as last, max(step) as step from metrics
where artifact = ? and name = 'loss' and step is not null group by source
"""
COUNTS = """
select name, sum(count)::bigint as count from tallies where artifact = ? and source = ? and kind = 'fate' group by name
"""
REASONS = """
select name, count from tallies where artifact = ? and source = ? and kind = 'reason' order by count desc, name
"""
MEASURED = """
select a.stage, m.name, m.source, m.value
from artifacts a join inputs i using (artifact) join metrics m using (artifact)
where a.hook = 'evaluate' and i.source is null and i.mark = ? and m.step is null
order by a.stage, m.name, m.source nulls first
"""


# Several artifacts leave the same of a source where they differ in what they make of another.
MAKER = "select artifact, mark from inputs where source = ? and after = ? order by rowid desc limit 1"


@dataclass(frozen=True)
class Passage:
    """A stage that a source's records came through on their way to a training."""

    stage: str
    hook: str
    plugin: str
    package: str
    artifact: str
    records_in: int
    records_out: int
    reasons: Mapping[str, int]
    epochs: float | None
    """A mix: how many epochs of the source it drew."""


@dataclass(frozen=True)
class Share:
    """What one source gave to a training."""

    source: str | None
    records: int
    """Different records that were trained on."""
    tokens: int
    """Tokens that were trained on, repeats counted."""
    epochs: float | None
    """`tokens` over the tokens of one pass over the same pieces."""
    first_loss: float | None
    last_loss: float | None
    passages: tuple[Passage, ...]
    """From reading on."""


@dataclass(frozen=True)
class Training:
    """One training on the way to a model."""

    stage: str
    plugin: str
    package: str
    artifact: str
    model: str
    """The model's own fingerprint."""
    options: Mapping[str, Any]
    seconds: float
    steps: int
    first_loss: float | None
    last_loss: float | None
    shares: tuple[Share, ...]
    measured: tuple[Mapping[str, Any], ...]
    """Evaluations of the model as it stood then: `stage, name, source, value`."""


@dataclass(frozen=True)
class Trace:
    """A model's ancestry."""

    base: str | None
    """The model that the first training started from: a hub name or folder; None where it started from nothing."""
    trainings: tuple[Training, ...]
    """In the order in which they were done; the last one made the model."""


def trace_model(connection: duckdb.DuckDBPyConnection, root: Path, name: str, run: str | None = None) -> Trace:
    """What made a model, named by its stage, its fingerprint or its folder. Raises UsageError where it means none."""
    known = {row["artifact"]: row for row in rows(connection, MODELS)}
    found = [find_model(connection, root, name, run, known)]
    while (base := base_of(connection, found[0])) in known and base not in found:
        found.insert(0, str(base))
    return Trace(base, tuple(training(connection, known[artifact]) for artifact in found))


def find_model(
    connection: duckdb.DuckDBPyConnection, root: Path, name: str, run: str | None, known: Mapping[str, Any]
) -> str:
    """The artifact of the model that a name means. Raises UsageError."""
    inside = in_folder(root, name, known)
    if inside is not None:
        return inside
    stages = [stage for stage in find_run(connection, run).stages if stage.hook == "train"]
    for stage in stages:
        if stage.id == name:
            if stage.finished:
                return stage.artifact
            raise UsageError.at(f"model '{name}'", "is not trained yet", "run the pipeline to its end: finery run")
    own = {artifact: fingerprint(row) for artifact, row in known.items()}
    found = [artifact for artifact, mark in own.items() if artifact.startswith(name) or mark.startswith(name)]
    if len(found) == 1 and len(name) >= SHORTEST:
        return found[0]
    raise no_model(name, found if len(name) >= SHORTEST else [], [stage.id for stage in stages])


def in_folder(root: Path, name: str, known: Mapping[str, Any]) -> str | None:
    """The model that lies in a folder of the work folder, where `name` is such a folder."""
    path, artifacts = Path(name).resolve(), (root / "artifacts").resolve()
    if not path.exists() or not path.is_relative_to(artifacts) or path == artifacts:
        return None
    artifact = path.relative_to(artifacts).parts[0]
    return artifact if artifact in known else None


def no_model(name: str, found: Sequence[str], stages: Sequence[str]) -> FineryError:
    """The error for a name that means no model, or several."""
    if found:
        return UsageError.at(f"model '{name}'", f"could be {', '.join(found)}", "give more digits")
    trained = f"trained were {', '.join(stages)}" if stages else "the run trained none; name another with --run"
    return UsageError.at(f"model '{name}'", f"no such model{did_you_mean(name, stages)}", trained)


def fingerprint(row: Mapping[str, Any]) -> str:
    """The fingerprint of a trained model itself."""
    return str((json.loads(row["manifest"]).get("model") or {}).get("fingerprint") or "")


def base_of(connection: duckdb.DuckDBPyConnection, artifact: str) -> str | None:
    """The model that a training started from."""
    query = "select mark from inputs where artifact = ? and source is null"
    found = connection.execute(query, [artifact]).fetchone()
    return str(found[0]) if found else None


def training(connection: duckdb.DuckDBPyConnection, row: Mapping[str, Any]) -> Training:
    """One training with its sources."""
    artifact = row["artifact"]
    losses = {found["source"]: found for found in rows(connection, LOSSES, [artifact])}
    steps = rows(connection, STEPS, [artifact])[0]["steps"]
    whole = losses.get(None, {})
    return Training(
        *(row["stage"], row["plugin"], row["package"], artifact, fingerprint(row)),
        options=json.loads(row["options"]),
        seconds=row["seconds"],
        steps=steps or max((found["step"] for found in losses.values()), default=0),
        first_loss=whole.get("first"),
        last_loss=whole.get("last"),
        shares=tuple(shares(connection, artifact, losses)),
        measured=tuple(rows(connection, MEASURED, [artifact])),
    )


def shares(connection: duckdb.DuckDBPyConnection, artifact: str, losses: Mapping[str | None, Any]) -> list[Share]:
    """What each source gave to a training."""
    query = "select source, mark from inputs where artifact = ? and source is not null order by rowid"
    marks = dict(connection.execute(query, [artifact]).fetchall())
    passages = {source: passed(connection, source, mark) for source, mark in marks.items()}
    through = sorted({passage.artifact for found in passages.values() for passage in found})
    values = {"model": artifact, "artifacts": through}
    counted = {row["source"]: row for row in rows(connection, BY_SOURCE, values)}
    names = [*marks, *(name for name in counted if name not in marks)]
    return [share(name, counted.get(name), losses.get(name, {}), passages.get(name, ())) for name in names]


def share(
    source: str | None, counted: Mapping[str, Any] | None, loss: Mapping[str, Any], passages: Sequence[Passage]
) -> Share:
    """What one source gave; nothing where no step was told of."""
    found = counted or {"records": 0, "tokens": 0, "tokens_once": 0}
    epochs = found["tokens"] / found["tokens_once"] if found["tokens_once"] else None
    return Share(
        source, found["records"], found["tokens"], epochs, loss.get("first"), loss.get("last"), tuple(passages)
    )


def passed(connection: duckdb.DuckDBPyConnection, source: str, mark: str) -> list[Passage]:
    """The stages that made the records that a mark names, from reading on."""
    found: list[Passage] = []
    while row := connection.execute(MAKER, [source, mark]).fetchone():
        artifact, mark = row
        found.insert(0, passage(connection, artifact, source))
    return found


def passage(connection: duckdb.DuckDBPyConnection, artifact: str, source: str) -> Passage:
    """One stage, and how many records of a source came in and out."""
    query = "select stage, hook, plugin, package, manifest from artifacts where artifact = ?"
    row = (rows(connection, query, [artifact]) or [lost()])[0]
    counts = dict(connection.execute(COUNTS, [artifact, source]).fetchall())
    reasons = dict(connection.execute(REASONS, [artifact, source]).fetchall())
    epochs = json.loads(row["manifest"]).get("draw", {}).get("epochs", {}).get(source)
    out = counts.get("kept", 0) + counts.get("born", 0)
    who = (row["stage"], row["hook"], row["plugin"], row["package"])
    drawn = epochs if isinstance(epochs, int | float) else None
    return Passage(*who, artifact, counts.get("in", 0), out, reasons, drawn)


def lost() -> dict[str, Any]:
    """What stands for an artifact that the lineage does not have."""
    return {"stage": "?", "hook": "?", "plugin": "?", "package": "?", "manifest": "{}"}
