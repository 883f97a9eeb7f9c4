"""A dataset in memory, for a plugin's `prepare`."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import pyarrow as pa
import xxhash

ALWAYS = ("id", "source")


@dataclass(frozen=True)
class MemoryDataset:
    """Batches of one source each, read `rows` records at a time."""

    tables: tuple[pa.Table, ...]
    rows: int = 8000

    @property
    def fingerprint(self) -> str:
        """Equal for equal ids in equal order."""
        ids = [str(one) for table in self.tables for one in table["id"].to_pylist()]
        return xxhash.xxh3_128_hexdigest("\n".join(ids).encode())

    @property
    def sources(self) -> tuple[str, ...]:
        """The names of the sources, in the order of the tables."""
        return tuple(dict.fromkeys(name for table in self.tables for name in names(table)))

    @property
    def records(self) -> int:
        """How many records there are."""
        return sum(len(table) for table in self.tables)

    def columns(self, source: str) -> tuple[str, ...]:
        """The columns of one source's records, `id` and `source` first."""
        held = [table for table in self.tables if source in names(table)]
        return tuple(held[0].column_names) if held else ALWAYS

    def batches(self, columns: Sequence[str] | None = None, only: Sequence[str] | None = None) -> Iterator[pa.Table]:
        """Every record, in order; columns a source lacks are left out, `id` and `source` are always there."""
        for table in self.tables:
            if only is None or set(names(table)) & set(only):
                yield from parts(narrowed(table, columns), self.rows)


def names(table: pa.Table) -> list[str]:
    """The sources in a table."""
    found: list[str] = table["source"].unique().to_pylist()
    return found


def narrowed(table: pa.Table, columns: Sequence[str] | None) -> pa.Table:
    """A table with some of its columns."""
    if columns is None:
        return table
    return table.select([name for name in table.column_names if name in ALWAYS or name in columns])


def parts(table: pa.Table, rows: int) -> Iterator[pa.Table]:
    """A table in pieces of `rows` records."""
    for start in range(0, len(table), rows):
        yield table.slice(start, rows)
