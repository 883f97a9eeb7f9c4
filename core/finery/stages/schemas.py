"""One schema for the shards of a source, whatever type each of them gave a column."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import pyarrow as pa

from finery.data.columns import as_type, common_type
from finery.data.shards import Shard, type_from, type_name


def widened(schemas: Sequence[pa.Schema]) -> pa.Schema:
    """One schema for all: columns in the order of their first appearance, each in a type that holds all."""
    kinds: dict[str, list[pa.DataType]] = {}
    for schema in schemas:
        for field in schema:
            kinds.setdefault(field.name, []).append(field.type)
    return pa.schema([(name, common_type(found)) for name, found in kinds.items()])


def conformed(table: pa.Table, schema: pa.Schema) -> pa.Table:
    """A table with the columns and types of a schema; nulls where it lacks one."""
    columns = [
        as_type(table.column(field.name), field.type)
        if field.name in table.column_names
        else pa.nulls(len(table), field.type)
        for field in schema
    ]
    return pa.table(columns, schema=schema)


def reconciled(entries: Sequence[Mapping[str, Any]]) -> list[Shard]:
    """The shards of one source, each with all its columns, and the types to read them as where they differ."""
    own = [pa.schema([(n, type_from(t)) for n, t in entry["types"].items()]) for entry in entries]
    schema = widened(own)
    return [agreed(Shard.from_json(entry["shard"]), types, schema) for entry, types in zip(entries, own, strict=True)]


def agreed(shard: Shard, own: pa.Schema, schema: pa.Schema) -> Shard:
    """A shard with the columns of its source."""
    columns = {name: shard.columns.get(name, ()) for name in schema.names}
    differ = {f.name: type_name(f.type) for f in schema if f.name not in own.names or own.field(f.name).type != f.type}
    return replace(shard, columns=columns, types=differ)


def alike(entries: Sequence[Mapping[str, Any]]) -> list[Shard]:
    """The shards that a stage left, with a type to read each of its columns as where their shards differ.

    A column that is null all through one shard has no type there.
    """
    found: dict[tuple[str, str], set[str]] = {}
    for entry in entries:
        for name, kind in entry["types"].items():
            found.setdefault((entry["shard"]["source"], name), set()).add(kind)
    common = {place: type_name(common_type(map(type_from, kinds))) for place, kinds in found.items() if len(kinds) > 1}
    return [typed(Shard.from_json(entry["shard"]), common, set(entry["types"])) for entry in entries]


def typed(shard: Shard, common: Mapping[tuple[str, str], str], written: set[str]) -> Shard:
    """A shard whose written columns are read as the common types.

    What was said of a column before is void where the stage wrote all of it.
    """
    own = {name: common[shard.source, name] for name in written if (shard.source, name) in common}
    whole = {name for name in written if name in shard.columns and shard.columns[name][-1][1] is None}
    kept = {name: kind for name, kind in shard.types.items() if name not in whole and name in shard.columns}
    return replace(shard, types={**kept, **own})
