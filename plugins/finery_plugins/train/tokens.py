"""Tokenised records on disk: one flat file of tokens, and a table that says whose each stretch is."""

from __future__ import annotations

import shutil
from array import array
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from finery import DataError, chance
from finery_plugins.train.records import Encode, Records, drawn, source_codes
from finery_plugins.train.site import Site
from finery_plugins.train.workers import in_turn

UNTRAINED = -100
"""The label that torch's cross entropy leaves out."""


@dataclass(frozen=True)
class Tokens:
    """Sequences in canonical order: by chance, then by id, so that no shard or batch shows through."""

    flat: np.ndarray
    """`int32`: all tokens. One that no loss is taken on stands as its complement, so is negative."""
    starts: np.ndarray
    lengths: np.ndarray
    """`int64` (n,): where each sequence lies in `flat`."""
    sources: np.ndarray
    """`int32` (n,): places in `names`."""
    ids: pa.Array
    """UUIDs (n,) of the records."""
    names: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.starts)

    def part(self, keep: np.ndarray) -> Tokens:
        """The sequences where `keep` (n,) is true, over the same flat tokens."""
        kept = np.flatnonzero(keep)
        return replace(
            self,
            starts=self.starts[kept],
            lengths=self.lengths[kept],
            sources=self.sources[kept],
            ids=self.ids.take(pa.array(kept)),
        )


def signed(ids: Iterable[int], trained: Iterable[bool]) -> list[int]:
    """Tokens (n,), with the complement for each that no loss is taken on."""
    return [token if is_trained else ~token for token, is_trained in zip(ids, trained, strict=True)]


def parted(flat: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Tokens (n,) and labels (n,) from signed tokens (n,)."""
    return np.where(flat < 0, ~flat, flat), np.where(flat < 0, UNTRAINED, flat)


@dataclass
class Writer:
    """Collects the index while the tokens go to disk."""

    starts: array[int] = field(default_factory=lambda: array("q"))
    lengths: array[int] = field(default_factory=lambda: array("q"))
    chances: list[np.ndarray] = field(default_factory=list)
    sources: list[np.ndarray] = field(default_factory=list)
    ids: list[pa.Array] = field(default_factory=list)
    end: int = 0

    def add(self, batch: pa.Table, chances: np.ndarray, codes: np.ndarray, encode: Encode) -> bytes:
        """Note the sequences of a batch; their tokens as `int32` bytes."""
        owners, flat = array("q"), array("i")
        for owner, tokens in encode(batch):
            if len(tokens) < 2:
                continue
            owners.append(owner)
            self.starts.append(self.end + len(flat))
            self.lengths.append(len(tokens))
            flat.extend(tokens)
        rows = np.array(owners, np.int64)
        self.end += len(flat)
        self.chances.append(chances[rows])
        self.sources.append(codes[rows])
        self.ids += [piece.take(pa.array(rows)) for piece in [batch["id"].combine_chunks()]]
        return flat.tobytes()

    def table(self) -> pa.Table:
        """The index in canonical order."""
        columns = {
            "start": pa.array(np.array(self.starts, np.int64)),
            "length": pa.array(np.array(self.lengths, np.int64)),
            "chance": pa.array(np.concatenate(self.chances)),
            "source": pa.array(np.concatenate(self.sources)),
            "id": pa.chunked_array(self.ids),
        }
        table = pa.table(columns).append_column("key", columns["id"].cast(pa.binary(16)))
        order = [("chance", "ascending"), ("key", "ascending"), ("start", "ascending")]
        return table.sort_by(order).drop_columns("key")


def tokenised(
    records: Records, columns: Sequence[str], encode: Encode, under: float, site: Site, name: str = "tokens"
) -> Tokens:
    """The records' tokens, written to the folder `name` of `out` unless an interrupted call left them there.

    Raises DataError where nothing is left to train on.
    """
    folder = site.out / name
    with in_turn():
        if not folder.exists():
            beside = folder.with_name(f"{name}.unfinished")
            shutil.rmtree(beside, ignore_errors=True)
            beside.mkdir(parents=True)
            write(records, columns, encode, under, beside, site)
            beside.rename(folder)
    return opened(folder, records.sources)


def write(records: Records, columns: Sequence[str], encode: Encode, under: float, folder: Path, site: Site) -> None:
    """Tokenise the records whose chance is under a bound into `folder`."""
    writer, seen, total = Writer(), 0, records.examples.records
    with (folder / "tokens.bin").open("wb") as file:
        for batch in slices(records.batches(*columns)):
            kept = drawn(batch, records.stage, under)
            codes = source_codes(kept, records.sources)
            file.write(writer.add(kept, chance(kept, records.stage), codes, encode))
            seen += len(batch)
            site.journal.progress(seen, total, "records tokenised")
    if not writer.end:
        wanted = "train on" if records.whole else f"hold out in split '{records.split}'"
        fault = f"finds nothing to {wanted} in {', '.join(records.sources)}"
        raise DataError.at(site.place, fault, "look at what the stages before it dropped, and at `split`")
    pq.write_table(writer.table(), folder / "index.parquet")


def slices(batches: Iterable[pa.Table], rows: int = 1024) -> Iterator[pa.Table]:
    """Batches cut small, so that the tokens of one, as Python objects, stay small too."""
    for batch in batches:
        yield from (batch.slice(start, rows) for start in range(0, len(batch), rows))


def opened(folder: Path, names: tuple[str, ...]) -> Tokens:
    """Tokens as they lie in a folder; the flat file is mapped, not read."""
    index = pq.read_table(folder / "index.parquet")
    flat = np.memmap(folder / "tokens.bin", np.int32, mode="r")
    starts, lengths, sources = (index[name].to_numpy() for name in ("start", "length", "source"))
    return Tokens(flat, starts, lengths, sources, index["id"].combine_chunks(), names)
