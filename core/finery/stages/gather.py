"""Brings records that share a key together: what a format that merges records of the whole source needs.

Two phases, each a task a shard. The first asks the plugin for keys and cuts a shard's records into parts by a hash of
the key; the second takes one part of every shard, puts it in order and lets the format see whole groups. How many parts
there are depends on the data alone, and so does every byte.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from finery.data.artifacts import Artifacts, write_json
from finery.data.identity import as_bytes, hashed, one_chunk, plain_text
from finery.data.rows import MAX_BYTES, MAX_ROWS
from finery.data.shards import Group, Shard, ShardReader
from finery.errors import FineryError, PluginError
from finery.memo import Memo
from finery.stages.asking import Link, Worker, answers, made_ready, named
from finery.stages.births import bear
from finery.stages.layers import ParquetFile
from finery.types import Needs

KEY = "finery key"
ROW = "finery row"
"""Columns beside the records, under names that no record's column has."""


@dataclass(frozen=True)
class ScatterTask:
    """The first phase over one shard: its records by part."""

    artifacts: Artifacts
    shard: Shard
    link: Link
    observers: tuple[object, ...]
    parts: int

    @property
    def needs(self) -> Needs:
        """What the plugin holds."""
        return self.link.needs

    def run(self) -> list[dict[str, Any]]:
        """The shard's entry; records whose key cannot be told are decisions in it."""
        done = self.artifacts.json(self.link.fingerprint, f"shard-{self.link.number:05}.json")
        return [done or self.scatter()]

    def scatter(self) -> dict[str, Any]:
        """Write the records, a row group a part."""
        worker = made_ready(self.link, self.artifacts, self.observers, "gather")
        tables = []
        for group in ShardReader(self.artifacts, self.shard).groups():
            worker.output.counts.records += len(group.batch)
            with told(worker):
                table, group = answers(worker, group, Memo(len(group.batch)))
            beside = group.batch.drop_columns("source").append_column(KEY, table.column("key"))
            tables.append(beside.append_column(ROW, pa.array(group.rows)))
        path = shuffle_file(self.artifacts.partial(self.link.fingerprint), self.link.number)
        table = pa.concat_tables(tables)
        write_parts(path, table, part_of(table, self.parts))
        self.artifacts.keep(self.link.fingerprint, [path, path.with_suffix(".json")])
        return worker.output.finish(self.shard)


@dataclass(frozen=True)
class GatherTask:
    """The second phase over one part of a source."""

    artifacts: Artifacts
    source: str
    part: int
    shards: tuple[int, ...]
    """The numbers of the source's shards in the first phase."""
    link: Link
    observers: tuple[object, ...]

    @property
    def needs(self) -> Needs:
        """What the plugin holds."""
        return self.link.needs

    def run(self) -> list[dict[str, Any]]:
        """The entry of the shard that was born."""
        done = self.artifacts.json(self.link.fingerprint, f"shard-{self.link.number:05}.json")
        return [done or self.gather()]

    def gather(self) -> dict[str, Any]:
        """Whole groups through the format, then the entry."""
        worker = made_ready(self.link, self.artifacts, self.observers)
        names = [f"{self.link.fingerprint}/{shuffle_file(Path(), number)}" for number in self.shards]
        tables = [table for name in names for table in read_part(self.artifacts, name, self.part)]
        if tables:
            for number, group, pieces in whole_groups(pa.concat_tables(tables, promote_options="permissive")):
                with told(worker):
                    self.format(worker, number, group, pieces)
        return worker.output.finish(born_shard(self.source, worker))

    def format(self, worker: Worker, number: int, table: pa.Table, pieces: list[slice]) -> None:
        """One batch of whole groups: its records are born, or decided."""
        rows = table.column(ROW).to_numpy()
        source = pa.DictionaryArray.from_arrays(pa.array(np.zeros(len(table), np.int32)), [self.source])
        batch = table.drop_columns([KEY, ROW]).add_column(1, "source", source)
        group = Group(number, 0, len(batch), rows, batch)
        answer, group = answers(worker, group, Memo(len(batch)), pieces)
        if "parent" not in answer.column_names:
            raise PluginError.at("", "'format' gathered records and named no 'parent'", "add the column 'parent'")
        bear(worker.output, self.link.stage.id, group, answer, worker.childless)
        worker.childless = {}


