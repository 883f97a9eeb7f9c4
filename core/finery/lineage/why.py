"""The story of one record: where it was read, what every stage made of it, what came of it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING
from uuid import UUID

from finery.errors import FineryError, UsageError
from finery.lineage.facts import Facts, ancestors, children_of, facts, origins
from finery.lineage.life import Life, life
from finery.lineage.runs import Run, run_ids

if TYPE_CHECKING:
    import duckdb

SHORTEST = 6
"""Hex digits that a record's id can be cut to."""

FAMILY = 20
"""Descendants whose lives are told; more are only counted."""

PREFIXED = """
select distinct record from (
    select artifact, record from origins union all select artifact, record from decisions
    union all select artifact, child from parents)
where artifact in (select unnest($artifacts)) and record between $low::uuid and $high::uuid order by record limit 6
"""
ELSEWHERE = """
select max(s.run) from stages s join (
    select artifact, record from origins union all select artifact, record from decisions
    union all select artifact, child from parents) using (artifact)
where record = $record::uuid
"""


@dataclass(frozen=True)
class Story:
    """A record's life in one run, between those it comes from and those that come from it."""

    run: str
    record: str
    ancestors: tuple[Life, ...]
    """The records it was born of, first the ones that were read."""
    life: Life
    descendants: tuple[Life, ...]
    """The records born of it, at most 20 of them."""
    descendants_total: int


def tell(connection: duckdb.DuckDBPyConnection, run: Run, record: UUID) -> Story:
    """The story of a record. Raises UsageError where the run never had it."""
    above = ancestors(connection, run, [record])
    older = generations(record, above)
    younger, total = descendants(connection, run, record)
    everyone = [*older, record, *younger]
    known = facts(connection, run, everyone)
    if not known.knows(record):
        raise unknown(connection, run, record)
    lives = all_lives(connection, run, everyone, known)
    split = len(older)
    return Story(run.id, str(record), tuple(lives[:split]), lives[split], tuple(lives[split + 1 :]), total)


def lives(connection: duckdb.DuckDBPyConnection, run: Run, records: Sequence[UUID]) -> list[Life]:
    """The life of each of some records that the run had."""
    return all_lives(connection, run, records, facts(connection, run, records))


def all_lives(connection: duckdb.DuckDBPyConnection, run: Run, records: Sequence[UUID], known: Facts) -> list[Life]:
    """The life of each record, with the origins of all it names."""
    places = origins(connection, run, [*records, *named(known)])
    return [life(run, record, known, places) for record in records]


def named(known: Facts) -> Iterable[UUID]:
    """The records that stand for others, or for which others stand."""
    for found in known.decisions.values():
        yield from (row["other"] for row in found if row["other"] is not None)
    for found in known.cuts.values():
        yield from (row["other"] for row in found if row["other"] is not None)
    for found in known.stands_for.values():
        yield from (example for row in found for example in row["examples"])


def generations(record: UUID, above: Mapping[UUID, Sequence[UUID]]) -> list[UUID]:
    """The ancestors of a record, parents after their own parents."""
    order: list[UUID] = []

    def climb(child: UUID) -> None:
        for parent in above.get(child, ()):
            if parent not in order:
                climb(parent)
                order.append(parent)

    climb(record)
    return order


def descendants(connection: duckdb.DuckDBPyConnection, run: Run, record: UUID) -> tuple[list[UUID], int]:
    """The first records that came of a record, generation by generation, and how many there are in all."""
    found: dict[UUID, None] = {}
    waiting: set[UUID] = {record}
    while waiting:
        below = children_of(connection, run, waiting)
        young = {child: None for parent in sorted(below) for child in below[parent] if child not in found}
        found |= young
        waiting = set(young)
    return list(found)[:FAMILY], len(found)


def resolve(connection: duckdb.DuckDBPyConnection, run: Run, name: str) -> UUID | None:
    """The record that an id, or at least six hex digits of one, means; None where `name` is text or means none.

    Raises UsageError where several records begin so.
    """
    digits = name.replace("-", "").lower()
    if not re.fullmatch(rf"[0-9a-f]{{{SHORTEST},32}}", digits):
        return None
    if len(digits) == 32:
        return UUID(digits)
    values = {
        "artifacts": run.artifacts(),
        "low": str(UUID(digits.ljust(32, "0"))),
        "high": str(UUID(digits.ljust(32, "f"))),
    }
    found = [row[0] for row in connection.execute(PREFIXED, values).fetchall()]
    if len(found) > 1:
        several = ", ".join(str(record) for record in found[:5])
        raise UsageError.at(f"record '{name}'", f"could be {several}", "give more digits")
    return found[0] if found else None


def unknown(connection: duckdb.DuckDBPyConnection, run: Run, record: UUID) -> FineryError:
    """The error for a record that a run never had, with another run that had it."""
    found = connection.execute(ELSEWHERE, {"record": str(record)}).fetchone()
    elsewhere = found[0] if found and found[0] in run_ids(connection) else None
    remedy = (
        f"finery why {record} --run {elsewhere}"
        if elsewhere
        else "ids are in the lineage: finery sql 'from origins limit 5'"
    )
    return UsageError.at(f"record {record}", f"never was in run {run.id}", remedy)
