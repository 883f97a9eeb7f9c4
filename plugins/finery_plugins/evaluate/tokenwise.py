"""What a causal model makes of each token of a text: its log-probability, its rank, and how unsure the model was."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np

from finery_plugins.evaluate.scoring import Item, Window, windows
from finery_plugins.train.architecture import fitting
from finery_plugins.train.loss import CHUNK_LOGITS, has_plain_head
from finery_plugins.train.rows import padded
from finery_plugins.train.tokens import UNTRAINED


@dataclass(frozen=True)
class Seen:
    """The scored tokens of an item, in their order."""

    tokens: np.ndarray
    """`int64` (n,)."""
    log_probability: np.ndarray
    """`float64` (n,), nats."""
    rank: np.ndarray
    """`int64` (n,): one more than the number of tokens the model held likelier."""
    entropy: np.ndarray
    """`float64` (n,), nats, of all that might have stood there."""
    top: np.ndarray
    """`int64` (n,): the token the model held likeliest."""

    @property
    def nats(self) -> float:
        """The mean negative log-probability of a token; NaN where there is none."""
        return float(-self.log_probability.mean()) if len(self.tokens) else float("nan")

    @property
    def run(self) -> int:
        """How many tokens a greedy answer has in common with these before it leaves them."""
        wrong = np.flatnonzero(self.rank > 1)
        return int(wrong[0]) if len(wrong) else len(self.tokens)

    def part(self, start: int, end: int) -> Seen:
        """Some of the tokens."""
        return Seen(*(getattr(self, name)[start:end] for name in FIELDS))


FIELDS = ("tokens", "log_probability", "rank", "entropy", "top")


@dataclass(frozen=True)
class TokenScorer:
    """A model that tells of each token; the logits of 16 million places are held at once, whatever the batch."""

    model: Any
    context: int
    stride: int
    batch_tokens: int

    def seen(self, items: Sequence[Item]) -> list[Seen]:
        """What the model makes of each item, windows of like length in one pass."""
        found = list(windows(items, self.context, self.stride))
        told: list[np.ndarray | None] = [None] * len(found)
        order = sorted(range(len(found)), key=lambda place: -len(found[place].ids))
        with bare(self.model) as logits:
            while order:
                rows = max(1, self.batch_tokens // len(found[order[0]].ids))
                batch, order = order[:rows], order[rows:]
                for place, part in zip(batch, self.batch([found[one] for one in batch], logits), strict=True):
                    told[place] = part
        return [joined(found, told, number) for number in range(len(items))]

    def batch(self, batch: Sequence[Window], logits: Callable[[Any], Any]) -> Iterator[np.ndarray]:
        """`float64` (5, n) for each window: `FIELDS` of its labelled tokens."""
        import torch

        width = max(len(window.ids) for window in batch)
        ids = torch.from_numpy(np.stack([padded(window.ids, width, 0) for window in batch]))
        labels = torch.from_numpy(np.stack([padded(window.labels, width, UNTRAINED) for window in batch]))
        device = self.model.device
        with torch.no_grad():
            inputs = fitting(self.model, {"input_ids": ids.to(device), "use_cache": False})
            hidden = self.model(**inputs).logits
            wanted = (labels != UNTRAINED).to(device)
            measured = chunks(hidden[wanted], labels.to(device)[wanted], logits)
        ends = np.cumsum((labels != UNTRAINED).sum(1).numpy())[:-1]
        yield from np.split(measured, ends, axis=1)


def joined(found: Sequence[Window], told: Sequence[np.ndarray | None], item: int) -> Seen:
    """What the windows of one item tell, put together."""
    parts = [part for window, part in zip(found, told, strict=True) if window.item == item and part is not None]
    rows = np.concatenate([np.empty((5, 0)), *parts], axis=1)
    tokens, log_probability, rank, entropy, top = rows
    return Seen(tokens.astype(np.int64), log_probability, rank.astype(np.int64), entropy, top.astype(np.int64))


def chunks(hidden: Any, labels: Any, logits: Callable[[Any], Any]) -> np.ndarray:
    """`float64` (5, n): `FIELDS` from hidden states (n, width), a stretch of them at a time."""
    if not len(labels):
        return np.empty((5, 0))
    rows = max(1, CHUNK_LOGITS // logits(hidden[:1]).shape[-1])
    starts = range(0, len(labels), rows)
    return np.concatenate(
        [measured(logits(hidden[at : at + rows]).float(), labels[at : at + rows]) for at in starts], axis=1
    )


def measured(logits: Any, labels: Any) -> np.ndarray:
    """`float64` (5, n): `FIELDS` from logits (n, vocabulary)."""
    import torch

    log_shares = torch.log_softmax(logits, dim=-1)
    own = log_shares.gather(1, labels[:, None])
    rank = 1 + (log_shares > own).sum(1)
    # A token that cannot be (its logit is minus infinity) adds nothing, where 0 times infinity would be no number.
    entropy = torch.special.entr(log_shares.exp()).sum(1)
    columns = (labels, own[:, 0], rank, entropy, log_shares.argmax(1))
    return np.stack([column.double().cpu().numpy() for column in columns])


@contextmanager
def bare(model: Any) -> Iterator[Callable[[Any], Any]]:
    """The model answers with its last hidden states in place of logits; what is given makes logits of them.

    A model that does more to its logits than its head does keeps them.
    """
    import torch

    head = model.get_output_embeddings()
    if not has_plain_head(model, head):
        yield lambda logits: logits
        return
    head.forward = lambda hidden: hidden
    try:
        yield functools.partial(torch.nn.functional.linear, weight=head.weight, bias=head.bias)
    finally:
        del head.forward
