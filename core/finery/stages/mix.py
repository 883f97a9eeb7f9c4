"""The kernel's half of mix: epochs per source become draws of records, by a hash of their ids, out of core in DuckDB.

Each record is drawn as often as the whole epochs say; the rest of an epoch goes to the records with the smallest
hashes, up to the amount asked for and within half a record of it. A source can be drawn in parts, by the values of a
column, and with weights.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import xxhash

from finery.context import Context
from finery.data.artifacts import Artifacts
from finery.data.identity import child_ids, one_chunk, unit_interval
from finery.data.shards import Group, Shard, ShardReader
from finery.errors import PluginError, did_you_mean
from finery.kernel import bind
from finery.outofcore import out_of_core
from finery.plan import Step
from finery.stages.amounts import weighed, weights
from finery.stages.answers import blamed
from finery.stages.layers import ParquetFile, ShardOutput
from finery.stages.passing import commit, prepare
from finery.stages.state import load_state
from finery.stages.summary import added_up, conserve
from finery.types import Draw, Source, Stage

MOST_EPOCHS = 2**16
"""Beyond this, an epoch is a slip of the pen."""

DRAWN = """
create temp table drawn as
with weighed as (
    select *, sum(weight) over (partition by part order by rank, id rows unbounded preceding) as upto,
        sum(weight) over (partition by part) as whole
    from records)
select shard, row, id, coalesce(epochs, 0) as epochs,
    floor(coalesce(epochs, 0))::int + coalesce((upto - weight / 2 < (epochs - floor(epochs)) * whole)::int, 0) as copies
from weighed left join wanted using (part)
"""

RECORDS = pa.schema(
    [
        ("shard", pa.int64()),
        ("row", pa.int64()),
        ("id", pa.uuid()),
        ("part", pa.string()),
        ("rank", pa.float64()),
        ("weight", pa.float64()),
    ]
)
"""A record as it is drawn: its part of the source, its place in the drawing, and what it counts."""

WHOLE = ""
"""The one part of a source that is not drawn by a column."""


def run_mix(context: Context, step: Step) -> None:
    """Ask the plugin for epochs, draw, and leave the shards that are drawn."""
    context.started(step)
    shards = list(enumerate(context.dataset.only(step.touched).all_shards()))
    sources = weighed(context, step.touched, [shard for _, shard in shards])
    prepare(context, step)
    state = load_state(context.artifacts, step.fingerprint)
    ask = bind(step.configured.plugin, "mix", context.observers)
    with blamed(step):
        columns = {name: context.dataset.columns(name) for name in step.touched}
        draw = as_draw(ask(sources=sources, state=state, stage=step.stage), sources, columns, step)
    entries: list[dict[str, Any]] = []
    for source in sources:
        own = [(number, shard) for number, shard in shards if shard.source == source.name]
        entries += draw_source(context, step, source, own, draw)
        context.hear.stage_progress(stage=step.stage, done=len(entries), total=len(shards), unit="shards", reasons=None)
    summary = added_up(entries)
    conserve(step.stage.id, summary, context.counts(step.touched))
    drawn = {
        "unit": draw.unit,
        "epochs": {name: dict(said) if isinstance(said, Mapping) else said for name, said in draw.epochs.items()},
        "amounts": {s.name: s.amount(draw.unit) for s in sources},
    }
    made = [Shard.from_json(shard) for entry in entries for shard in entry["shards"]]
    commit(context, step, {**summary, "draw": drawn}, made)


def as_draw(
    answer: Draw | Mapping[str, Any], sources: Sequence[Source], columns: Mapping[str, Sequence[str]], step: Step
) -> Draw:
    """The answer as a Draw. Raises PluginError for epochs that make no sense."""
    draw = answer if isinstance(answer, Draw) else Draw(answer)
    place = f"stage '{step.stage.id}'"
    known = [source.name for source in sources]
    for name, said in draw.epochs.items():
        if name not in known:
            raise PluginError.at(place, f"epochs for an unknown source '{name}'{did_you_mean(name, known)}")
        for epochs in said.values() if isinstance(said, Mapping) else [said]:
            if not (math.isfinite(epochs) and 0 <= epochs < MOST_EPOCHS):
                raise PluginError.at(place, f"{epochs} epochs of '{name}'", f"give 0 to {MOST_EPOCHS}")
    for source in sources:
        check_columns(draw, source, columns[source.name], place)
    return draw


def check_columns(draw: Draw, source: Source, columns: Sequence[str], place: str) -> None:
    """Raise PluginError for a column that a source lacks and is to be drawn by."""
    numeric = ["records", *source.totals]
    for name in (draw.unit, draw.weight):
        if name is not None and name not in numeric:
            fault = f"source '{source.name}' has no numeric column '{name}'{did_you_mean(name, numeric)}"
            raise PluginError.at(place, fault, f"units are {', '.join(numeric)}")
    if isinstance(draw.epochs.get(source.name), Mapping) and draw.by not in columns:
        fault = f"source '{source.name}' has no column '{draw.by}' to draw by{did_you_mean(draw.by or '', columns)}"
        raise PluginError.at(place, fault, f"there is {', '.join(columns)}")


def draw_source(
    context: Context, step: Step, source: Source, shards: list[tuple[int, Shard]], draw: Draw
) -> list[dict[str, Any]]:
    """The entries of one source's shards, each with the shards that are drawn from it."""
    artifacts, folder = context.artifacts, context.artifacts.partial(step.fingerprint)
    said = draw.epochs.get(source.name, 0.0)
    wanted = said if isinstance(said, Mapping) else {WHOLE: said}
    columns = tuple(needed_columns(draw, shards))
    whole = not isinstance(said, Mapping)
    tasks = [DrawTask(artifacts, step.stage, step.fingerprint, n, shard, draw, columns, whole) for n, shard in shards]
    for _ in context.executor.run(tasks, threads=True):
        pass
    with out_of_core(folder, context.memory_bytes) as connection:
        connection.register("records", ranked(artifacts, step.fingerprint, [number for number, _ in shards]))
        parts = {"part": list(wanted), "epochs": [float(epochs) for epochs in wanted.values()]}
        connection.register("wanted", pa.table(parts, pa.schema([("part", pa.string()), ("epochs", pa.float64())])))
        connection.execute(DRAWN)
        made = [settled(artifacts, step, number, shard, drawn_rows(connection, number)) for number, shard in shards]
    artifacts.discard(step.fingerprint, ["draw-*"])
    return made


