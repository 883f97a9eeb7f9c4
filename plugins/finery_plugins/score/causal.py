"""What a causal language model makes of texts: nats and tokens of each, a record at a time."""

from __future__ import annotations

import functools
import threading
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from finery import Model

BATCH_TOKENS = 16_384
"""Tokens in one forward pass, padding included."""


@dataclass(frozen=True)
class Reader:
    """A model that is ready to score, and what turns texts into its tokens."""

    scorer: Any
    encode: Any
    lock: Any = field(default_factory=threading.Lock)
    """The loss hooks into the model, so only one thread may use it."""


def measured(
    texts: pa.Array, model: str, context: int | None, stride: int | None, where: str
) -> tuple[np.ndarray, np.ndarray]:
    """`float64` and `int64` (n,): the nats of each text's tokens, and how many there are.

    The windows of one text go through the model together, those of two texts never do: with other neighbours sums of
    floats come out otherwise, and a record's score would depend on its batch. Raises MissingExtra without torch,
    UsageError for a model that cannot be loaded or knows fewer positions.
    """
    reader = opened(model, context, stride, where)
    items = reader.encode(pa.table({"text": texts})) if len(texts) else []
    with reader.lock:
        nats = [float(reader.scorer.nats([item])[0]) for item in items]
    return np.array(nats, np.float64), np.array([len(item.scored) for item in items], np.int64)


@functools.cache
def opened(name: str, context: int | None, stride: int | None, where: str) -> Reader:
    """A model in a folder or on a hub, loaded once a process."""
    from finery_plugins.train.site import demand, quieten

    demand(where, "torch", "transformers", "tokenizers")
    from finery_plugins.evaluate.scoring import Scorer, encoding
    from finery_plugins.train.architecture import context_of, loaded_model
    from finery_plugins.train.tokenizer import loaded_tokenizer

    quieten(1)
    model = Model(Path(name), name, name)
    network = loaded_model(model, where).eval().requires_grad_(False)
    size = context_of(network, context, where)
    scorer = Scorer(network, size, min(stride or max(size // 2, 1), size), BATCH_TOKENS)
    return Reader(scorer, encoding(loaded_tokenizer(model, where), "text"))
