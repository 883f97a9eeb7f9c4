"""Verification of duplicate candidates: a plugin's `same` looks at the two records of every edge.

Edges are cut into buckets, neighbours of one group beside each other, and each record goes to the buckets that ask for
it; so memory holds a bucket a worker, and no record is looked up.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from finery.context import Context
from finery.data.artifacts import Artifacts
from finery.data.shards import Shard, ShardReader
from finery.errors import PluginError
from finery.kernel import bind
from finery.plan import Step
from finery.plugins import manifest
from finery.stages.answers import blamed
from finery.stages.index import earlier_texts
from finery.stages.passing import worker_observers
from finery.stages.schemas import conformed
from finery.types import Needs

PAIRS = 4096
"""Pairs a call: a few MB of text."""

BUCKET = 8192
"""Edges a bucket: some thousands of records, and buckets enough for all workers."""

NODE = "finery node"
"""What stands beside the records has a name that no record's column has."""

BUCKETS = """
create temp table bucketed as
select e.a, e.b, (row_number() over (order by l.label, e.b, e.a) - 1) // {size} as bucket
from edges e join labels l on l.node = e.a
"""

WANTED = """
create temp table wanted as
select n.shard, n.row, n.node, w.bucket
from nodes n join (select distinct unnest([a, b]) as node, bucket from bucketed) w using (node)
order by n.shard, n.row, w.bucket
"""

ASKED = """
select e.a, e.b, p.place as left_place, q.place as right_place
from bucketed e join nodes l on l.node = e.a join nodes r on r.node = e.b
join places p on p.shard = l.shard join places q on q.shard = r.shard
where e.bucket = ? order by e.a, e.b
"""

OWN = "select row, node, bucket from wanted where shard = ? order by row, bucket"

HOLDS = "create temp table edges as select a, b, similarity from read_parquet(?) where similarity is not null"


