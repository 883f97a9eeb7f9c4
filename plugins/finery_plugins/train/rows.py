"""The plan of a training: which row is trained on when; and rows as tensors."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import pyarrow as pa

from finery_plugins.train.loop import Loop
from finery_plugins.train.packing import Packed
from finery_plugins.train.tokens import UNTRAINED, parted
from finery_plugins.train.workers import Share

STEPS = pa.schema(
    [
        ("step", pa.int64()),
        ("rank", pa.int32()),
        ("record", pa.uuid()),
        ("start", pa.int64()),
        ("length", pa.int64()),
    ]
)


@dataclass(frozen=True)
class Plan:
    """Rows, and the order they are trained on in, all epochs in one: known before the first step.

    It is also the map-style data set that torch's loader reads, from first to last: its items are positions in the
    order, for what is drawn anew in each epoch depends on which epoch it is.
    """

    rows: Packed
    order: np.ndarray
    """`int64` (rows trained on, repeats counted)."""
    loop: Loop

    @property
    def steps(self) -> int:
        """How many optimizer steps there are; the last may hold fewer rows."""
        return -(-len(self.order) // self.loop.step_rows)

    @property
    def digest(self) -> str:
        """Names the plan: a checkpoint of another one is of no use."""
        total = hashlib.sha256(repr(self.loop).encode())
        for array in (self.order, self.rows.bounds, self.rows.offsets, self.rows.tokens.lengths):
            total.update(np.ascontiguousarray(array).tobytes())
        return total.hexdigest()

    def __len__(self) -> int:
        return len(self.order)

    def __getitem__(self, position: int) -> int:
        return position

    def epoch(self, position: int) -> int:
        """The epoch that a position in the order lies in, counted from 0."""
        return position // len(self.rows)

    def epochs_in_step(self) -> int:
        """How many epochs one step can reach into at most."""
        return -(-self.loop.step_rows // len(self.rows)) + 1

    def epochs_done(self, step: int) -> int:
        """How many epochs are over after a step."""
        return min(step * self.loop.step_rows, len(self.order)) // len(self.rows)

    def rows_of(self, step: int) -> np.ndarray:
        """The rows of a step, counted from 1."""
        size = self.loop.step_rows
        return self.order[(step - 1) * size : step * size]

    @cached_property
    def sizes(self) -> np.ndarray:
        """`int64` (rows,): tokens in each row."""
        return np.add.reduceat(self.rows.lengths, self.rows.bounds[:-1])

    def fed(self, first: int, last: int) -> int:
        """How many tokens steps `first` to `last` feed the model, padding left out."""
        size = self.loop.step_rows
        return int(self.sizes[self.order[(first - 1) * size : last * size]].sum())

    def account(self, first: int, last: int, share: Share | None = None) -> Iterator[pa.Table]:
        """Which tokens of which records went into steps `first` to `last`: `step, rank, record, start,
        length`; one worker's where no other share is given."""
        for start in range(first, last + 1, 256):
            yield self.account_part(start, min(start + 255, last), share or Share(self.loop.step_rows, self.loop.batch))

    def account_part(self, first: int, last: int, share: Share) -> pa.Table:
        """The account of a few steps, as one table."""
        size, packed = self.loop.step_rows, self.rows
        places = np.arange((first - 1) * size, min(last * size, len(self.order)))
        rows = self.order[places]
        counts = packed.bounds[rows + 1] - packed.bounds[rows]
        # Each row's pieces follow each other: its first one, and how far each is from the first of all rows' pieces.
        pieces = np.repeat(packed.bounds[rows] - (np.cumsum(counts) - counts), counts) + np.arange(counts.sum())
        return pa.table(
            [
                pa.array(np.repeat(places // size + 1, counts), pa.int64()),
                pa.array(np.repeat(share.ranks(places), counts), pa.int32()),
                packed.tokens.ids.take(pa.array(packed.sequences[pieces])),
                pa.array(packed.offsets[pieces]),
                pa.array(packed.lengths[pieces]),
            ],
            schema=STEPS,
        )

    def batch(self, positions: Sequence[int]) -> dict[str, Any]:
        """Rows for a causal model as tensors (rows, longest): `input_ids, position_ids, labels, shift_labels, owners`.

        Positions restart with every piece; with no attention mask, that is what keeps packed documents apart.
        Labels stand beside what predicts them; transformers counts them under the name `shift_labels`. Owners say
        whose each token is, and in which epoch (see `owner`).
        """
        made = stacked([self.causal(position) for position in positions], (0, 0, UNTRAINED, 0))
        ids, places, labels, owners = made
        return {
            "input_ids": ids,
            "position_ids": places,
            "labels": labels,
            "shift_labels": labels,
            "owners": owners,
        }

    def causal(self, position: int) -> tuple[np.ndarray, ...]:
        """Ids, positions, labels and owners of the row at a position of the order, each (tokens,)."""
        ids, places, labels, sequences = self.row(int(self.order[position]))
        return ids, places, labels, self.owner(sequences, self.epoch(position))

    def owner(self, sequences: np.ndarray, epoch: int) -> np.ndarray:
        """Sequence and epoch of tokens as one number: `epoch * len(tokens) + sequence`."""
        return sequences + epoch * len(self.rows.tokens)

    def row(self, number: int) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
        """Ids, positions, labels and sequence numbers (tokens,) of one row, for a model that predicts the next
        token."""
        parts = []
        for sequence, start, length in self.rows.pieces(number):
            flat = np.asarray(self.rows.tokens.flat[start : start + length + 1], np.int64)
            ids, labels = parted(flat)
            parts.append((ids[:-1], np.arange(length), labels[1:], np.full(length, sequence, np.int64)))
        ids, positions, labels, sequences = (np.concatenate(part) for part in zip(*parts, strict=True))
        return ids, positions, labels, sequences


def stacked(rows: Sequence[tuple[np.ndarray, ...]], fills: Sequence[int]) -> list[Any]:
    """Rows of several values a token as one tensor (rows, longest) a value, filled up behind short rows."""
    import torch

    width = max(len(row[0]) for row in rows)
    return [
        torch.from_numpy(np.stack([padded(row[part], width, fill) for row in rows])) for part, fill in enumerate(fills)
    ]


def padded(values: np.ndarray, width: int, fill: int) -> np.ndarray:
    """Values (n,) with `fill` behind them up to `width`."""
    return np.pad(values, (0, width - len(values)), constant_values=fill)
