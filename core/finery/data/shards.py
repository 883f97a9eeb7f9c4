"""Records on disk as layers: base rows, the columns that stages put over them, and the rows that stages took out.

No stage rewrites what it did not change. A shard has a base file whose row groups are the batches of every later pass;
a stage adds a file of the columns it changed, row for row, and a file of the rows it dropped. Row numbers are those of
the base file, so layers apply in any order and one pass over a row group puts them together.
"""

from __future__ import annotations

import base64
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from finery.data.artifacts import Artifacts, damaged
from finery.data.columns import as_type
from finery.data.identity import child_ids, one_chunk

Layers = tuple[tuple[str, tuple[int, ...] | None], ...]
"""Files that hold a column, oldest first: each with the row groups it holds, None for all."""


@dataclass(frozen=True)
class Shard:
    """Where the records of one shard stand; every file as `<fingerprint>/<file>`."""

    source: str
    base: str
    rows: int
    """Rows of the base file."""
    records: int
    """Rows that are left."""
    columns: Mapping[str, Layers]
    """Which files hold each column, in the order of the columns."""
    types: Mapping[str, str] = field(default_factory=dict)
    """Columns that other shards of the source hold in a wider type, or alone: read as this type."""
    drops: tuple[str, ...] = ()
    ids: str | None = None
    """The file of new ids for records that occur more than once."""
    copy: int = 0
    """0 for the records themselves; else the number of the drawing by which a mix took them again."""

    def as_json(self) -> dict[str, Any]:
        """As plain values; `asdict` would copy what nobody changes, at ten times the time."""
        return {name: getattr(self, name) for name in self.__dataclass_fields__} | {"columns": dict(self.columns)}

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Shard:
        """From plain values."""
        columns = {
            name: tuple((file, None if groups is None else tuple(groups)) for file, groups in layers)
            for name, layers in value["columns"].items()
        }
        return cls(**{**value, "columns": columns, "drops": tuple(value["drops"])})


@dataclass(frozen=True)
class Group:
    """One row group as it stands: its records, and each record's row number in the base file (n,)."""

    number: int
    start: int
    length: int
    """Rows of the base file in this group; records were dropped where fewer are in the batch."""
    rows: np.ndarray
    batch: pa.Table


