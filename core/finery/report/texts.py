"""The texts of a few records by their ids, out of the files that hold them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import UUID

from finery.lineage.facts import BEARS, ancestors
from finery.lineage.facts import root as first_ancestor
from finery.lineage.runs import Run, rows
from finery.lineage.search import text_of

if TYPE_CHECKING:
    import duckdb

LONGEST = 600
"""Characters of a text that are shown."""
TOLD = "… ({} characters in all)"

TEXTS = """
select id as record, left({text}, $longest) as text, length({text}) as length
from read_parquet($files, union_by_name = true)
where id in (select unnest($records::uuid[]))
"""

# A record that occurs again has another id than its base file says, and the text of the one that it repeats.
REPEATED = r"""
with fresh as (
    select id, row, regexp_extract(filename, '(\d+)\.parquet$', 1) as shard from read_parquet($ids, filename = true)
    where id in (select unnest($records::uuid[]))),
base as (
    select id, file_row_number as row, regexp_extract(filename, '(\d+)\.parquet$', 1) as shard
    from read_parquet($files, filename = true, file_row_number = true, union_by_name = true))
select fresh.id as record, base.id as base from fresh join base using (shard, row)
"""


def texts(connection: duckdb.DuckDBPyConnection, root: Path, run: Run, records: Iterable[UUID]) -> dict[UUID, str]:
    """The text of each record: its own, else that of the record it was born of. Long texts are cut."""
    import duckdb

    wanted = list(dict.fromkeys(records))
    family = ancestors(connection, run, wanted)
    first = {record: first_ancestor(family, record) for record in wanted}
    found: dict[UUID, str] = {}
    with duckdb.connect(":memory:") as files:
        for artifact in run.artifacts(("read", *BEARS)):
            found |= in_artifact(files, root / "artifacts" / artifact, [*wanted, *first.values()])
    own = {record: found.get(record, found.get(first[record])) for record in wanted}
    return {record: text for record, text in own.items() if text is not None}


def in_artifact(connection: duckdb.DuckDBPyConnection, folder: Path, records: Sequence[UUID]) -> dict[UUID, str]:
    """The texts of the records that have their base in one artifact."""
    files, ids = (sorted(str(path) for path in folder.glob(f"{kind}-*.parquet")) for kind in ("data", "ids"))
    text = text_of(connection, files) if files else None
    if text is None or not records:
        return {}
    asked = [str(record) for record in records]
    bases: dict[UUID, UUID] = {}
    if ids:
        again = rows(connection, REPEATED, {"ids": ids, "files": files, "records": asked})
        bases = {row["record"]: row["base"] for row in again}
    values: dict[str, Any] = {"files": files, "longest": LONGEST, "records": [*asked, *map(str, bases.values())]}
    found = {row["record"]: cut(row) for row in rows(connection, TEXTS.format(text=text), values)}
    return found | {record: found[base] for record, base in bases.items() if base in found}


def cut(row: dict[str, Any]) -> str:
    """A text, with how long it is where it was cut."""
    text = row["text"] or ""
    return f"{text}{TOLD.format(format(row['length'], ','))}" if (row["length"] or 0) > LONGEST else text
