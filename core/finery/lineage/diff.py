"""What two runs differ in: configuration, versions, counts, metrics, and the records whose fate changed."""

from __future__ import annotations

import json
from collections.abc import Mapping, Set
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from finery.lineage.runs import Rows, Run, rows
from finery.settings import stage_ids

if TYPE_CHECKING:
    import duckdb

# Of both runs; what one of them lacks is null. Stages stand in the order of whichever run has them first.
COUNTS = """
with counted as (
    select s.stage, t.source, t.kind, t.name, min(s.position) as place,
        max(t.count) filter (s.run = $a) as a, max(t.count) filter (s.run = $b) as b
    from stages s join tallies t using (artifact)
    where s.run in ($a, $b) and (s.hook not in ('train', 'evaluate') or t.kind = 'tally')
    group by s.stage, t.source, t.kind, t.name)
select * exclude (place) from counted where coalesce(a, 0) <> coalesce(b, 0)
order by min(place) over (partition by stage), stage, source nulls first, kind, name
"""
METRICS = """
with last as (
    select s.run, s.position, s.stage, m.name, m.source, arg_max(m.value, coalesce(m.step, 0)) as value
    from stages s join metrics m using (artifact)
    where s.run in ($a, $b) and (m.step is null or m.name = 'loss') group by all),
measured as (
    select stage, name, source, min(position) as place,
        max(value) filter (run = $a) as a, max(value) filter (run = $b) as b
    from last group by stage, name, source)
select * exclude (place) from measured where a is distinct from b
order by min(place) over (partition by stage), stage, name, source nulls first
"""

# Artifacts of both runs decide the same in both. A record without a decision was kept, if it was there at all.
FATES = """
with a as (
    select record, any_value(stage || ': ' || reason) as fate from decisions d
    join (select unnest($only_a) as artifact, unnest($stages_a) as stage) s using (artifact) group by record),
b as (
    select record, any_value(stage || ': ' || reason) as fate from decisions d
    join (select unnest($only_b) as artifact, unnest($stages_b) as stage) s using (artifact) group by record),
gone as (
    select record from origins where artifact in (select unnest($only_a))
    union all select record from origins where artifact in (select unnest($only_b))),
candidates as (
    select record from a union select record from b union select record from gone),
births as (select artifact, record from origins union all select artifact, child from parents),
in_a as (
    select distinct record from births semi join candidates using (record)
    where artifact in (select unnest($all_a))),
in_b as (
    select distinct record from births semi join candidates using (record)
    where artifact in (select unnest($all_b))),
fates as (
    select record,
        coalesce(a.fate, case when in_a.record is null then 'not there' else 'kept' end) as fate_a,
        coalesce(b.fate, case when in_b.record is null then 'not there' else 'kept' end) as fate_b
    from candidates left join a using (record) left join b using (record)
    left join in_a using (record) left join in_b using (record))
select fate_a as a, fate_b as b, count(*) as count, min(record, 5) as examples
from fates where fate_a <> fate_b group by all order by count desc, a, b
"""


@dataclass(frozen=True)
class Difference:
    """Two runs side by side: only what differs; each row has `a` and `b`."""

    a: str
    b: str
    config: Rows
    """`option`, such as `length.min_words`; null where a run does not know it."""
    plugins: Rows
    """`stage`, with plugin, package and version, or a digest of their code; and libraries under their names."""
    counts: Rows
    """`stage, source, kind` (fate, reason, tally), `name`."""
    metrics: Rows
    """`stage, name, source`: of evaluations, and the last losses."""
    fates: Rows
    """`count` records went from fate `a` to fate `b`; `examples` are at most five of them."""


def compare(connection: duckdb.DuckDBPyConnection, first: Run, second: Run) -> Difference:
    """What two runs differ in. Of a stage that only one run has, its written options stand, not its defaults."""
    both = {"a": first.id, "b": second.id}
    shared = {stage.id for stage in first.stages} & {stage.id for stage in second.stages}
    return Difference(
        a=first.id,
        b=second.id,
        config=differing("option", *(configuration(connection, run, shared) for run in (first, second))),
        plugins=plugins(connection, first, second, shared),
        counts=rows(connection, COUNTS, both),
        metrics=rows(connection, METRICS, both),
        fates=fates(connection, first, second),
    )


