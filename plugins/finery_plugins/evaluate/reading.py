"""Evaluations that are there already: their items found, read, and paired by what the items ask."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import duckdb
import pyarrow.parquet as pq

from finery import Journal, UsageError
from finery_plugins.evaluate.items import ITEMS, ROWS, Row, table_of
from finery_plugins.evaluate.logs import logged

KEPT = "items.parquet"
MEMORY = "256MB"
"""What pairing items may hold; beyond, it goes to disk."""
FIELDS = ("model", "answer", "correct", "score")
PAIRS = f"""
select a.*, b.item is not null as "paired", {", ".join(f'b."{name}" as "before_{name}"' for name in FIELDS)}
from read_parquet($after) a left join read_parquet($before) b using (item) order by a.item
"""  # noqa: S608 - names of our own columns
LOST = "select count(*) from read_parquet($before) b anti join read_parquet($after) a using (item)"


def paired(before: Path, after: Path, out: Path, where: str, journal: Journal) -> Iterator[tuple[Row, Row | None]]:
    """Each item of the later evaluation, and the same item of the earlier one where it has it; in order of the items.

    Joined on disk, so that memory does not grow with them. Raises UsageError for what holds no items of ours.
    """
    places = {
        name: str(items_in(place, out, name, where)) for name, place in {"after": after, "before": before}.items()
    }
    with duckdb.connect() as connection:
        connection.execute("set memory_limit = $1", [MEMORY])
        connection.execute("set temp_directory = $1", [str(out / "joining")])
        if lost := connection.execute(LOST, places).fetchall()[0][0]:
            journal.note(f"{lost} items of '{before}' are not in '{after}'")
        for batch in connection.sql(PAIRS, params=places).to_arrow_reader(ROWS):
            yield from map(pair, batch.to_pylist())
    for place in places.values():
        if Path(place).parent == out:
            Path(place).unlink()


def pair(row: Mapping[str, Any]) -> tuple[Row, Row | None]:
    """The two sides of a joined row."""
    own: dict[str, Any] = {name: row[name] for name in ITEMS.names}
    own |= {"tags": tuple(row["tags"] or ()), "details": json.loads(row["details"] or "{}")}
    after = Row(**own)
    if not row["paired"]:
        return after, None
    side = {name: row[f"before_{name}"] for name in FIELDS}
    return after, Row(after.item, data=after.data, source=after.source, tags=after.tags, **side)


def items_in(place: Path, out: Path, name: str, where: str) -> Path:
    """The Parquet file of an evaluation's items; logs that others left are brought into our shape first."""
    file = place / KEPT if (place / KEPT).is_file() else place
    if file.suffix == ".parquet" and file.is_file():
        lacking = [column for column in ITEMS.names if column not in pq.read_schema(file).names]
        if not lacking:
            return file
        if file.name == KEPT:
            remedy = "compare evaluations by prompts, checklist, harness or compare"
            raise UsageError.at(where, f"the items of '{place}' have no '{lacking[0]}'", remedy)
    imported = out / f"{name}.parquet"
    with pq.ParquetWriter(imported, ITEMS, compression="zstd") as writer:
        for rows in logged([place], place.name, where):
            writer.write_table(table_of(rows))
    return imported
