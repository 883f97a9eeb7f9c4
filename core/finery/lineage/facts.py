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

EXAMPLES = 5
"""Records named where there are many."""

# Artifacts are few and tables are sorted by record within each: with both bound, DuckDB reads a row group an artifact.
OF = "artifact in (select unnest($artifacts)) and {column} in (select unnest($records::uuid[]))"
QUERIES = {
    "origins": ("record", "select record, artifact, source, file, line from origins where {of}"),
    "births": ("child", "select child as record, artifact, parent from parents where {of} order by parent"),
    "children": (
        "parent",
        f"select parent as record, artifact, count(*) as count, min(child, {EXAMPLES}) as examples "
        "from parents where {of} group by parent, artifact",
    ),
    "decisions": ("record", "select record, artifact, reason, value, bound, other, detail from decisions where {of}"),
    "stands_for": (
        "other",
        f"select other as record, artifact, count(*) as count, min(record, {EXAMPLES}) as examples "
        "from decisions where {of} group by other, artifact",
    ),
    "steps": (
        "record",
        "with pieces as (select record, artifact, start, count(*) as times, min(step) as first, max(step) as last, "
        "sum(length) as tokens from steps where {of} group by all) "
        "select record, artifact, max(times) as times, min(first) as first, max(last) as last, "
        "sum(tokens)::bigint as tokens from pieces group by all",
    ),
}
ITEMS = """
select try_cast(item as uuid) as record, artifact, measures from items
where artifact in (select unnest($artifacts)) and item in (select unnest($records))
"""


@dataclass(frozen=True)
class Facts:
    """Rows of each table, by record."""

    origins: Table
    births: Table
    """Rows with `parent`: whom a record comes from."""
    children: Table
    """Rows with `count` and `examples`: who comes from a record."""
    decisions: Table
    stands_for: Table
    """Rows with `count` and `examples`: who was merged into a record."""
    steps: Table
    """`times` a record was trained on, its `first` and `last` step, its `tokens`."""
    items: Table

    def knows(self, record: UUID) -> bool:
        """Whether a record ever was."""
        return any(record in table for table in (self.origins, self.births, self.decisions))


def facts(connection: duckdb.DuckDBPyConnection, run: Run, records: Sequence[UUID]) -> Facts:
    """What the lineage has on some records, in what a run made or reused."""
    values = {"artifacts": run.artifacts(), "records": [str(record) for record in records]}
    found = {
        name: by_record(rows(connection, query.format(of=OF.format(column=column)), values))
        for name, (column, query) in QUERIES.items()
    }
    return Facts(**found, items=by_record(rows(connection, ITEMS, values)))


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
    query = f"select child, parent from parents where {OF.format(column='child')} order by child, parent"  # noqa: S608
    return pairs(connection, query, run, records)


def children_of(connection: duckdb.DuckDBPyConnection, run: Run, records: Iterable[UUID]) -> dict[UUID, list[UUID]]:
    """Each record's children, in the order of their ids."""
    query = f"select parent, child from parents where {OF.format(column='parent')} order by parent, child"  # noqa: S608
    return pairs(connection, query, run, records)


def pairs(
    connection: duckdb.DuckDBPyConnection, query: str, run: Run, records: Iterable[UUID]
) -> dict[UUID, list[UUID]]:
    """The second of each pair by the first."""
    found: dict[UUID, list[UUID]] = defaultdict(list)
    values = {"artifacts": run.artifacts(), "records": [str(record) for record in records]}
    if values["records"] and values["artifacts"]:
        for first, second in connection.execute(query, values).fetchall():
            found[first].append(second)
    return dict(found)


def ancestors(connection: duckdb.DuckDBPyConnection, run: Run, records: Iterable[UUID]) -> dict[UUID, list[UUID]]:
    """The parents of some records, of their parents and so on: each record that has any, with them."""
    family: dict[UUID, list[UUID]] = {}
    waiting = set(records)
    while waiting:
        found = parents_of(connection, run, waiting)
        family |= found
        waiting = {parent for parents in found.values() for parent in parents} - family.keys()
        if not found:
            break
    return family


def origins(connection: duckdb.DuckDBPyConnection, run: Run, records: Iterable[UUID]) -> dict[UUID, dict[str, Any]]:
    """Where each record was read: `source, file, line`, of its first ancestor where it was born later."""
    wanted = set(records)
    family = ancestors(connection, run, wanted)
    first = {record: root(family, record) for record in wanted}
    query = f"select record, source, file, line from origins where {OF.format(column='record')}"  # noqa: S608
    values = {"artifacts": run.artifacts(("read",)), "records": [str(record) for record in set(first.values())]}
    read = {row.pop("record"): row for row in rows(connection, query, values)} if wanted else {}
    return {record: read[base] for record, base in first.items() if base in read}


def root(family: Mapping[UUID, Sequence[UUID]], record: UUID) -> UUID:
    """The first parent of the first parent and so on."""
    while record in family:
        record = family[record][0]
    return record
