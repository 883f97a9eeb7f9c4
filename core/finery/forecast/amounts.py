"""How much text stands before a stage: counted where the stages before it have run, else sampled from the sources.

What stages that have not run will keep is taken from the last run that had them; where none had, nothing is assumed
to go, and the plan says so.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from finery.data.artifacts import Artifacts, read_json
from finery.data.read import detect, read
from finery.data.shards import Shard, ShardReader
from finery.data.source import SourceConfig
from finery.data.units import units
from finery.demand import Amount
from finery.errors import FineryError
from finery.plan import Plan, Step
from finery.stages.amounts import characters

LOOKED_AT = 2_000
"""Records of each source that are looked at."""
LOOKED_BYTES = 4_000_000
"""Characters of each source that are looked at, about."""
SAMPLE = 64
"""Texts that a plugin is shown."""
SAMPLE_CHARACTERS = 60_000

Read = list[Mapping[str, Any]]


class Amounts:
    """What stands before the stages of one plan; every source is looked at once."""

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self.looked: dict[str, Amount | None] = {}
        self.shares = last_shares(plan.artifacts, plan.pipeline.name)
        self.notes: list[str] = []
        self.untried: dict[str, None] = {}
        """Stages of which it is not known how much they keep."""

    def before(self, step: Step) -> list[Amount]:
        """The amounts of the sources that a step sees; what cannot be read is left out, and noted."""
        found = [self.source(name, step) for name in step.touched]
        return [one for one in found if one is not None]

    def source(self, name: str, step: Step) -> Amount | None:
        """One source as it will stand before a step."""
        passed = [s for s in self.plan.steps[: self.plan.steps.index(step)] if changes(s, name)]
        done = [s for s in passed if s.reused]
        last = done[-1] if done else None
        known = self.standing(name, last)
        waiting = [s for s in passed if not s.reused and s.source is None]
        if known is None or not waiting:
            return known
        share = 1.0
        for one in waiting:
            share *= self.kept(name, one)
        return replace(
            known, records=round(known.records * share), characters=known.characters * share, origin="expected"
        )

    def kept(self, name: str, step: Step) -> float:
        """The share of a source that a stage kept when it last ran; 1 where it never has."""
        found = self.shares.get((step.stage.id, name))
        if found is None and step.stage.hook in ("filter", "dedupe", "mix"):
            self.untried[step.stage.id] = None
        return 1.0 if found is None else found

    def told(self) -> list[str]:
        """What was assumed."""
        if not self.untried:
            return self.notes
        return [*self.notes, f"not run yet, so taken to keep all records: {', '.join(self.untried)}"]

    def standing(self, name: str, step: Step | None) -> Amount | None:
        """One source as a finished step left it, or as its files have it."""
        key = f"{name} {step.fingerprint if step else ''}"
        if key not in self.looked:
            self.looked[key] = self.look(name, step)
        return self.looked[key]

    def look(self, name: str, step: Step | None) -> Amount | None:
        """Look at a source now."""
        try:
            if step is not None:
                return of_shards(name, shards_of(self.plan.artifacts, step, name), self.plan.artifacts)
            config = next(s for s in self.plan.pipeline.sources if s.name == name)
            return of_files(config, self.plan.pipeline.folder)
        except (FineryError, OSError) as error:
            self.notes.append(f"source '{name}' cannot be looked at: {error}")
            return None


def changes(step: Step, source: str) -> bool:
    """Whether a step leaves other records of a source, or other columns."""
    return step.stage.hook not in ("train", "evaluate") and source in step.touched


def shards_of(artifacts: Artifacts, step: Step, source: str) -> list[Shard]:
    """A source's shards as a finished step left them."""
    found = (artifacts.manifest(step.fingerprint) or {}).get("shards", ())
    return [shard for shard in map(Shard.from_json, found) if shard.source == source]


def of_shards(name: str, shards: Sequence[Shard], artifacts: Artifacts) -> Amount:
    """A source that has been read: its records are counted, their lengths sampled."""
    tables = (group.batch.drop_columns(["id", "source"]) for shard in shards for group in groups(artifacts, shard))
    looked = summed(name, bounded(tables))
    total = sum(shard.records for shard in shards)
    scale = total / max(len(looked.lengths), 1)
    return replace(looked, records=total, characters=looked.characters * scale)


def groups(artifacts: Artifacts, shard: Shard) -> Iterator[Any]:
    """The row groups of a shard."""
    yield from ShardReader(artifacts, shard).groups()