class Buckets:
    """Gathers records by bucket and source, and writes the fullest ones when together they take too much memory."""

    def __init__(self, folder: Path, limit_bytes: int) -> None:
        self.folder = folder
        self.limit_bytes = limit_bytes
        self.waiting: dict[tuple[int, int], list[pa.Table]] = {}
        self.sizes: Counter[tuple[int, int]] = Counter()
        self.written = 0

    def add(self, bucket: int, place: int, table: pa.Table) -> None:
        """Take records in."""
        self.waiting.setdefault((bucket, place), []).append(table)
        self.sizes[bucket, place] += table.nbytes
        if self.sizes.total() > self.limit_bytes:
            self.flush(self.limit_bytes // 2)

    def flush(self, left_bytes: int = 0) -> None:
        """Write until no more than so many bytes wait."""
        for at, size in self.sizes.most_common():
            if self.sizes.total() <= left_bytes or not size:
                return
            path = self.folder / f"texts-{at[0]:06}-{at[1]}-{self.written}.arrow"
            parts = self.waiting.pop(at)
            table = pa.concat_tables([conformed(part, parts[0].schema) for part in parts])
            with pa.OSFile(str(path), "wb") as file, pa.ipc.new_stream(file, table.schema) as stream:
                stream.write_table(table)
            self.written += 1
            self.sizes[at] -= size


@dataclass(frozen=True)
class VerifyTask:
    """The edges of one bucket."""

    artifacts: Artifacts
    bucket: int
    sources: tuple[str, ...]
    """The source of each place."""
    step: Step
    observers: tuple[object, ...]
    files: tuple[str, ...]
    """The records of the bucket, some from each place."""

    @property
    def needs(self) -> Needs:
        """What the plugin holds."""
        return self.step.configured.needs

    def run(self) -> list[dict[str, Any]]:
        """Write each edge with how alike its records are, null where it does not hold."""
        pairs = pq.read_table(self.artifacts.file(f"{self.step.fingerprint}/spill/pairs-{self.bucket:06}.parquet"))
        ask = bind(self.step.configured.plugin, "same", self.observers)
        files = [self.artifacts.file(f"{self.step.fingerprint}/spill/{name}") for name in self.files]
        texts = {place: self.texts(place, files) for place in range(len(self.sources))}
        ends = [np.asarray(pairs[name]) for name in ("a", "b", "left_place", "right_place")]
        alike = np.empty(len(pairs), object)
        for left, right in sorted(set(zip(*map(np.ndarray.tolist, ends[2:]), strict=True))):
            chosen = np.flatnonzero((ends[2] == left) & (ends[3] == right))
            for start in range(0, len(chosen), PAIRS):
                own = chosen[start : start + PAIRS]
                sides = [side(texts[place], ends[end][own]) for end, place in ((0, left), (1, right))]
                with blamed(self.step):
                    answer = ask(left=sides[0], right=sides[1], stage=self.step.stage)
                    alike[own] = checked(answer, len(own), self.step).to_pylist()
        found = pairs.select(["a", "b"]).append_column("similarity", pa.array(alike.tolist(), pa.float64()))
        path = self.artifacts.partial(self.step.fingerprint) / "spill" / f"verified-{self.bucket:06}.parquet"
        pq.write_table(found, path)
        self.artifacts.keep(self.step.fingerprint, [path])
        return []

    def texts(self, place: int, files: Sequence[Path]) -> pa.Table:
        """The records of one source in this bucket, by rising node."""
        parts = []
        for path in [path for path in files if path.name.startswith(f"texts-{self.bucket:06}-{place}-")]:
            with pa.memory_map(str(path)) as file, pa.ipc.open_stream(file) as stream:
                parts.append(stream.read_all())
        if not parts:
            return pa.table({NODE: pa.array([], pa.int64())})
        table = pa.concat_tables([conformed(part, parts[0].schema) for part in parts]).sort_by(NODE).combine_chunks()
        names = pa.DictionaryArray.from_arrays(pa.array(np.zeros(len(table), np.int32)), [self.sources[place]])
        return table.add_column(1, "source", names)


def verify(
    context: Context, step: Step, shards: list[tuple[int, Shard]], connection: duckdb.DuckDBPyConnection
) -> None:
    """Keep the edges whose records are the same by the plugin's word, with how alike they are."""
    folder = context.artifacts.partial(step.fingerprint) / "spill"
    folder.mkdir(exist_ok=True)
    connection.execute(BUCKETS.format(size=BUCKET))
    connection.execute(WANTED)
    count = connection.sql("select coalesce(max(bucket) + 1, 0) from bucketed").fetchall()[0][0]
    if not count:
        return
    places = put_in_place(context, step, shards, connection, folder)
    tasks, texts = [], sorted(path.name for path in folder.glob("texts-*.arrow"))
    for bucket in range(count):
        asked = connection.sql(ASKED, params=[bucket]).to_arrow_table()
        pq.write_table(asked, folder / f"pairs-{bucket:06}.parquet")
        files = tuple(name for name in texts if name.startswith(f"texts-{bucket:06}-"))
        tasks.append(VerifyTask(context.artifacts, bucket, places, step, worker_observers(context), files))
    context.artifacts.keep_folder(step.fingerprint, "spill")
    for _ in context.executor.run(tasks, manifest(type(step.configured.plugin)).releases_gil):
        pass
    connection.execute("drop table edges")
    verified = [f"{step.fingerprint}/spill/verified-{bucket:06}.parquet" for bucket in range(count)]
    connection.execute(HOLDS, [[str(context.artifacts.file(name)) for name in verified]])


def put_in_place(
    context: Context,
    step: Step,
    shards: list[tuple[int, Shard]],
    connection: duckdb.DuckDBPyConnection,
    folder: Path,
) -> tuple[str, ...]:
    """Put each record into the buckets that ask for it; the source of each place, one a run and source."""
    buckets = Buckets(folder, context.memory_bytes // 8)
    places: dict[tuple[bool, str], int] = {}
    placed: dict[int, int] = {}
    for number, source, groups in readers(context, step, shards, connection):
        # What an earlier run calls a source may have other columns.
        placed[number] = places.setdefault((number < 0, source), len(places))
        wanted: dict[str, np.ndarray] = connection.execute(OWN, [number]).fetchnumpy()
        for rows, batch in groups:
            distribute(buckets, placed[number], wanted, rows, batch)
    buckets.flush()
    numbers = {"shard": pa.array(placed.keys(), pa.int64()), "place": pa.array(placed.values(), pa.int64())}
    connection.register("places", pa.table(numbers))
    return tuple(source for _, source in places)


def readers(
    context: Context, step: Step, shards: list[tuple[int, Shard]], connection: duckdb.DuckDBPyConnection
) -> Iterator[tuple[int, str, Iterator[tuple[np.ndarray, pa.Table]]]]:
    """Number, source and groups of each shard that holds candidates, those of earlier runs included."""
    holds = {row[0] for row in connection.sql("select distinct shard from wanted").fetchall()}
    for number, shard in shards:
        if number in holds:
            yield number, shard.source, located(ShardReader(context.artifacts, shard))
    yield from (found for found in earlier_texts(context, step) if found[0] in holds)


def located(reader: ShardReader) -> Iterator[tuple[np.ndarray, pa.Table]]:
    """The records of every group, with their rows (n,)."""
    for group in reader.groups():
        yield group.rows, group.batch.drop_columns("source")


def distribute(buckets: Buckets, place: int, wanted: dict[str, np.ndarray], rows: np.ndarray, batch: pa.Table) -> None:
    """Hand the records of a group, whose rows (n,) rise, to the buckets that want them."""
    first, last = np.searchsorted(wanted["row"], [rows[0], rows[-1] + 1]) if len(rows) else (0, 0)
    if first == last:
        return
    order = first + np.argsort(wanted["bucket"][first:last], kind="stable")
    index = np.searchsorted(rows, wanted["row"][order])
    taken = batch.take(pa.array(index)).append_column(NODE, pa.array(wanted["node"][order]))
    numbers, starts = np.unique(wanted["bucket"][order], return_index=True)
    for bucket, start, end in zip(numbers, starts, [*starts[1:], len(order)], strict=True):
        buckets.add(int(bucket), place, taken.slice(start, end - start))


def side(texts: pa.Table, nodes: np.ndarray) -> pa.Table:
    """The records of some nodes (n,), in their order."""
    places = np.searchsorted(np.asarray(texts[NODE]), nodes)
    return texts.take(pa.array(places)).drop_columns(NODE)


def checked(alike: Any, length: int, step: Step) -> pa.Array:
    """How alike the pairs are, as the contract has it."""
    if len(alike) != length:
        fault = f"'same' gave {len(alike)} values for {length} pairs"
        raise PluginError.at(f"stage '{step.stage.id}'", fault, "return one a pair")
    array = alike.combine_chunks() if isinstance(alike, pa.ChunkedArray) else alike
    return array.cast(pa.float64())
