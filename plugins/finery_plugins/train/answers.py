"""Answers behind their prompts as tensors: what the trainers of preferences take, made from the rows of a plan."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from finery_plugins.train.rows import Plan, stacked
from finery_plugins.train.tokens import UNTRAINED, parted

INPUTS = ("input_ids", "attention_mask", "completion_mask")


@dataclass
class Answers:
    """Makes batches of the answers of a plan's rows: each row's first answer, row by row, then each one's second."""

    plan: Plan
    padding: int
    """The token behind short answers."""
    references: tuple[str, str] = ("", "")
    """What the trainer calls the columns of `known`."""
    known: np.ndarray | None = None
    """`float32` (rows, 2): log-probabilities by the reference."""

    def __call__(self, found: Sequence[Mapping[str, int]]) -> dict[str, Any]:
        """The batch at some places of the plan's order."""
        import torch

        places = [row["place"] for row in found]
        return self.rows(self.plan.order[places].tolist()) | {"places": torch.tensor(places)}

    def rows(self, rows: Sequence[int]) -> dict[str, Any]:
        """Some rows of two answers: `input_ids`, `attention_mask`, `completion_mask` (answers, longest)."""
        return self.pairs(self.plan.rows.bounds[:-1][list(rows)].tolist()) | self.reference(rows)

    def pairs(self, firsts: Sequence[int]) -> dict[str, Any]:
        """The batch of some pairs, by the sequences of their chosen answers; the rejected ones stand behind these."""
        return self.tensors([*firsts, *(first + 1 for first in firsts)])

    def reference(self, rows: Sequence[int]) -> dict[str, Any]:
        """What the reference thinks of some rows, once it is known."""
        import torch

        if self.known is None:
            return {}
        columns = zip(self.references, self.known[list(rows)].T, strict=True)
        return {name: torch.from_numpy(column.copy()) for name, column in columns}

    def tensors(self, sequences: Sequence[int], skip: int = 0) -> dict[str, Any]:
        """Sequences as tensors (sequences, longest), without the first `skip` tokens of each."""
        made = [self.sequence(number, skip) for number in sequences]
        return dict(zip(INPUTS, stacked(made, (self.padding, 0, 0)), strict=True))

    def sequence(self, number: int, skip: int = 0) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Tokens, ones, and where they answer (tokens,), of one sequence."""
        ids, labels = parted(np.asarray(self.flat(number)[skip:], np.int64))
        return ids, np.ones_like(ids), (labels != UNTRAINED).astype(np.int64)

    def flat(self, number: int) -> np.ndarray:
        """The signed tokens of one sequence."""
        tokens = self.plan.rows.tokens
        start = int(tokens.starts[number])
        return tokens.flat[start : start + int(tokens.lengths[number])]