def differing(what: str, first: Mapping[str, Any], second: Mapping[str, Any]) -> Rows:
    """The names whose values differ."""
    names = {**first, **second}
    return [
        {what: name, "a": first.get(name), "b": second.get(name)}
        for name in names
        if first.get(name) != second.get(name)
    ]


def configuration(connection: duckdb.DuckDBPyConnection, run: Run, shared: Set[str]) -> dict[str, Any]:
    """Every option of a run by its path, `stage.option`; with defaults, where a shared stage was reached."""
    raw = json.loads(rows(connection, "select pipeline from runs where run = ?", [run.id])[0]["pipeline"])
    found = {word: value for word, value in raw.items() if not isinstance(value, list | dict)}
    found |= flattened("run", raw.get("run", {}))
    for number, source in enumerate(raw.get("source", [])):
        found |= flattened(str(source.get("name", number)), {k: v for k, v in source.items() if k != "name"})
    own = options(connection, run)
    for name, stage in zip(stage_ids(raw.get("stage", [])), raw.get("stage", []), strict=True):
        defaults = own.get(name, {}) if name in shared else {}
        found |= flattened(name, {**defaults, **{k: v for k, v in stage.items() if k != "id"}})
    for observer in raw.get("observer", []):
        found |= flattened(str(observer.get("use")), observer.get("options", {}))
    return {name: value for name, value in found.items() if value is not None}


def options(connection: duckdb.DuckDBPyConnection, run: Run) -> dict[str, dict[str, Any]]:
    """The options of each finished stage, defaults included."""
    query = "select s.stage, a.options from stages s join artifacts a using (artifact) where s.run = ?"
    return {row["stage"]: json.loads(row["options"]) for row in rows(connection, query, [run.id])}


def flattened(path: str, value: Any) -> dict[str, Any]:
    """Nested tables as `path.to.option`."""
    if not isinstance(value, Mapping):
        return {path: value}
    parts = [flattened(f"{path}.{name}", part) for name, part in value.items()]
    return {name: part for found in parts for name, part in found.items()}


def versions(connection: duckdb.DuckDBPyConnection, run: Run, shared: Set[str]) -> dict[str, str]:
    """Who did each shared stage, and the libraries that shape a result."""
    text = rows(connection, "select versions from runs where run = ?", [run.id])[0]["versions"]
    stages = [stage for stage in run.stages if stage.id in shared]
    libraries: dict[str, str] = json.loads(text)
    return {stage.id: f"{stage.hook} {stage.plugin}, {stage.package}" for stage in stages} | libraries


def codes(connection: duckdb.DuckDBPyConnection, run: Run) -> dict[str, str]:
    """The digest of each finished stage's code: one version can stand for several states of a work in progress."""
    query = """
        select s.stage, a.manifest->>'$.parts.digest' as digest
        from stages s join artifacts a using (artifact) where s.run = ?"""
    return {row["stage"]: row["digest"] for row in rows(connection, query, [run.id]) if row["digest"]}


def plugins(connection: duckdb.DuckDBPyConnection, first: Run, second: Run, shared: Set[str]) -> Rows:
    """The stages of both runs that other plugins, versions or states of their code did; libraries that differ."""
    found = differing("stage", versions(connection, first, shared), versions(connection, second, shared))
    known = {row["stage"] for row in found}
    a, b = codes(connection, first), codes(connection, second)
    changed = [row for row in differing("stage", a, b) if row["a"] and row["b"] and row["stage"] not in known]
    return found + [{**row, "a": f"code {row['a'][:8]}", "b": f"code {row['b'][:8]}"} for row in changed]


def fates(connection: duckdb.DuckDBPyConnection, first: Run, second: Run) -> Rows:
    """How many records went from which fate to which, with some of them."""
    values: dict[str, Any] = {}
    for letter, run, other in (("a", first, second), ("b", second, first)):
        own = [s for s in run.stages if s.finished and s.artifact not in other.artifacts()]
        values |= {f"only_{letter}": [s.artifact for s in own], f"stages_{letter}": [s.id for s in own]}
        values[f"all_{letter}"] = run.artifacts()
    return rows(connection, FATES, values) if values["only_a"] or values["only_b"] else []
