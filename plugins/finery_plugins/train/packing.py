"""Rows of tokens: sequences cut to the context, put into rows best-fit first, and drawn in an order of
chance."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
import pyarrow as pa

from finery import Stage, chance
from finery_plugins.train.tokens import Tokens

GOLDEN = 0.6180339887498949
"""Steps of the golden ratio, modulo 1, spread the pieces of one record evenly (Weyl's sequence)."""


@dataclass(frozen=True)
class Packed:
    """Rows of pieces. For a model that predicts the next token, a piece ends one before the token it predicts
    last."""

    tokens: Tokens
    sequences: np.ndarray
    """`int64` (pieces,): which sequence of `tokens` each piece is cut from."""
    offsets: np.ndarray
    """`int64` (pieces,): where in its sequence it starts."""
    lengths: np.ndarray
    """`int64` (pieces,): tokens it feeds the model."""
    bounds: np.ndarray
    """`int64` (rows + 1,): row r holds the pieces `bounds[r]` to `bounds[r + 1]`."""
    context: int
    """Tokens in a row at most."""

    def __len__(self) -> int:
        return len(self.bounds) - 1

    def pieces(self, row: int) -> Iterator[tuple[int, int, int]]:
        """Sequence, start in the flat file, and length of each piece of a row."""
        for piece in range(int(self.bounds[row]), int(self.bounds[row + 1])):
            sequence = int(self.sequences[piece])
            start = int(self.tokens.starts[sequence] + self.offsets[piece])
            yield sequence, start, int(self.lengths[piece])


def packed(tokens: Tokens, context: int, together: bool, ahead: int = 1) -> Packed:
    """Rows of at most `context` tokens: several pieces a row, or one each where not `together`.

    A model that predicts the next token is not fed a sequence's last one; one that looks at all tokens looks 0
    `ahead`.
    """
    sequences, offsets, lengths = cut(tokens.lengths - ahead, context)
    rows = best_fit(lengths, context) if together else np.arange(len(lengths))
    order = np.argsort(rows, kind="stable")
    bounds = np.searchsorted(rows[order], np.arange(rows.max() + 2))
    return Packed(tokens, sequences[order], offsets[order], lengths[order], bounds, context)


def cut(lengths: np.ndarray, context: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Sequences (n,) in pieces of at most `context`: sequence, offset and length of each piece."""
    counts = -(-lengths // context)
    sequences = np.repeat(np.arange(len(lengths)), counts)
    firsts = np.cumsum(counts) - counts
    offsets = (np.arange(len(sequences)) - firsts[sequences]) * context
    return sequences, offsets, np.minimum(lengths[sequences] - offsets, context)


def best_fit(lengths: np.ndarray, context: int) -> np.ndarray:
    """`int64` (n,): the row of each piece, longest pieces first, each where it leaves the least room.

    Best-fit decreasing uses at most 11/9 of the fewest rows (Johnson 1973). The rows with room for c tokens
    stand in `room[c]`, and bit c of `has` says whether there are any, so finding a row costs no search.
    """
    room: list[list[int]] = [[] for _ in range(context + 1)]
    rows = np.empty(len(lengths), np.int64)
    has = count = 0
    for piece in np.argsort(-lengths, kind="stable").tolist():
        length = int(lengths[piece])
        wide = has >> length
        if wide:
            space = length + (wide & -wide).bit_length() - 1
            row = room[space].pop()
            has ^= 0 if room[space] else 1 << space
        else:
            space, row, count = context, count, count + 1
        rows[piece] = row
        if space > length:
            room[space - length].append(row)
            has |= 1 << (space - length)
    return rows


WINDOW = 64
"""Steps within which rows are sorted by length: enough for little padding, few enough to keep the order by chance."""


def schedule(rows: Packed, total: int, stage: Stage, alike: int = 0) -> np.ndarray:
    """`int64` (total,): the rows in the order they are trained on, each epoch in an order of its own.

    Where steps of `alike` rows are asked for, the rows of a step are of like length.
    """
    epochs = [epoch_order(rows, stage, epoch) for epoch in range(-(-total // len(rows)))]
    if alike:
        sizes = np.add.reduceat(rows.lengths, rows.bounds[:-1])
        epochs = [grouped(order, sizes, alike) for order in epochs]
    return np.concatenate(epochs)[:total]


def grouped(order: np.ndarray, sizes: np.ndarray, count: int) -> np.ndarray:
    """`int64` (rows,): an order in which `count` rows that follow each other are of like length.

    Rows are sorted by length within windows, and each window's groups then follow each other as their longest rows
    did: no length comes first.
    """
    found = []
    for start in range(0, len(order), count * WINDOW):
        window = order[start : start + count * WINDOW]
        ranked = np.argsort(-sizes[window], kind="stable")
        groups = [ranked[first : first + count] for first in range(0, len(ranked), count)]
        full, short = [g for g in groups if len(g) == count], [g for g in groups if len(g) < count]
        found += [window[group] for group in (*sorted(full, key=lambda group: int(group[0])), *short)]
    return np.concatenate(found)


def epoch_order(rows: Packed, stage: Stage, epoch: int) -> np.ndarray:
    """`int64` (rows,): all rows, ordered by the chance of the record of their first piece.

    The pieces of one long record, and a record that a mix repeats, share a chance: steps of the golden ratio
    keep them from standing side by side.
    """
    first = rows.bounds[:-1]
    ids = pa.table({"id": rows.tokens.ids.take(pa.array(rows.sequences[first]))})
    chances = chance(ids, replace(stage, seed=(stage.seed + epoch) % 2**64))
    order = np.argsort(chances, kind="stable")
    ordered = chances[order]
    repeats = np.arange(len(order)) - np.searchsorted(ordered, ordered)
    return order[np.argsort((ordered + repeats * GOLDEN) % 1.0, kind="stable")]
