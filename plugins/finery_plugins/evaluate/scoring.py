"""What is scored of a record, and a causal model's nats for it, window by window."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa

from finery_plugins.train.conversation import Spelling, renderings, spelled
from finery_plugins.train.loss import TokenLoss
from finery_plugins.train.rows import padded
from finery_plugins.train.tokenizer import opening, plain_ids
from finery_plugins.train.tokens import UNTRAINED, parted, signed


@dataclass(frozen=True)
class Item:
    """A record to score."""

    sequences: Sequence[np.ndarray]
    """Signed tokens (see `tokens.signed`): those that are scored are not negative."""
    bytes: int
    """Size in UTF-8 of the text that is scored."""

    @property
    def scored(self) -> np.ndarray:
        """All scored tokens (n,)."""
        tokens = np.concatenate([*(sequence[1:] for sequence in self.sequences), np.empty(0, np.int64)])
        return tokens[tokens >= 0].astype(np.int64)


Encoding = Callable[[pa.Table], list[Item]]


def encoding(tokenizer: Any, column: str) -> Encoding:
    """How the records of a source become items: whole texts, or the answers of conversations."""

    def texts(batch: pa.Table) -> list[Item]:
        found = [text or "" for text in batch[column].to_pylist()]
        first = [~token for token in opening(tokenizer)]
        ids = plain_ids(tokenizer, found)
        return [
            Item([np.array(first + made, np.int64)], len(text.encode())) for text, made in zip(found, ids, strict=True)
        ]

    def chats(batch: pa.Table) -> list[Item]:
        special = frozenset(tokenizer.all_special_ids)
        return [answers(tokenizer, messages or [], special) for messages in batch[column].to_pylist()]

    return texts if column == "text" else chats


def answers(tokenizer: Any, messages: list[Any], special: frozenset[int]) -> Item:
    """The answers of a conversation, without the special tokens in them."""
    spellings = [spelled(tokenizer, rendering) for rendering in renderings(tokenizer, messages)]
    flags = [[flag and token not in special for token, flag in zip(s.ids, s.is_answer, strict=True)] for s in spellings]
    sequences = [np.array(signed(s.ids, flag), np.int64) for s, flag in zip(spellings, flags, strict=True)]
    sizes = [sum(counted(s, flag)) for s, flag in zip(spellings, flags, strict=True)]
    return Item(sequences, sum(sizes))


def counted(spelling: Spelling, flags: Sequence[bool]) -> Iterator[int]:
    """The sizes in bytes of the tokens that a flag stands for."""
    return (size for size, flag in zip(spelling.bytes, flags, strict=True) if flag)


@dataclass(frozen=True)
class Window:
    """A stretch of tokens that the model reads at once, and the labels behind each."""

    item: int
    ids: np.ndarray
    labels: np.ndarray


def windows(items: Sequence[Item], context: int, stride: int) -> Iterator[Window]:
    """The windows of all items: each token is scored once, in the window that first reaches it.

    A window ends `stride` tokens behind the one before it and reads up to `context` tokens.
    """
    for number, item in enumerate(items):
        for sequence in item.sequences:
            ids, labels = parted(sequence)
            done, total = 0, len(ids) - 1
            while done < total:
                end = min(total, done + (stride if done else context))
                start = max(0, end - context) if stride < context else done
                wanted = labels[start + 1 : end + 1].copy()
                wanted[: done - start] = UNTRAINED
                if (wanted != UNTRAINED).any():
                    yield Window(number, ids[start:end], wanted)
                done = end


@dataclass(frozen=True)
class Scorer:
    """A model that gives the nats of items."""

    model: Any
    context: int
    stride: int
    batch_tokens: int

    def nats(self, items: Sequence[Item]) -> np.ndarray:
        """`float64` (items,): the negative log likelihood of each item's scored tokens.

        Windows of like length go through the model together, so that little of a pass is padding.
        """
        total = np.zeros(len(items))
        found = sorted(windows(items, self.context, self.stride), key=lambda window: -len(window.ids))
        with TokenLoss(self.model) as loss:
            while found:
                rows = max(1, self.batch_tokens // len(found[0].ids))
                batch, found = found[:rows], found[rows:]
                np.add.at(total, [window.item for window in batch], self.batch_nats(loss, batch))
        return total

    def batch_nats(self, loss: TokenLoss, batch: Sequence[Window]) -> np.ndarray:
        """`float64` (windows,): the nats of a few windows, padded behind to the longest."""
        import torch

        width = max(len(window.ids) for window in batch)
        ids = torch.from_numpy(np.stack([padded(window.ids, width, 0) for window in batch]))
        labels = torch.from_numpy(np.stack([padded(window.labels, width, UNTRAINED) for window in batch]))
        device = self.model.device
        with torch.no_grad():
            _, nll = loss(self.model, {"input_ids": ids.to(device)}, labels.to(device))
        counts = (labels != UNTRAINED).sum(1).tolist()
        return np.array([part.double().sum().item() for part in nll.split(counts)])