@contextmanager
def told(worker: Worker) -> Iterator[None]:
    """Name the stage in an error of the contract."""
    try:
        yield
    except FineryError as error:
        raise named(worker, error) from error


def born_shard(source: str, worker: Worker) -> Shard:
    """The shard that a part became; one of no rows where nothing was born."""
    born = worker.output.counts.born
    base = worker.output.name("data")
    names = [n for n in worker.output.columns or () if n not in ("id", "source")]
    return Shard(source, base, born, born, dict.fromkeys(names, ((base, None),)))


def shuffle_file(folder: Path, number: int) -> Path:
    """Where a shard's records lie between the phases."""
    return folder / f"shuffle-{number:05}.parquet"


def write_parts(path: Path, table: pa.Table, place: np.ndarray) -> None:
    """Write a table with a row group for each part (n,) that has rows, and beside it which parts those are."""
    order = np.argsort(place, kind="stable")
    present, counts = np.unique(place, return_counts=True)
    write_json(path.with_suffix(".json"), present.tolist())
    file = ParquetFile(path, table.schema)
    for start, end in pairwise([0, *np.cumsum(counts).tolist()]):
        file.write(table.take(pa.array(order[start:end])))
    file.close()


def read_part(artifacts: Artifacts, name: str, part: int) -> Iterator[pa.Table]:
    """The rows of one part in a file named `<fingerprint>/<file>`, if it has any; nothing else of it is fetched."""
    fingerprint, _, file = name.partition("/")
    present = artifacts.json(fingerprint, f"{file.removesuffix('.parquet')}.json") or []
    if part in present:
        with artifacts.opened(name) as stream, pq.ParquetFile(stream) as opened:
            yield opened.read_row_group(present.index(part), use_threads=False)


def part_of(table: pa.Table, parts: int) -> np.ndarray:
    """The part (n,) of each record: a hash of its key, or of its id where it has none."""
    keys = one_chunk(table.column(KEY))
    own = np.frombuffer(as_bytes(hashed(pc.fill_null(plain_text(keys), ""))), np.uint64)[::2]
    alone = np.frombuffer(as_bytes(table.column("id")), np.uint64)[::2]
    mixed: np.ndarray = np.where(pc.is_null(keys).to_numpy(zero_copy_only=False), alone, own) % np.uint64(parts)
    return mixed


def whole_groups(table: pa.Table) -> Iterator[tuple[int, pa.Table, list[slice]]]:
    """Batches of at most MAX_ROWS or MAX_BYTES in order, cut where a key ends, with the groups in each.

    A group alone may be larger.
    """
    table, starts = in_order(table, one_chunk(table.column(KEY)))
    most = min(MAX_ROWS, max(1, len(table) * MAX_BYTES // max(table.nbytes, 1)))
    borders = [*starts.tolist(), len(table)]
    first = 0
    for number in range(len(borders)):
        last = int(np.searchsorted(borders, borders[first] + most, side="right")) - 1
        last = min(max(last, first + 1), len(borders) - 1)
        begin = borders[first]
        pieces = [slice(a - begin, b - begin) for a, b in pairwise(borders[first : last + 1])]
        yield number, table.slice(begin, borders[last] - begin), pieces
        first = last
        if first == len(borders) - 1:
            return


def in_order(table: pa.Table, keys: pa.Array) -> tuple[pa.Table, np.ndarray]:
    """Records by key, then id, those without a key last; and where each group starts (g,)."""
    ids = one_chunk(table.column("id"))
    raw = pa.table({"key": keys, "id": ids.storage if isinstance(ids, pa.ExtensionArray) else ids})
    order = pc.sort_indices(raw, sort_keys=[("key", "ascending"), ("id", "ascending")])
    keys = keys.take(order)
    changes = pc.fill_null(pc.not_equal(keys[1:], keys[:-1]), True).to_numpy(zero_copy_only=False)
    starts = np.flatnonzero(np.concatenate([np.ones(min(len(keys), 1), bool), changes]))
    return table.take(order), starts
