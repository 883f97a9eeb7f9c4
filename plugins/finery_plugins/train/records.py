"""Which records a stage sees: those of one split, drawn by chance where fewer will do."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from finery import DataError, Dataset, Fault, Stage, chance
from finery_plugins.train.site import place


@dataclass(frozen=True)
class Records:
    """The records of one split, as a stage sees them."""

    examples: Dataset
    stage: Stage
    split: str
    whole: bool = True
    """Whether sources that say nothing of splits are used whole; what is held out has no part of them."""

    @property
    def sources(self) -> tuple[str, ...]:
        """The sources that the stage sees, in the pipeline's order."""
        only = self.stage.only
        return tuple(name for name in self.examples.sources if only is None or name in only)

    def is_split(self, source: str) -> bool:
        """Whether a source's records say which split they belong to."""
        return "split" in self.examples.columns(source)

    def batches(self, *columns: str) -> Iterator[pa.Table]:
        """Batches of this split, `id` and `source` first; empty ones are left out."""
        wanted = ("id", "source", "split", *columns)
        for batch in self.examples.batches(columns=wanted, only=self.sources):
            kept = batch
            if "split" in batch.column_names:
                kept = batch.filter(pc.fill_null(pc.equal(batch["split"], self.split), False))
            if len(kept) and (self.whole or "split" in batch.column_names):
                yield kept


def shaped(records: Records, columns: Sequence[str], remedy: str) -> None:
    """Check that every source has one of `columns`. Raises DataError with a fault for each that has none."""
    where = place(records.stage)
    wanted = " or ".join(f"`{column}`" for column in columns)
    faults = [
        Fault(where, f"source '{source}' has no {wanted} column", remedy)
        for source in records.sources
        if not set(columns) & set(records.examples.columns(source))
    ]
    if not records.sources:
        faults = [Fault(where, "sees no source", "name the stage's sources in `only`")]
    if faults:
        raise DataError(*faults)


@dataclass(frozen=True)
class Sizes:
    """What a first look at the records found: chance (n,) and size in bytes (n,) of each."""

    chances: np.ndarray
    bytes: np.ndarray

    def below(self, size: float) -> float:
        """The chance under which records together hold at most `size` bytes, one record at least; 1 for
        all."""
        order = np.argsort(self.chances, kind="stable")
        fitting = int(np.searchsorted(np.cumsum(self.bytes[order]), size, side="right"))
        return float(self.chances[order[max(fitting, 1)]]) if max(fitting, 1) < len(order) else 1.0

    def first(self, count: int | None) -> float:
        """The chance under which there are `count` records; 1 for all."""
        if count is None or count >= len(self.chances):
            return 1.0
        return float(np.partition(self.chances, count)[count])


def sizes(records: Records, column: str) -> Sizes:
    """Chance and size of each record. Raises DataError where a split or everything is empty."""
    batches = [
        (chance(batch, records.stage), weights(batch[column]))
        for batch in records.batches(column)
        if column in batch.column_names
    ]
    if not sum(int(weight.sum()) for _, weight in batches):
        fault = f"finds nothing to read in split '{records.split}' of {', '.join(records.sources)}"
        raise DataError.at(place(records.stage), fault, 'put `format = "split"` before it, or set `split`')
    return Sizes(*(np.concatenate(column) for column in zip(*batches, strict=True)))


def weights(column: pa.ChunkedArray) -> np.ndarray:
    """`int64` (n,): bytes of each text, or for a list of messages those of all its contents; null is 0."""
    if pa.types.is_list(column.type) or pa.types.is_large_list(column.type):
        rows = column.to_pylist()
        return np.array([sum(len(m["content"] or "") for m in row or ()) for row in rows], np.int64)
    lengths = pc.fill_null(pc.binary_length(column), 0)
    return np.asarray(lengths.to_numpy(), np.int64)


def source_codes(batch: pa.Table, names: Sequence[str]) -> np.ndarray:
    """`int32` (n,): for each record the place of its source among `names`."""
    places = pc.index_in(batch["source"].cast(pa.string()), pa.array(names, pa.string()))
    return np.asarray(places.to_numpy(), np.int32)


def drawn(batch: pa.Table, stage: Stage, under: float) -> pa.Table:
    """The records of a batch whose chance is under a bound."""
    return batch if under >= 1 else batch.filter(pa.array(chance(batch, stage) < under))


def sample(records: Records, column: str, under: float) -> list[str]:
    """The texts of the records whose chance is under a bound, in order of chance."""
    found: list[tuple[float, str]] = []
    for batch in records.batches(column):
        kept = drawn(batch, records.stage, under)
        found += zip(chance(kept, records.stage).tolist(), kept[column].to_pylist(), strict=True)
    return [text for _, text in sorted(pair for pair in found if pair[1])]


Encode = Callable[[pa.Table], Iterator[tuple[int, list[int]]]]
"""Records to sequences: for each, the row of its record in the batch, and its tokens (see
`tokens.signed`)."""
