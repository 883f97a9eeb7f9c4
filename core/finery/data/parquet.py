"""Parquet files: their row groups, and the rows of some of them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import IO, Any

import pyarrow as pa
import pyarrow.parquet as pq

from finery.data.rows import MAX_BYTES, MAX_ROWS, Broken, Raw, only_broken


@dataclass(frozen=True)
class Group:
    """A row group."""

    rows: int
    size: int
    """Bytes of its columns before compression."""


def row_groups(stream: IO[bytes]) -> list[Group]:
    """The row groups of a file. Raises ValueError or OSError where it is no Parquet file."""
    footer = pq.ParquetFile(stream).metadata
    groups = [footer.row_group(number) for number in range(footer.num_row_groups)]
    return [Group(group.num_rows, group.total_byte_size) for group in groups]


def parquet_rows(stream: IO[bytes], file: str, start: int, end: int | None, first: int) -> Iterator[Raw]:
    """The rows of row groups `start` up to `end`; the first one is row `first` of the file.

    Where a page cannot be read, it and what follows in its row group are Broken, row by row.
    """
    table = pq.ParquetFile(stream)
    numbers = range(start, table.metadata.num_row_groups if end is None else end)
    read = first
    try:
        for batch in table.iter_batches(group_batch(table, numbers), list(numbers)):
            yield from batch_raws(batch, file, read)
            read += len(batch)
    except (OSError, pa.ArrowException):
        for number in numbers:
            rows = range(first, first + table.metadata.row_group(number).num_rows)
            yield from group_raws(table, file, number, rows[max(0, read - first) :], rows)
            first = rows.stop


def group_batch(table: pq.ParquetFile, numbers: Sequence[int]) -> int:
    """How many rows of some row groups to read together."""
    groups = [table.metadata.row_group(number) for number in numbers]
    return batch_rows(sum(group.num_rows for group in groups), sum(group.total_byte_size for group in groups))


def group_raws(table: pq.ParquetFile, file: str, number: int, wanted: range, rows: range) -> Iterator[Raw]:
    """The wanted ones, the last of a row group's `rows`; from where they cannot be read they are Broken."""
    at = rows.start
    try:
        for batch in table.iter_batches(group_batch(table, [number]), [number]) if wanted else ():
            part = batch.slice(max(0, min(wanted.start - at, len(batch))))
            at += len(batch)
            yield from batch_raws(part, file, at - len(part))
    except (OSError, pa.ArrowException) as error:
        yield from unread(file, range(max(at, wanted.start), rows.stop), str(error))


def batch_rows(rows: int, size: int, max_bytes: int = MAX_BYTES) -> int:
    """How many rows to read together, so that they are about `max_bytes` at most."""
    return max(1, min(MAX_ROWS, rows * max_bytes // max(size, 1)))


def batch_raws(batch: pa.RecordBatch, file: str, first: int) -> Iterator[Raw]:
    """A batch as rows, in slices where it is larger than it should be."""
    step = batch_rows(len(batch), batch.nbytes)
    names = batch.schema.names
    for start in range(0, len(batch), step):
        some = batch.slice(start, step)
        columns = dict(zip(names, some.columns, strict=True))
        rows = range(first + start, first + start + len(some))
        yield Raw(columns, [file] * len(some), rows, [], some.nbytes)


def unread(file: str, rows: Sequence[int], said: str) -> Iterator[Raw]:
    """A Broken for each row behind a page that cannot be read."""
    for start in range(0, len(rows), MAX_ROWS):
        some = rows[start : start + MAX_ROWS]
        yield only_broken(*(Broken(file, row, "damaged", said.partition("\n")[0], b"") for row in some))


def table_raws(reader: Any, file: str, first: int = 1) -> Iterator[Raw]:
    """The rows of a stream of record batches."""
    for batch in reader:
        yield from batch_raws(batch, file, first)
        first += len(batch)
