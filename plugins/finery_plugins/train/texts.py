"""Plain text for training: a tokenizer for it, its tokens, and how much of it a budget needs."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pyarrow as pa

from finery import Dataset, Model
from finery_plugins.train.early import EarlyStopping
from finery_plugins.train.records import Encode, Records, Sizes, sample, shaped, sizes
from finery_plugins.train.site import Site
from finery_plugins.train.tokenizer import documents, kept_tokenizer, loaded_tokenizer, trained_tokenizer
from finery_plugins.train.tokens import Tokens, tokenised
from finery_plugins.train.vocabulary import Kind
from finery_plugins.train.workers import in_turn


@dataclass(frozen=True)
class Fit:
    """How a tokenizer is fitted to the records."""

    kind: Kind
    vocabulary: int
    bytes: int
    """Bytes of text that it is fitted to at most."""
    context: int
    masks: bool = False
    """Whether there is a token to mask with."""


@dataclass(frozen=True)
class Texts:
    """The texts of a split, and what a first look found of them."""

    records: Records
    found: Sizes
    site: Site

    def tokenizer(self, model: Model | None, fit: Fit) -> Any:
        """The model's tokenizer, or one fitted to the texts; an interrupted call's is used again."""
        if model is not None:
            return loaded_tokenizer(model, self.site.place)
        folder = self.site.out / "tokenizer"
        with in_turn():
            if not folder.exists():
                texts = sample(self.records, "text", self.found.below(fit.bytes))
                beside = folder.with_name("tokenizer.unfinished")
                made = trained_tokenizer(texts, fit.vocabulary, fit.context, fit.kind, fit.masks)
                made.save_pretrained(beside)
                beside.rename(folder)
        return kept_tokenizer(folder)

    def tokens(self, tokenizer: Any, budget: float) -> Tokens:
        """The tokens of as many texts, drawn by chance, as hold `budget` tokens."""
        under = self.found.below(self.needed_bytes(budget, tokenizer))
        return tokenised(self.records, ["text"], encoding(tokenizer), under, self.site)

    def needed_bytes(self, budget: float, tokenizer: Any) -> float:
        """How many bytes of text hold `budget` tokens, a tenth more for safety, as 1 MB of the texts shows."""
        if math.isinf(budget):
            return math.inf
        texts = sample(self.records, "text", self.found.below(1_000_000))
        size = sum(len(text.encode()) for text in texts)
        return budget * 1.1 * size / sum(map(len, documents(tokenizer, texts)))

    def held(self, tokenizer: Any, early: EarlyStopping | None) -> Tokens | None:
        """The tokens that early stopping holds out. Raises DataError where there are none."""
        if early is None:
            return None
        records = Records(self.records.examples, self.records.stage, early.split, whole=False)
        return tokenised(records, ["text"], encoding(tokenizer), 1.0, self.site, "held-out")


def texts_of(examples: Dataset, split: str, name: str, site: Site) -> Texts:
    """The texts of a split. Raises DataError where a source has none, or the split is empty."""
    records = Records(examples, site.stage, split)
    shaped(records, ["text"], f"{name} reads text: name the sources that have it in `only`")
    return Texts(records, sizes(records, "text"), site)


def encoding(tokenizer: Any) -> Encode:
    """Text to tokens, a loss taken on each."""

    def encode(batch: pa.Table) -> Iterator[tuple[int, list[int]]]:
        texts = [text or "" for text in batch["text"].to_pylist()]
        yield from enumerate(documents(tokenizer, texts))

    return encode
