"""The texts that a plugin learns from: sources of the pipeline and files, read in batches, and samples of them.

A sample is drawn by a hash of the texts themselves, so that it is the same however records lie in shards and batches,
and an equal text counts once.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import numpy as np
import pyarrow as pa

from finery import Dataset, Fault, PipelineError, did_you_mean
from finery_plugins.text.content import contents, listed, text_columns
from finery_plugins.text.items import files_of, items
from finery_plugins.text.measures import byte_lengths
from finery_plugins.text.wordlists import text_hashes

ROWS = 1000
"""Texts of a file in a batch."""

Texts = Iterator[pa.Array]
Read = Callable[[], Texts]


@dataclass(frozen=True)
class Corpus:
    """Sources and files that make up one body of text."""

    dataset: Dataset
    sources: Sequence[str]
    files: Sequence[str]
    column: str | None = None
    """The column of the sources to read; of a file's row all strings count, of a text file each line is a text."""

    def texts(self) -> Texts:
        """`large_string` arrays without nulls. Raises UsageError or DataError for a file that cannot be read."""
        for source in self.sources:
            yield from self.of_source(source)
        for path in self.files:
            for file in files_of(Path(path)):
                rows = items(file, ())
                while some := list(islice(rows, ROWS)):
                    yield pa.array(some, pa.large_string())

    def of_source(self, source: str) -> Texts:
        """The texts of one source; none where nothing is left of it."""
        present = self.dataset.columns(source)
        if not set(present) - {"id", "source"}:
            return
        names = [self.column] if self.column else text_columns(pa.table({name: pa.nulls(0) for name in present}))
        for batch in self.dataset.batches(names, [source]):
            yield contents(batch, self.column)


def known(dataset: Dataset, **options: Sequence[str]) -> None:
    """Raise PipelineError for each source that an option names and the stage does not see."""
    faults = [
        Fault(f"{option} = {listed(names)}", f"there is no source '{name}'{did_you_mean(name, dataset.sources)}",
              f"this stage sees {listed(dataset.sources)}; only = [...] must name it too")
        for option, names in options.items()
        for name in names
        if name not in dataset.sources
    ]  # fmt: skip
    if faults:
        raise PipelineError(*faults)


def sample(read: Read, records: int | None = None, size: int | None = None) -> pa.Array:
    """`large_string` (n,): different texts in the order of their hashes, at most so many records or bytes.

    `read` is called twice: for hashes and sizes, then for the texts. Empty texts are left out.
    """
    hashes, sizes = looked_at(read)
    hashes, first = np.unique(hashes, return_index=True)
    fits = len(hashes) if records is None else min(records, len(hashes))
    if size is not None:
        fits = min(fits, int(np.searchsorted(np.cumsum(sizes[first]), size, side="right")))
    return taken(read, hashes[:fits])


def looked_at(read: Read) -> tuple[np.ndarray, np.ndarray]:
    """`uint64` and `int64` (n,): hash and bytes of each text that is not empty."""
    hashes, sizes = [np.empty(0, np.uint64)], [np.empty(0, np.int64)]
    for texts in read():
        lengths = byte_lengths(texts)
        hashes.append(text_hashes(texts)[lengths > 0])
        sizes.append(lengths[lengths > 0])
    return np.concatenate(hashes), np.concatenate(sizes)


def taken(read: Read, wanted: np.ndarray) -> pa.Array:
    """The texts with these sorted hashes, each once, in their order."""
    left = np.ones(len(wanted), bool)
    found, places = [pa.array([], pa.large_string())], [np.empty(0, np.int64)]
    for texts in read():
        place = np.searchsorted(wanted, hashes := text_hashes(texts))
        inside = np.flatnonzero(place < len(wanted))
        inside = inside[(wanted[place[inside]] == hashes[inside]) & left[place[inside]]]
        new, first = np.unique(place[inside], return_index=True)
        left[new] = False
        found.append(texts.take(pa.array(inside[first])))
        places.append(new)
    order = np.argsort(np.concatenate(places), kind="stable")
    return pa.concat_arrays(found).take(pa.array(order))
