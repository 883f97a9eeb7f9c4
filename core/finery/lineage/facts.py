"""Everything that the lineage knows of a few records in one run, fetched with one query a table."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from uuid import UUID

from finery.lineage.runs import Rows, Run, rows

if TYPE_CHECKING:
    import duckdb

Table = Mapping[UUID, Rows]
"""Rows by the record that they are of."""

# Artifacts are few and tables are sorted by record within each: with both bound, DuckDB reads a row group an artifact.
ORIGINS = """
select record, artifact, source, file, line from origins
where artifact in (select unnest($artifacts)) and record in (select unnest($records::uuid[]))
"""
BIRTHS = """
select child as record, artifact, parent from parents
where artifact in (select unnest($artifacts)) and child in (select unnest($records::uuid[])) order by child, parent
"""
BORN = """
select parent as record, artifact, child from parents
where artifact in (select unnest($artifacts)) and parent in (select unnest($records::uuid[])) order by parent, child
"""
CHILDREN = """
select parent as record, artifact, count(*) as count from parents
where artifact in (select unnest($artifacts)) and parent in (select unnest($records::uuid[])) group by all
"""
DECISIONS = """
select record, artifact, reason, value, bound, other, detail from decisions
where artifact in (select unnest($artifacts)) and record in (select unnest($records::uuid[]))
"""
CUTS = """
select record, artifact, characters, other from cuts
where artifact in (select unnest($artifacts)) and record in (select unnest($records::uuid[]))
"""
STANDS_FOR = """
select other as record, artifact, count(*) as count, min(record, 5) as examples from decisions
where artifact in (select unnest($artifacts)) and other in (select unnest($records::uuid[])) group by other, artifact
"""
STEPS = """
with pieces as (
    select record, artifact, start, count(*) as times, min(step) as first, max(step) as last, sum(length) as tokens
    from steps where artifact in (select unnest($artifacts)) and record in (select unnest($records::uuid[]))
    group by all)
select record, artifact, max(times) as times, min(first) as first, max(last) as last, sum(tokens)::bigint as tokens
from pieces group by all
"""
ITEMS = """
select try_cast(item as uuid) as record, artifact, measures from items
where artifact in (select unnest($artifacts)) and item in (select unnest($records))
"""
BEARS = ("format", "mix")
"""The hooks whose stages bear records."""


@dataclass(frozen=True)
class Facts:
    """Rows of each table, by record."""

    origins: Table
    births: Table
    """Rows with `parent`: whom a record comes from."""
    children: Table
    """Rows with `count`: how many came from a record."""
    decisions: Table
    cuts: Table
    """Rows with `characters` that a record lost and `other`, which stands for most of them."""
    stands_for: Table
    """Rows with `count` and at most five `examples`: who was merged into a record."""
    steps: Table
    """`times` a record was trained on, its `first` and `last` step, its `tokens`."""
    items: Table

    def knows(self, record: UUID) -> bool:
        """Whether a record ever was."""
        return any(record in table for table in (self.origins, self.births, self.decisions))


def facts(connection: duckdb.DuckDBPyConnection, run: Run, records: Sequence[UUID]) -> Facts:
    """What the lineage has on some records, in what a run made or reused."""

    def found(query: str, *hooks: str) -> Table:
        return fetched(connection, query, run.artifacts(hooks or None), records)

    decisions = found(DECISIONS)
    trained = trainable(run, records, decisions)
    return Facts(
        origins=found(ORIGINS, "read"),
        births=found(BIRTHS, *BEARS),
        children=found(CHILDREN, *BEARS),
        decisions=decisions,
        cuts=found(CUTS, "dedupe"),
        stands_for=found(STANDS_FOR, "dedupe"),
        steps=fetched(connection, STEPS, run.artifacts(("train",)), trained),
        items=found(ITEMS, "evaluate"),
    )


def fetched(
    connection: duckdb.DuckDBPyConnection, query: str, artifacts: Sequence[str], records: Iterable[UUID]
) -> Table:
    """The rows of some records in some artifacts, by record."""
    values = {"artifacts": artifacts, "records": [str(record) for record in records]}
    return by_record(rows(connection, query, values)) if all(values.values()) else {}


def trainable(run: Run, records: Sequence[UUID], decisions: Table) -> list[UUID]:
    """The records that came as far as a training: the table of steps is the largest, and costs most."""
    places = {stage.artifact: stage.position for stage in run.stages}
    first = min((stage.position for stage in run.stages if stage.hook == "train"), default=len(places))
    gone = {record for record, found in decisions.items() if any(places[row["artifact"]] < first for row in found)}
    return [record for record in records if record not in gone]


def by_record(found: Rows) -> Table:
    """Rows by their record."""
    table: dict[UUID, Rows] = defaultdict(list)
    for row in found:
        table[row["record"]].append(row)
    return dict(table)


def one(table: Table, record: UUID, artifact: str) -> dict[str, Any] | None:
    """The row of a record in one artifact."""
    return next((row for row in table.get(record, ()) if row["artifact"] == artifact), None)


def parents_of(connection: duckdb.DuckDBPyConnection, run: Run, records: Iterable[UUID]) -> dict[UUID, list[UUID]]:
    """Each record's parents; records without any are left out."""
    found = fetched(connection, BIRTHS, run.artifacts(BEARS), records)
    return {record: [row["parent"] for row in born] for record, born in found.items()}


def children_of(connection: duckdb.DuckDBPyConnection, run: Run, records: Iterable[UUID]) -> dict[UUID, list[UUID]]:
    """Each record's children, in the order of their ids."""
    found = fetched(connection, BORN, run.artifacts(BEARS), records)
    return {record: [row["child"] for row in born] for record, born in found.items()}


def ancestors(connection: duckdb.DuckDBPyConnection, run: Run, records: Iterable[UUID]) -> dict[UUID, list[UUID]]:
    """The parents of some records, of their parents and so on: each record that has any, with them."""
    family: dict[UUID, list[UUID]] = {}
    waiting = set(records)
    while waiting:
        found = parents_of(connection, run, waiting)
        family |= found
        waiting = {parent for parents in found.values() for parent in parents} - family.keys()
    return family


def origins(connection: duckdb.DuckDBPyConnection, run: Run, records: Iterable[UUID]) -> dict[UUID, dict[str, Any]]:
    """Where each record was read: `source, file, line`, of its first ancestor where it was born later."""
    wanted = set(records)
    family = ancestors(connection, run, wanted)
    first = {record: root(family, record) for record in wanted}
    read = fetched(connection, ORIGINS, run.artifacts(("read",)), set(first.values()))
    return {record: read[base][0] for record, base in first.items() if base in read}


def root(family: Mapping[UUID, Sequence[UUID]], record: UUID) -> UUID:
    """The first parent of the first parent and so on."""
    while record in family:
        record = family[record][0]
    return record