def ranked(artifacts: Artifacts, fingerprint: str, shards: Sequence[int]) -> pa.RecordBatchReader:
    """The records of some shards as they are drawn, in order."""

    def batches() -> Iterator[pa.RecordBatch]:
        for number in shards:
            with pq.ParquetFile(artifacts.file(f"{fingerprint}/draw-{number:05}.parquet")) as file:
                yield from file.iter_batches()

    return pa.RecordBatchReader.from_batches(RECORDS, batches())


@dataclass(frozen=True)
class DrawTask:
    """The records of one shard as they are drawn: a few bytes of each, whatever they hold."""

    artifacts: Artifacts
    stage: Stage
    fingerprint: str
    number: int
    shard: Shard
    draw: Draw
    columns: tuple[str, ...]
    whole: bool
    """Whether the source is drawn as one part."""

    def run(self) -> list[dict[str, Any]]:
        """Write them."""
        path = self.artifacts.partial(self.fingerprint) / f"draw-{self.number:05}.parquet"
        form = former(self.stage, self.draw, by_column=not self.whole)
        file = ParquetFile(path, RECORDS)
        for group in ShardReader(self.artifacts, self.shard, self.columns).groups():
            file.write(form(self.number, group).cast(RECORDS))
        file.close()
        self.artifacts.keep(self.fingerprint, [path])
        return []


def drawn_rows(connection: duckdb.DuckDBPyConnection, number: int) -> pa.Table:
    """How often each record of a shard is drawn."""
    query = "select row, id, epochs, copies from drawn where shard = ? order by row"
    return connection.sql(query, params=[number]).to_arrow_table()


def needed_columns(draw: Draw, shards: Sequence[tuple[int, Shard]]) -> list[str]:
    """The columns that the drawing looks at; all of them where characters have to be counted."""
    held = list(shards[0][1].columns) if shards else []
    if draw.unit == "characters" and "characters" not in held:
        return held
    return [name for name in (draw.unit, draw.by, draw.weight) if name in held]


