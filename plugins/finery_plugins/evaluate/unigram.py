"""The baseline of a perplexity: a model that knows how frequent each token is, and nothing of their order."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from finery_plugins.evaluate.scoring import Item


@dataclass(frozen=True)
class Unigram:
    """Token frequencies with add-one smoothing (Laplace)."""

    nats_a_token: np.ndarray
    """`float64` (vocabulary,)."""

    def nats(self, item: Item) -> float:
        """The negative log likelihood of an item's scored tokens."""
        return float(self.nats_a_token[item.scored].sum())


def fitted(items: Iterable[Item], vocabulary: int) -> Unigram:
    """A unigram with the counts of the items' scored tokens, each one higher."""
    counts = np.ones(vocabulary)
    for item in items:
        counts += np.bincount(item.scored, minlength=vocabulary)
    return Unigram(np.log(counts.sum()) - np.log(counts))