def of_files(config: SourceConfig, folder: Path) -> Amount:
    """A source that has not been read: its first records, and as many more as its files have bytes."""
    found = units(config, folder)
    shape = config.shape or detect(config, found, folder)
    total = sum(piece.size for unit in found for piece in unit.pieces)
    tables: list[pa.Table] = []
    taken, text = 0.0, 0.0
    for unit in found:
        part, whole = first_tables(read(unit, config, folder, shape))
        tables += part
        size = sum(piece.size for piece in unit.pieces)
        text = sum(table.nbytes for table in tables)
        # Of a unit that is not read to its end, as many bytes as what was read of it takes in memory.
        taken += size if whole else min(size, sum(table.nbytes for table in part))
        if text > LOOKED_BYTES or not whole:
            break
    looked = summed(config.name, bounded(tables))
    rows = sum(map(len, tables))
    scale = max(total / taken if taken and total else 1.0, 1.0) * rows / max(len(looked.lengths), 1)
    records = round(len(looked.lengths) * scale)
    return replace(looked, records=records, characters=looked.characters * scale, origin="sampled")


def first_tables(found: Iterable[Any]) -> tuple[list[pa.Table], bool]:
    """The first tables of a unit, and whether they are all of it."""
    tables: list[pa.Table] = []
    for rows in found:
        if sum(table.nbytes for table in tables) > LOOKED_BYTES:
            return tables, False
        tables.append(rows.table)
    return tables, True


def bounded(tables: Iterable[pa.Table]) -> Iterator[pa.Table]:
    """So many records and characters, and no more."""
    rows = size = 0
    for table in tables:
        if rows >= LOOKED_AT or size >= LOOKED_BYTES:
            return
        part = table.slice(0, LOOKED_AT - rows)
        rows, size = rows + len(part), size + part.nbytes
        yield part


def summed(name: str, tables: Iterable[pa.Table]) -> Amount:
    """What some records say of their source."""
    lengths: list[np.ndarray] = []
    sample: list[str] = []
    splits, turns, answered, said = Counter[str](), 0, 0.0, 0.0
    for table in tables:
        lengths.append(sum((characters(table.column(n)) for n in texts(table)), np.zeros(len(table))))
        sample += samples(table, SAMPLE - len(sample))
        if "split" in table.column_names:
            splits.update(str(value) for value in table.column("split").to_pylist())
        for messages in table.column("messages").to_pylist() if "messages" in table.column_names else ():
            turns += len(messages or ())
            sizes = [(m.get("role"), len(m.get("content") or "")) for m in messages or ()]
            said += sum(size for _, size in sizes)
            answered += sum(size for role, size in sizes if role == "assistant")
        if {"instruction", "output"} <= set(table.column_names):
            said += float(lengths[-1].sum())
            answered += float(characters(table.column("output")).sum())
    flat = np.concatenate(lengths) if lengths else np.zeros(0)
    shares = {key: count / splits.total() for key, count in splits.items()}
    answers = answered / said if said else 1.0
    means = (answers, turns / max(len(flat), 1))
    return Amount(name, len(flat), float(flat.sum()), flat.tolist(), tuple(sample), *means, shares)


def texts(table: pa.Table) -> list[str]:
    """The columns that a model may be fed: those that hold text, nested or not, but words about the record."""
    return [name for name in table.column_names if name in FED] or [
        name for name in table.column_names if pa.types.is_large_string(table.schema.field(name).type)
    ]


FED = frozenset(
    ("text", "messages", "prompt", "completion", "chosen", "rejected", "instruction", "input", "output", "system")
)
"""The text columns of the shapes that the kernel knows."""


def samples(table: pa.Table, count: int) -> list[str]:
    """The texts of the first records, those of one record joined, each cut where it is very long."""
    if count <= 0:
        return []
    rows = table.select(texts(table)).slice(0, count).to_pylist()
    return [" ".join(words(list(row.values())))[: SAMPLE_CHARACTERS // SAMPLE * 4] for row in rows]


def words(value: Any) -> Iterator[str]:
    """All text in a value, however deep."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        yield from words([part for key, part in value.items() if key != "role"])
    elif isinstance(value, list):
        for part in value:
            yield from words(part)


def last_shares(artifacts: Artifacts, pipeline: str) -> dict[tuple[str, str], float]:
    """How many records each stage left of each that came in, by stage and source, when it last ran."""
    found: dict[tuple[str, str], float] = {}
    for file in sorted((artifacts.root / "runs").glob("*.json"), reverse=True)[:20]:
        record = read_json(file)
        if record is None or record.get("name") != pipeline:
            continue
        for stage in record["stages"]:
            for source, counts in ((artifacts.manifest(stage["artifact"]) or {}).get("sources") or {}).items():
                left = counts["kept"] + counts.get("born", 0)
                found.setdefault((stage["id"], source), left / counts["in"] if counts["in"] else 1.0)
    return found