def former(stage: Stage, draw: Draw, by_column: bool) -> Callable[[int, Group], pa.Table]:
    """How a group becomes rows of RECORDS."""

    def form(number: int, group: Group) -> pa.Table:
        batch = group.batch
        ids = one_chunk(batch.column("id"))
        part = part_of(batch, str(draw.by)) if by_column else pa.repeat(pa.scalar(WHOLE), len(batch))
        numbers = [np.full(len(batch), number), group.rows]
        rank = ranks(unit_interval(ids, stage.seed), batch, draw.weight)
        columns = [*map(pa.array, numbers), ids, part, pa.array(rank), pa.array(weights(batch, draw.unit))]
        return pa.table(columns, RECORDS.names)

    return form


def part_of(batch: pa.Table, column: str) -> pa.Array:
    """Each record's value of the column that its source is drawn by, as text; null is a value of its own."""
    return pc.fill_null(one_chunk(batch.column(column)).cast(pa.string()), "null")


def ranks(chance: np.ndarray, batch: pa.Table, weight: str | None) -> np.ndarray:
    """Each record's place (n,) in the drawing: chance, or -ln(1 - chance) / weight where weights count.

    The smallest of these are a sample without replacement in proportion to the weights (Efraimidis, Spirakis 2006).
    """
    if weight is None:
        return chance
    heavy = weights(batch, weight)
    with np.errstate(divide="ignore"):
        return np.where(heavy > 0, -np.log1p(-chance) / np.where(heavy > 0, heavy, 1.0), np.inf)


def settled(artifacts: Artifacts, step: Step, number: int, shard: Shard, own: pa.Table) -> dict[str, Any]:
    """A shard's entry: who was not drawn, and a shard for each further time that some were."""
    copies = own["copies"].to_numpy()
    output = ShardOutput(artifacts, step.fingerprint, number)
    output.counts.records = len(own)
    left_out = own.filter(pc.equal(own["copies"], 0))
    if len(left_out):
        reason, bound = pa.array(["not-drawn"] * len(left_out)), left_out["epochs"]
        output.drop(pa.table({"row": left_out["row"], "record": left_out["id"], "reason": reason, "bound": bound}))
    drops = (*shard.drops, output.name("decisions")) if len(left_out) else shard.drops
    kept = int((copies > 0).sum())
    shards = [replace(shard, drops=drops, records=kept)] if kept else []
    for copy in range(1, int(copies.max(initial=0))):
        shards.append(drawn_again(artifacts, step, output, shard, own, copy))
    entry = output.finish(shard)
    return {**entry, "shards": [made.as_json() for made in shards]}


def drawn_again(artifacts: Artifacts, step: Step, output: ShardOutput, shard: Shard, own: pa.Table, copy: int) -> Shard:
    """The shard of the records that are drawn for the (copy + 1)-th time, under ids of their own."""
    again = pc.greater(own["copies"], copy)
    parents = one_chunk(own.filter(again)["id"])
    name = f"{step.fingerprint}/again-{copy}-{output.number:05}.parquet"
    place = artifacts.partial(step.fingerprint) / name.partition("/")[2]
    pq.write_table(own.filter(pc.invert(again)).select(["row"]), place, compression="zstd")
    made = replace(
        shard, copy=copy_number(shard.copy, step.stage.id, copy), records=len(parents), drops=(*shard.drops, name)
    )
    output.counts.born += len(parents)
    kinship = pa.table({"child": again_ids(artifacts, shard, made, parents), "parent": parents})
    output.file(f"parents-{copy}", kinship.schema).write(kinship)
    return made


def again_ids(artifacts: Artifacts, shard: Shard, made: Shard, parents: pa.Array) -> pa.Array:
    """The ids of records that are drawn again; those of a drawing before have theirs from the base."""
    if not shard.copy:
        return child_ids(parents, ":copy", np.full(len(parents), made.copy))
    ids = [group.batch["id"] for group in ShardReader(artifacts, made, []).groups()]
    return one_chunk(pa.chunked_array(ids, pa.uuid()))


def copy_number(before: int, stage_id: str, copy: int) -> int:
    """A number of 63 bits that no other drawing has, whatever is drawn again of what was drawn again."""
    return xxhash.xxh3_64_intdigest(f"{before}\x1f{stage_id}\x1f{copy}".encode()) >> 1