class ShardReader:
    """Reads a shard's row groups with all layers put together."""

    def __init__(self, artifacts: Artifacts, shard: Shard, columns: Sequence[str] | None = None) -> None:
        self.shard = shard
        self.artifacts = artifacts
        wanted = tuple(shard.columns) if columns is None else columns
        self.names = [name for name in wanted if name in shard.columns]
        self.files: dict[str, pq.ParquetFile] = {}
        self.dropped = dropped_rows(artifacts, shard.drops)
        self.new_ids = new_ids(artifacts, shard.ids)

    def groups(self) -> Iterator[Group]:
        """Every row group in order; memory holds one at a time."""
        metadata = self.file(self.shard.base).metadata
        start = 0
        try:
            for number in range(metadata.num_row_groups):
                length = metadata.row_group(number).num_rows
                yield self.group(number, start, length)
                start += length
        finally:
            self.close()

    def group(self, number: int, start: int, length: int) -> Group:
        """One row group: columns read, ids mended, dropped rows taken out."""
        gone = self.dropped[np.searchsorted(self.dropped, start) : np.searchsorted(self.dropped, start + length)]
        rows = np.delete(np.arange(start, start + length, dtype=np.int64), gone - start)
        batch = self.read(number, start, length)
        if len(gone):
            batch = batch.take(pa.array(rows - start))
        return Group(number, start, length, rows, batch)

    def read(self, number: int, start: int, length: int) -> pa.Table:
        """All rows of a row group: `id`, `source`, then the columns."""
        table = self.stored(number, length)
        ids = self.mended(one_chunk(table.column("id")), start, length)
        if self.shard.copy:
            ids = child_ids(ids, ":copy", np.full(length, self.shard.copy))
        source = pa.DictionaryArray.from_arrays(pa.array(np.zeros(length, np.int32)), [self.shard.source])
        return table.drop_columns("id").add_column(0, "id", ids).add_column(1, "source", source)

    def stored(self, number: int, length: int) -> pa.Table:
        """`id` and the columns as they lie in their files, a file read once."""
        places = {name: place_of(self.shard.columns[name], number) for name in self.names}
        places["id"] = (self.shard.base, number)
        found: dict[str, Any] = {}
        for place in dict.fromkeys(p for p in places.values() if p):
            names = [name for name, at in places.items() if at == place]
            table = self.file(place[0]).read_row_group(place[1], columns=names, use_threads=False)
            found |= {name: table.column(name) for name in names}
        return pa.table({name: self.typed(name, found.get(name), length) for name in ("id", *self.names)})

    def typed(self, name: str, column: Any, length: int) -> Any:
        """A column in the type that the source has it in; nulls where this shard has none."""
        kind = self.shard.types.get(name)
        if column is None:
            return pa.nulls(length, type_from(kind or "null"))
        return as_type(column, type_from(kind)) if kind else column

    def mended(self, ids: pa.Array, start: int, length: int) -> pa.Array:
        """The ids with those of repeated records replaced."""
        rows, fresh = self.new_ids
        first, last = np.searchsorted(rows, [start, start + length])
        if first == last:
            return ids
        index = np.arange(length)
        index[rows[first:last] - start] = np.arange(length, length + last - first)
        return pa.concat_arrays([ids, fresh.slice(first, last - first)]).take(pa.array(index))

    def file(self, name: str) -> pq.ParquetFile:
        """An open file of a layer."""
        if name not in self.files:
            path = self.artifacts.file(name)
            try:
                self.files[name] = pq.ParquetFile(path, memory_map=False, pre_buffer=False)
            except (FileNotFoundError, pa.ArrowInvalid) as error:
                raise damaged(path, str(error)) from None
        return self.files[name]

    def close(self) -> None:
        """Close every file."""
        for file in self.files.values():
            file.close()
        self.files = {}


def place_of(layers: Layers, number: int) -> tuple[str, int] | None:
    """The file that holds a row group's column now, and its row group there."""
    for file, groups in reversed(layers):
        if groups is None:
            return file, number
        if number in groups:
            return file, groups.index(number)
    return None


def dropped_rows(artifacts: Artifacts, files: Sequence[str]) -> np.ndarray:
    """The base rows (n,) that stages took out, in order."""
    parts = [pq.read_table(artifacts.file(file), columns=["row"]).column("row").to_numpy() for file in files]
    return np.unique(np.concatenate(parts)) if parts else np.empty(0, np.int64)


def new_ids(artifacts: Artifacts, file: str | None) -> tuple[np.ndarray, Any]:
    """Base rows (n,) and the ids (n,) that replace what the base file says."""
    if file is None:
        return np.empty(0, np.int64), None
    table = pq.read_table(artifacts.file(file))
    return table.column("row").to_numpy(), one_chunk(table.column("id"))


def type_name(kind: pa.DataType) -> str:
    """A column's type as text: Arrow's own name, or its serialised form where it is nested."""
    if not pa.types.is_nested(kind):
        return str(kind)
    return base64.b64encode(pa.schema([("", kind)]).serialize().to_pybytes()).decode()


def type_from(name: str) -> pa.DataType:
    """The type that `type_name` wrote down."""
    try:
        return pa.type_for_alias(name)
    except ValueError:
        return pa.ipc.read_schema(pa.BufferReader(base64.b64decode(name))).field(0).type


def over(shard: Shard, columns: Mapping[str, Layers], gone: Sequence[str]) -> Shard:
    """The shard with layers put over some columns, and others taken away."""
    kept = {name: layers for name, layers in shard.columns.items() if name not in gone}
    return replace(shard, columns={**kept, **{n: (*kept.get(n, ()), *layers) for n, layers in columns.items()}})
