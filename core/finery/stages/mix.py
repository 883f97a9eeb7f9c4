"""The kernel's half of mix: epochs per source become draws of records, by a hash of their ids, out of core in DuckDB.

Each record is drawn as often as the whole epochs say; the rest of an epoch goes to the records with the smallest
hashes, up to the amount asked for and within half a record of it.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import xxhash

from finery.context import Context
from finery.data.artifacts import Artifacts
from finery.data.identity import one_chunk, unit_interval
from finery.data.shards import Group, Shard, ShardReader
from finery.errors import PluginError, did_you_mean
from finery.kernel import bind
from finery.outofcore import out_of_core, stream
from finery.plan import Step
from finery.stages.answers import blamed
from finery.stages.layers import ShardOutput
from finery.stages.passing import commit
from finery.stages.summary import added_up, conserve
from finery.types import Draw, Source, Stage

MOST_EPOCHS = 2**16
"""Beyond this, an epoch is a slip of the pen."""

DRAWN = """
with weighed as (
    select *, sum(weight) over (order by chance, id rows between unbounded preceding and current row) as upto
    from records)
select shard, row, id, {whole} + (upto - weight / 2 < {rest})::int as copies
from weighed order by shard, row
"""

RECORDS = pa.schema(
    [
        ("shard", pa.int64()),
        ("row", pa.int64()),
        ("id", pa.uuid()),
        ("chance", pa.float64()),
        ("weight", pa.float64()),
    ]
)


def run_mix(context: Context, step: Step) -> None:
    """Ask the plugin for epochs, draw, and leave the shards that are drawn."""
    context.started(step)
    shards = list(enumerate(context.dataset.only(step.touched).all_shards()))
    sources = [weighed(context, name, shards) for name in step.touched]
    ask = bind(step.configured.plugin, "mix", context.observers)
    with blamed(step):
        draw = as_draw(ask(sources=sources, stage=step.stage), sources, step)
    entries: list[dict[str, Any]] = []
    for source in sources:
        own = [(number, shard) for number, shard in shards if shard.source == source.name]
        entries += draw_source(context, step, source, own, draw)
        context.hear.stage_progress(stage=step.stage, done=len(entries), total=len(shards), unit="shards")
    summary = added_up(entries)
    conserve(step.stage.id, summary, context.counts(step.touched))
    drawn = {
        "unit": draw.unit,
        "epochs": dict(draw.epochs),
        "amounts": {s.name: s.amount(draw.unit) for s in sources},
    }
    made = [Shard.from_json(shard) for entry in entries for shard in entry["shards"]]
    commit(context, step, {**summary, "draw": drawn}, made)


def weighed(context: Context, name: str, shards: Sequence[tuple[int, Shard]]) -> Source:
    """A source with the sums of its numeric columns and its characters."""
    totals: dict[str, float] = {"characters": 0}
    records = 0
    for _, shard in shards:
        if shard.source == name:
            for group in ShardReader(context.artifacts, shard).groups():
                records += len(group.batch)
                totals["characters"] += float(weights(group.batch, "characters").sum())
                for column in group.batch.column_names[2:]:
                    if column != "characters":
                        add_up(totals, column, group.batch.column(column))
    return Source(name, records, totals)


def add_up(totals: dict[str, float], name: str, column: pa.ChunkedArray) -> None:
    """Add a column's sum, where it has one."""
    if pa.types.is_integer(column.type) or pa.types.is_floating(column.type):
        totals[name] = totals.get(name, 0) + (pc.sum(column).as_py() or 0)


def characters(column: pa.ChunkedArray) -> np.ndarray:
    """How many characters of text each record (n,) has in a column, nested text included."""
    column = one_chunk(column)
    kind = column.type
    if pa.types.is_large_string(kind) or pa.types.is_string(kind):
        found: np.ndarray = pc.fill_null(pc.utf8_length(column), 0).to_numpy(zero_copy_only=False)
        return found
    if pa.types.is_struct(kind):
        parts = [characters(column.field(i)) for i in range(kind.num_fields)]
        return added(parts, len(column))
    if pa.types.is_list(kind) or pa.types.is_large_list(kind):
        inner = characters(pc.list_flatten(column))
        return np.bincount(pc.list_parent_indices(column).to_numpy(), weights=inner, minlength=len(column))
    return np.zeros(len(column))


def added(parts: Sequence[np.ndarray], length: int) -> np.ndarray:
    """The sum of arrays (n,)."""
    return np.asarray(np.sum(parts, axis=0, dtype=np.float64)) if parts else np.zeros(length)


