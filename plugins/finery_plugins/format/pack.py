"""The format `pack`: documents as token ids in rows of the context's length, best-fit, with the borders kept."""

from __future__ import annotations

import functools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Annotated, Any, Literal

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from pydantic import Field

from finery import Batch, Dataset, HubFile, Needs, Stage, State, Tally, UsageError, hookimpl, plugin
from finery_plugins.text.content import contents, one_chunk
from finery_plugins.train.packing import best_fit
from finery_plugins.train.site import demand
from finery_plugins.train.tokenizer import documents

PLACES = pa.schema([("id", pa.binary(16)), ("row", pa.int64())])
"""Which row the last piece of each document stands in, ordered by id; -1 where it has none."""


@plugin(needs=Needs(extra="train"), batch=1024)
class Pack:
    """Pack documents into rows of at most `context` tokens, for trainers that read token ids.

    Rows are filled best-fit first, over all documents of a source and a `split`, which leaves far fewer documents cut
    than joining them all and cutting every `context` tokens (Ding et al. 2024). Documents of a row stay apart:
    `position_ids` restart with each, which is what transformers tells packed documents apart by. A document opens and
    ends with the tokenizer's own tokens; a longer one than the context is cut into pieces, of which the last shares a
    row. `train = "pretrain"` and `"sft"` pack for themselves: this is for data that leaves by `finery export`.

    A row has `input_ids`, `position_ids`, `documents` (how many pieces), and its documents as parents.

    ```toml
    [[stage]]
    format = "pack"
    tokenizer = "models/mine"
    context = 4096
    ```
    """

    tokenizer: HubFile
    """The folder or hub name of the tokenizer."""

    context: Annotated[int, Field(ge=8, le=1_048_576)] = 2048
    """Tokens in a row at most."""

    column: str | None = None
    """The column to pack; by default all text of a record, whatever its shape."""

    over_long: Literal["cut", "drop"] = "cut"
    """Documents of more than `context` tokens: `cut` into pieces, or `drop` them (reason `no-output`)."""

    @hookimpl
    def prepare(self, dataset: Dataset, stage: Stage) -> State:
        """The row of each document: `id, row`. Rows are numbered through, whatever the source and the split."""
        seen: dict[tuple[str, str], list[tuple[np.ndarray, np.ndarray]]] = {}
        ids: list[np.ndarray] = []
        rows: list[np.ndarray] = []
        encode = encoder(self.tokenizer, stage)
        for batch in dataset.batches():
            for place, *found in measured(batch, [len(tokens) for tokens in encode(self.texts(batch))]):
                seen.setdefault(place, []).append((found[0], found[1]))
        count = 0
        for place in sorted(seen):
            own, lengths = (np.concatenate(part) for part in zip(*seen[place], strict=True))
            ids.append(own)
            rows.append(self.placed(own, lengths, count))
            count = max(count, int(rows[-1].max(initial=-1)) + 1)
        return places(ids, rows)

    def texts(self, batch: Batch) -> list[str]:
        """The text of each record."""
        found: list[str] = contents(batch, self.column).to_pylist()
        return found

    def placed(self, ids: np.ndarray, lengths: np.ndarray, first: int) -> np.ndarray:
        """The row (n,) of each document's last piece, from `first` on; -1 where it has no piece that shares one."""
        order = np.argsort(ids)
        tails = self.tails(lengths)[order]
        rows = np.full(len(ids), -1)
        share = np.flatnonzero(tails)
        rows[order[share]] = first + best_fit(tails[share], self.context)
        return rows

    def tails(self, lengths: np.ndarray) -> np.ndarray:
        """The tokens (n,) of each document that are left when whole rows are taken from it; 0 for none."""
        tails: np.ndarray = lengths % self.context
        return np.where(lengths > self.context, 0, tails) if self.over_long == "drop" else tails

    @hookimpl
    def gather(self, batch: Batch, state: State) -> pa.Array:
        """The row that a document shares; null for one that shares none, or that was not there before."""
        known, asked = raw_ids(one_chunk(state.column("id"))), raw_ids(batch.column("id"))
        found = np.minimum(np.searchsorted(known, asked), max(len(known) - 1, 0))
        if not len(known):
            return pa.nulls(len(asked), pa.int64())
        rows = state.column("row").to_numpy()[found]
        return pa.array(rows, pa.int64(), mask=(rows < 0) | (known[found] != asked))

    @hookimpl
    def format(self, batch: Batch, state: State, stage: Stage, tally: Tally) -> Batch:
        """A record a row. Empty documents are in none."""
        tokens = encoder(self.tokenizer, stage)(self.texts(batch))
        keys = self.gather(batch=batch, state=state).to_pylist()
        rows = [*self.whole(tokens), *self.shared(tokens, keys)]
        tally["rows"] += len(rows)
        tally["tokens"] += sum(len(row.ids) for row in rows)
        return table(rows, batch)

    def whole(self, tokens: Sequence[Sequence[int]]) -> Iterator[Row]:
        """The rows that one document fills."""
        for number, ids in enumerate(tokens):
            if self.over_long == "cut" or len(ids) == self.context:
                for start in range(0, len(ids) - self.context + 1, self.context):
                    yield Row(list(ids[start : start + self.context]), (0,), (number,))

    def shared(self, tokens: Sequence[Sequence[int]], keys: Sequence[int | None]) -> Iterator[Row]:
        """The rows that last pieces share; records of a key stand side by side."""
        borders = [i for i in range(len(keys)) if not i or keys[i] is None or keys[i] != keys[i - 1]]
        tails = self.tails(np.array([len(ids) for ids in tokens], np.int64)).tolist()
        for start, end in pairwise([*borders, len(keys)]):
            if tails[start]:
                pieces = [tokens[i][len(tokens[i]) - tails[i] :] for i in range(start, end)]
                starts = np.cumsum([0, *map(len, pieces)])[:-1].tolist()
                yield Row([token for piece in pieces for token in piece], tuple(starts), tuple(range(start, end)))


