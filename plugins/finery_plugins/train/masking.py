"""Masks for models that look both ways: drawn anew each epoch, from nothing but seed, epoch, record and place."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pyarrow as pa

from finery import Stage, UsageError, chance
from finery_plugins.train.rows import Plan, stacked
from finery_plugins.train.tokens import UNTRAINED

MASKED = 0.8
REPLACED = 0.9
"""Of the tokens chosen, 80 % are masked, 10 % replaced by any other and 10 % left (Devlin et al. 2018)."""
PURPOSES = 4
"""Draws for one token in one epoch: which are chosen, what replaces them, and what a generator writes."""


@dataclass(frozen=True)
class Masking:
    """How tokens are hidden from a model."""

    stage: Stage
    share: float
    """The share of tokens chosen; at least one in each piece."""
    mask: int
    """The id that hides a token."""
    special: np.ndarray
    """`int64`: ids that are never chosen."""
    vocabulary: np.ndarray
    """`int64`: ids that may replace one."""
    offset: int = 0
    """The number of a model's first position."""
    replaces: bool = True
    """Whether 80/10/10; otherwise every token chosen is masked, as ELECTRA's generator has it."""

    def batch(self, plan: Plan, positions: Sequence[int]) -> dict[str, Any]:
        """Rows as tensors (rows, longest): `input_ids, position_ids, labels, shift_labels, owners`, `pieces` (which
        piece of the row a token is of, -1 for padding), `originals` (ids before they were hidden), `draws` (a number
        in [0, 1) a token)."""
        rows = [self.row(plan, position) for position in positions]
        names = ("input_ids", "position_ids", "labels", "owners", "pieces", "originals", "draws")
        made = dict(zip(names, stacked(rows, (0, self.offset, UNTRAINED, 0, -1, 0, 0)), strict=True))
        return made | {"shift_labels": made["labels"]}

    def row(self, plan: Plan, position: int) -> tuple[np.ndarray, ...]:
        """Ids, positions, labels, owners, pieces, originals and draws of the row at a position, each (tokens,)."""
        epoch, packed = plan.epoch(position), plan.rows
        parts = []
        for number, (sequence, start, length) in enumerate(packed.pieces(int(plan.order[position]))):
            signed = np.asarray(packed.tokens.flat[start : start + length], np.int64)
            ids = np.where(signed < 0, ~signed, signed)
            places = np.arange(start, start + length) - packed.tokens.starts[sequence]
            draws = self.draws(packed.tokens.ids[sequence], places, epoch)
            hidden, labels = self.hidden(ids, *draws[:2])
            ranks = np.arange(length) + self.offset
            owners = plan.owner(np.full(length, sequence), epoch)
            parts.append((hidden, ranks, labels, owners, np.full(length, number), ids, draws[2]))
        return tuple(np.concatenate(part) for part in zip(*parts, strict=True))

    def draws(self, record: pa.Scalar, places: np.ndarray, epoch: int) -> list[np.ndarray]:
        """Numbers in [0, 1) (tokens,), one for each purpose: the hash of record, place in it, seed and epoch."""
        high, low = np.frombuffer(record.as_py().bytes, np.uint64)
        halves = np.empty((len(places), 2), np.uint64)
        with np.errstate(over="ignore"):
            halves[:, 0] = high
            halves[:, 1] = low + places.astype(np.uint64) * np.uint64(0x9E3779B97F4A7C15)
        storage = pa.Array.from_buffers(pa.binary(16), len(places), [None, pa.py_buffer(halves.tobytes())])
        table = pa.table({"id": pa.ExtensionArray.from_storage(pa.uuid(), storage)})
        first = self.stage.seed + PURPOSES * (epoch + 1)
        return [chance(table, replace(self.stage, seed=(first + purpose) % 2**64)) for purpose in range(3)]

    def hidden(self, ids: np.ndarray, chosen: np.ndarray, replacing: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Ids (n,) with some hidden, and labels (n,) for these, from two draws (n,)."""
        free = ~np.isin(ids, self.special)
        if not free.any():
            return ids, np.full(len(ids), UNTRAINED)
        ranked = np.where(free, chosen, 2.0)
        picked = ranked < max(self.share, np.nextafter(ranked.min(), 3))
        # Among those picked, the draw over the share is again a number in [0, 1).
        fate = chosen / self.share if self.replaces else np.zeros(len(ids))
        any_id = self.vocabulary[(replacing * len(self.vocabulary)).astype(np.int64)]
        masks = picked & ((fate < MASKED) | (fate >= 1))
        swaps = picked & ~masks & (fate < REPLACED)
        return np.where(masks, self.mask, np.where(swaps, any_id, ids)), np.where(picked, ids, UNTRAINED)


def masking(tokenizer: Any, stage: Stage, share: float, offset: int, replaces: bool = True) -> Masking:
    """How tokens are hidden from a model with a tokenizer that has a mask token."""
    special = np.array(sorted(set(tokenizer.all_special_ids)), np.int64)
    vocabulary = np.setdiff1d(np.arange(len(tokenizer)), special)
    return Masking(stage, share, tokenizer.mask_token_id, special, vocabulary, offset, replaces)


def attention(pieces: Any, together: bool, is_fused: bool) -> Any:
    """The mask that lets the tokens of a piece see each other and nothing else, from pieces (rows, tokens).

    One flag a token where no row holds several pieces; else (rows, 1, tokens, tokens), as flags for a fused kernel or
    as numbers to add.
    """
    import torch

    if not together:
        return (pieces >= 0).long()
    seen = pieces[:, None, :, None] == pieces[:, None, None, :]
    if is_fused:
        return seen
    return torch.zeros_like(seen, dtype=torch.float32).masked_fill(~seen, torch.finfo(torch.float32).min)


def maskable(tokenizer: Any, where: str) -> None:
    """Raise UsageError for a tokenizer that has no token to hide others with."""
    if tokenizer.mask_token_id is None:
        fault = "the model's tokenizer has no mask token"
        raise UsageError.at(where, fault, "take a model that was trained on masked tokens, or train one from scratch")
