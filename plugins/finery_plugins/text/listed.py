"""Files that list records by their ids, and what is to be done with each: as `finery propose` writes them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any
from uuid import UUID

import orjson
import pyarrow as pa
import pyarrow.compute as pc

from finery import UsageError

LISTED = pa.schema(
    [("record", pa.string()), ("drop", pa.string()), ("times", pa.int64()), ("vary", pa.bool_()), ("why", pa.string())]
)
"""A line of such a file: a record's id, and any of the others."""
KINDS: Mapping[str, type] = {"record": str, "drop": str, "times": int, "vary": bool, "why": str}


def listed(path: Path) -> pa.Table:
    """The lines of a file, one a record: what a later line says of the same goes over it. Raises UsageError."""
    found: dict[str, dict[str, Any]] = {}
    for row in lines(path):
        found.setdefault(row["record"], {}).update(row)
    return pa.Table.from_pylist(list(found.values()), LISTED)


def lines(path: Path) -> Iterator[dict[str, Any]]:
    """Each line of a file. Raises UsageError with the line of one that nobody understands."""
    with path.open("rb") as file:
        for number, line in enumerate(file, 1):
            if line.strip():
                yield line_of(line, f"{path.name}:{number}")


def line_of(line: bytes, at: str) -> dict[str, Any]:
    """A line as it is kept. Raises UsageError."""
    try:
        row = orjson.loads(line)
        row["record"] = str(UUID(row["record"]))
    except (ValueError, TypeError, KeyError, AttributeError):
        raise UsageError.at(at, "names no record", 'write {"record": "<id>", "drop": "<reason>"}') from None
    for name, value in row.items():
        if name not in KINDS:
            raise UsageError.at(at, f"has an unknown '{name}'", f"a line has {', '.join(KINDS)}")
        if not isinstance(value, KINDS[name]) or (isinstance(value, int) and not 0 <= value <= 1000):
            raise UsageError.at(at, f"'{name}' is {value!r}", "times is a number from 0 to 1000, vary true or false")
    return dict(row)


def matched(batch: pa.Table, table: pa.Table) -> pa.Table:
    """For each record of a batch, its line; null where there is none."""
    ids = pa.array([str(one) for one in batch["id"].to_pylist()], pa.string())
    places = pc.index_in(ids, table["record"].combine_chunks())
    return table.take(places)