@dataclass(frozen=True)
class Row:
    """One row of tokens."""

    ids: list[int]
    starts: tuple[int, ...]
    """Where each piece starts."""
    records: tuple[int, ...]
    """The place of each piece's document in the batch."""


def encoder(tokenizer: str, stage: Stage) -> Any:
    """A function from texts to the tokens of each, opened and ended.

    Raises MissingExtra without transformers, and UsageError where there is no tokenizer of that name.
    """
    demand(f"{stage.hook} '{stage.id}'", "transformers", "tokenizers")
    from transformers import AutoTokenizer

    try:
        return functools.partial(documents, AutoTokenizer.from_pretrained(tokenizer, trust_remote_code=False))
    except (OSError, ValueError, KeyError) as error:
        fault = f"cannot load the tokenizer '{tokenizer}'"
        raise UsageError.at(f"{stage.hook} '{stage.id}'", fault, "name a folder with tokenizer.json") from error


def measured(batch: Batch, lengths: Sequence[int]) -> Iterator[tuple[tuple[str, str], np.ndarray, np.ndarray]]:
    """Source and split, ids (n,) and tokens (n,) of the records of each split in a batch."""
    ids, counts = raw_ids(batch.column("id")), np.array(lengths, np.int64)
    source = str(batch.column("source")[0].as_py()) if len(batch) else ""
    if "split" not in batch.column_names:
        yield (source, ""), ids, counts
        return
    splits = pc.fill_null(one_chunk(batch.column("split")).cast(pa.string()), "").to_numpy(zero_copy_only=False)
    for split in sorted(set(splits.tolist())):
        own = splits == split
        yield (source, split), ids[own], counts[own]


def raw_ids(ids: Any) -> np.ndarray:
    """`V16`-like fixed bytes (n,) of ids, which numpy compares byte by byte."""
    ids = one_chunk(ids)
    storage = ids.storage if isinstance(ids, pa.ExtensionArray) else ids
    # numpy strips zero bytes from the end of `S16` when it reads one, but compares and sorts them all the same.
    return np.array(storage.to_pylist(), "S16")


def places(ids: Sequence[np.ndarray], rows: Sequence[np.ndarray]) -> pa.Table:
    """The state: ids and rows, ordered by id."""
    every = np.concatenate([np.empty(0, "S16"), *ids])
    order = np.argsort(every)
    raw = pa.py_buffer(np.ascontiguousarray(every[order]).tobytes())
    column = pa.Array.from_buffers(pa.binary(16), len(every), [None, raw])
    return pa.table([column, pa.array(np.concatenate([np.empty(0, np.int64), *rows])[order])], schema=PLACES)


def table(rows: Sequence[Row], batch: Batch) -> pa.Table:
    """The rows as records; documents of a row are of one split."""
    numbers = pa.large_list(pa.int32())
    members = pa.array([record for row in rows for record in row.records], pa.int64())
    ends = pa.array(np.cumsum([0, *(len(row.records) for row in rows)]), pa.int32())
    own = {
        "input_ids": pa.array([row.ids for row in rows], numbers),
        "position_ids": pa.array([positions(row) for row in rows], numbers),
        "documents": pa.array([len(row.starts) for row in rows], pa.int64()),
        "parent": pa.ListArray.from_arrays(ends, one_chunk(batch.column("id")).take(members)),
    }
    if "split" in batch.column_names:
        own["split"] = one_chunk(batch.column("split")).take(pa.array([row.records[0] for row in rows], pa.int64()))
    return pa.table(own)


def positions(row: Row) -> list[int]:
    """The place of each token in its piece."""
    return [place for start, end in pairwise([*row.starts, len(row.ids)]) for place in range(end - start)]