def as_draw(answer: Draw | Mapping[str, float], sources: Sequence[Source], step: Step) -> Draw:
    """The answer as a Draw. Raises PluginError for epochs that make no sense."""
    draw = answer if isinstance(answer, Draw) else Draw(answer)
    place = f"stage '{step.stage.id}'"
    known = [source.name for source in sources]
    for name, epochs in draw.epochs.items():
        if name not in known:
            raise PluginError.at(place, f"epochs for an unknown source '{name}'{did_you_mean(name, known)}")
        if not (math.isfinite(epochs) and 0 <= epochs < MOST_EPOCHS):
            raise PluginError.at(place, f"{epochs} epochs of '{name}'", f"give 0 to {MOST_EPOCHS}")
    for source in sources:
        if draw.unit != "records" and draw.unit not in source.totals:
            fault = (
                f"source '{source.name}' has no numeric column '{draw.unit}'{did_you_mean(draw.unit, source.totals)}"
            )
            raise PluginError.at(place, fault, f"units are records, {', '.join(source.totals)}")
    return draw


def draw_source(
    context: Context, step: Step, source: Source, shards: list[tuple[int, Shard]], draw: Draw
) -> list[dict[str, Any]]:
    """The entries of one source's shards, each with the shards that are drawn from it."""
    folder = context.artifacts.partial(step.fingerprint)
    epochs = draw.epochs.get(source.name, 0.0)
    whole = int(epochs)
    rest = (epochs - whole) * source.amount(draw.unit)
    columns = None if draw.unit == "characters" else [draw.unit]
    with out_of_core(folder, context.memory_bytes) as connection:
        records = stream(context.artifacts, shards, columns or list_columns(shards), former(step.stage, draw), RECORDS)
        connection.register("records", records)
        query = DRAWN.format(whole=whole, rest=repr(rest))
        drawn = connection.sql(query).to_arrow_table()
    return [settled(context.artifacts, step, number, shard, drawn, epochs) for number, shard in shards]


def list_columns(shards: Sequence[tuple[int, Shard]]) -> list[str]:
    """Every column of a source."""
    return list(shards[0][1].columns) if shards else []


def former(stage: Stage, draw: Draw) -> Any:
    """How a group becomes rows of RECORDS."""

    def form(number: int, group: Group) -> pa.Table:
        batch = group.batch
        ids = one_chunk(batch.column("id"))
        length = len(batch)
        parts = [
            np.full(length, number),
            group.rows,
            ids,
            unit_interval(ids, stage.seed),
            weights(batch, draw.unit),
        ]
        return pa.table([part if isinstance(part, pa.Array) else pa.array(part) for part in parts], RECORDS.names)

    return form


def weights(batch: pa.Table, unit: str) -> np.ndarray:
    """What each record (n,) counts in a unit."""
    if unit == "records":
        return np.ones(len(batch))
    if unit == "characters" and "characters" not in batch.column_names:
        parts = [characters(batch.column(name)) for name in batch.column_names[2:]]
        return added(parts, len(batch))
    column = pc.fill_null(batch.column(unit).cast(pa.float64()), 0.0)
    found: np.ndarray = one_chunk(column).to_numpy(zero_copy_only=False)
    return found


def settled(
    artifacts: Artifacts, step: Step, number: int, shard: Shard, drawn: pa.Table, epochs: float
) -> dict[str, Any]:
    """A shard's entry: who was not drawn, and a shard for each further time that some were."""
    own = drawn.filter(pc.equal(drawn["shard"], number))
    copies = own["copies"].to_numpy()
    output = ShardOutput(artifacts.partial(step.fingerprint), step.fingerprint, number)
    output.counts.records = len(own)
    left_out = own.filter(pc.equal(own["copies"], 0))
    if len(left_out):
        reason, bound = pa.array(["not-drawn"] * len(left_out)), pa.array(np.full(len(left_out), epochs))
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
    pq.write_table(own.filter(pc.invert(again)).select(["row"]), artifacts.file(name), compression="zstd")
    made = replace(
        shard, copy=copy_number(shard.copy, step.stage.id, copy), records=len(parents), drops=(*shard.drops, name)
    )
    children = [group.batch["id"] for group in ShardReader(artifacts, made, []).groups()]
    output.counts.born += len(parents)
    kinship = pa.table({"child": one_chunk(pa.chunked_array(children, pa.uuid())), "parent": parents})
    output.file(f"parents-{copy}", kinship.schema).write(kinship)
    return made


def copy_number(before: int, stage_id: str, copy: int) -> int:
    """A number of 63 bits that no other drawing has, whatever is drawn again of what was drawn again."""
    return xxhash.xxh3_64_intdigest(f"{before}\x1f{stage_id}\x1f{copy}".encode()) >> 1
