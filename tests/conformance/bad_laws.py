"""Plugins whose answer depends on more than the record: on chance, neighbours, process, place or layout."""

import random
from pathlib import Path

import numpy as np
import pyarrow as pa
from bad_case import Case, dropped, none_dropped, texts

from finery import Batch, Dataset, Reasons, Source, Tally, hookimpl, plugin


@plugin
class Random:
    """Drop at random."""

    @hookimpl
    def filter(self, batch: Batch) -> pa.Array:
        return dropped(random.random() < 0.5 for _ in range(len(batch)))


@plugin
class Comparing:
    """Drop texts under a hundredth of the longest beside them."""

    @hookimpl
    def filter(self, batch: Batch) -> pa.Array:
        sizes = [len(text) for text in texts(batch)]
        return dropped(100 * size < max(sizes, default=0) for size in sizes)


@plugin
class Remembering:
    """Drop a text that is nearly the one before it."""

    @hookimpl
    def filter(self, batch: Batch) -> pa.Array:
        folded = [text.casefold().split() for text in texts(batch)]
        return dropped(i > 0 and folded[i] == folded[i - 1] for i in range(len(folded)))


@plugin
class FirstComesFirst:
    """Read the first source twice."""

    @hookimpl
    def mix(self, sources: list[Source]) -> dict[str, float]:
        return {source.name: 2.0 if source is sources[0] else 1.0 for source in sources}


@plugin
class Hashing:
    """Drop by Python's hash of the text, which differs by process."""

    @hookimpl
    def filter(self, batch: Batch) -> pa.Array:
        return dropped(hash(text) % 3 == 0 for text in texts(batch))


@plugin
class Local:
    """Explain by the working directory."""

    @hookimpl
    def filter(self, batch: Batch) -> Reasons:
        here = pa.array([str(Path.cwd())] * len(batch), pa.string())
        return Reasons(dropped([True] * len(batch)), detail=here)


@plugin
class FirstChunk:
    """Read the first chunk of a column as if it were all."""

    @hookimpl
    def filter(self, batch: Batch) -> pa.Array:
        return dropped(len(text or "") < 3 for text in batch["text"].chunk(0).to_pylist())


@plugin
class Offsetless:
    """Read a buffer from its beginning."""

    @hookimpl
    def filter(self, batch: Batch) -> pa.Array:
        column = batch["text"]
        text = column.chunk(0) if column.num_chunks == 1 else column.combine_chunks()
        offsets = np.frombuffer(text.buffers()[1], np.int64)[: len(text) + 1]
        return dropped((np.diff(offsets) < 30).tolist())


@plugin
class Guessing:
    """Let Arrow guess a column's type from its values."""

    @hookimpl
    def score(self, batch: Batch) -> dict[str, pa.Array]:
        return {"length": pa.array([len(text) if len(text) > 100 else None for text in texts(batch)])}


@plugin
class CallCounting:
    """Tally calls."""

    @hookimpl
    def filter(self, batch: Batch, tally: Tally) -> pa.Array:
        tally["calls"] += 1
        return none_dropped(batch)


@plugin
class Averaging:
    """Tally a mean."""

    @hookimpl
    def filter(self, batch: Batch, tally: Tally) -> pa.Array:
        tally["mean"] = 0.5  # type: ignore[assignment]
        return none_dropped(batch)


@plugin
class BatchCounting:
    """Prepare the number of batches."""

    @hookimpl
    def prepare(self, dataset: Dataset) -> int:
        return sum(1 for _ in dataset.batches())

    @hookimpl
    def filter(self, batch: Batch) -> pa.Array:
        return none_dropped(batch)


@plugin
class Unkeepable:
    """Prepare a set."""

    @hookimpl
    def prepare(self, dataset: Dataset) -> set[str]:
        return set(dataset.sources)

    @hookimpl
    def filter(self, batch: Batch) -> pa.Array:
        return none_dropped(batch)


@plugin
class Changeable:
    """Prepare a table of numbers, whose keys JSON makes strings."""

    @hookimpl
    def prepare(self, dataset: Dataset) -> dict[int, int]:
        return {1: dataset.records}

    @hookimpl
    def filter(self, batch: Batch) -> pa.Array:
        return none_dropped(batch)


@plugin
class NeverEmpty:
    """Prepare the longest text, of which there must be one."""

    @hookimpl
    def prepare(self, dataset: Dataset) -> int:
        return max(len(text) for batch in dataset.batches(["text"]) for text in texts(batch))

    @hookimpl
    def filter(self, batch: Batch) -> pa.Array:
        return none_dropped(batch)


CASES = (
    Case("twice", Random()),
    Case("split", Comparing()),
    Case("permuted", Remembering()),
    Case("permuted", FirstComesFirst()),
    Case("fresh-process", Hashing()),
    Case("working-directory", Local()),
    Case("chunked", FirstChunk()),
    Case("sliced", Offsetless()),
    Case("fixed-types", Guessing()),
    Case("tally-adds-up", CallCounting()),
    Case("tally-counts", Averaging()),
    Case("state-batches", BatchCounting()),
    Case("state-kept", Unkeepable()),
    Case("state-kept", Changeable()),
    Case("empty-dataset", NeverEmpty()),
)
