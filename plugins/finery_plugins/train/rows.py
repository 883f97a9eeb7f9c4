"""The plan of a training: which row is trained on when; and rows as tensors."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa

from finery_plugins.train.loop import Loop
from finery_plugins.train.packing import Packed
from finery_plugins.train.tokens import UNTRAINED, parted

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

    It is also the map-style data set that torch's loader reads, from first to last.
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
        return int(self.order[position])

    def rows_of(self, step: int) -> np.ndarray:
        """The rows of a step, counted from 1."""
        size = self.loop.step_rows
        return self.order[(step - 1) * size : step * size]

    def account(self, first: int, last: int) -> Iterator[pa.Table]:
        """Which tokens of which records went into steps `first` to `last`: `step, rank, record, start,
        length`."""
        for start in range(first, last + 1, 256):
            yield self.account_part(range(start, min(start + 256, last + 1)))

    def account_part(self, steps: Sequence[int]) -> pa.Table:
        """The account of a few steps, as one table."""
        bounds, packed = self.rows.bounds, self.rows
        pairs = [(step, np.arange(bounds[row], bounds[row + 1])) for step in steps for row in self.rows_of(step)]
        pieces = np.concatenate([found for _, found in pairs])
        numbers = np.repeat([step for step, _ in pairs], [len(found) for _, found in pairs])
        return pa.table(
            [
                pa.array(numbers, pa.int64()),
                pa.array(np.zeros(len(pieces), np.int32)),
                packed.tokens.ids.take(pa.array(packed.sequences[pieces])),
                pa.array(packed.offsets[pieces]),
                pa.array(packed.lengths[pieces]),
            ],
            schema=STEPS,
        )

    def batch(self, numbers: Sequence[int]) -> dict[str, Any]:
        """Rows as tensors (rows, longest): `input_ids, position_ids, labels, shift_labels, sources`.

        Positions restart with every piece; with no attention mask, that is what keeps packed documents apart.
        Labels stand beside what predicts them; transformers counts them under the name `shift_labels`.
        """
        import torch

        rows = [self.row(number) for number in numbers]
        width = max(len(row[0]) for row in rows)
        ids, positions, labels, sources = (
            torch.from_numpy(np.stack([padded(row[part], width, fill) for row in rows]))
            for part, fill in enumerate((0, 0, UNTRAINED, 0))
        )
        return {
            "input_ids": ids,
            "position_ids": positions,
            "labels": labels,
            "shift_labels": labels,
            "sources": sources,
        }

    def row(self, number: int) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
        """Ids, positions, labels and source codes (tokens,) of one row."""
        parts = []
        tokens = self.rows.tokens
        for sequence, start, length in self.rows.pieces(number):
            flat = np.asarray(tokens.flat[start : start + length + 1], np.int64)
            ids, labels = parted(flat)
            code = np.full(length, tokens.sources[sequence], np.int64)
            parts.append((ids[:-1], np.arange(length), labels[1:], code))
        ids, positions, labels, codes = (np.concatenate(part) for part in zip(*parts, strict=True))
        return ids, positions, labels, codes


def padded(values: np.ndarray, width: int, fill: int) -> np.ndarray:
    """Values (n,) with `fill` behind them up to `width`."""
    return np.pad(values, (0, width - len(values)), constant_values=fill)
