"""The score `importance`: how much likelier a text is in a target's words than in the words of all (DSIR)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated

import numpy as np
import pyarrow as pa
from pydantic import Field, model_validator

from finery import Batch, DataError, Dataset, File, Memo, Needs, State, hookimpl, plugin
from finery_plugins.text.corpora import Corpus, known
from finery_plugins.text.linear import grams
from finery_plugins.text.measures import frozen
from finery_plugins.text.wordlists import Words, as_words, word_lists, words_of

WIDEST = 690.0
"""Nats beyond which a weight stays as it is: e^690 is near the largest float there is."""


@plugin(needs=Needs(extra="text"), releases_gil=True)
class Importance:
    """Add the log importance weight of each text towards a target, as DSIR does (Xie et al. 2023).

    Two bags of hashed n-grams are fitted, one to the target and one to the raw sources; the weight is the ratio of the
    two likelihoods of a text, in nats: a sum over its n-grams, so long texts have large weights of either sign.
    From the paper: words and pairs of words in lower case, 10,000 buckets. Ours: words are Finery's (without marks,
    characters in scripts without spaces), and counts begin at 1, where the authors' code adds 1e-8 to a share.
    `mix = "importance"` draws by it; `filter = "keep"` takes the best without chance.

    ```toml
    [[stage]]
    score = "importance"
    target = ["domain"]
    ```
    """

    target: list[str] = Field(default_factory=list)
    """Sources of the pipeline whose words are the target."""

    target_files: list[File] = Field(default_factory=list)
    """Files, folders or globs of target texts: a row of `.jsonl`, `.csv`, `.tsv`, `.parquet` each, or a line of
    `.txt`, also `.gz`."""

    raw: list[str] = Field(default_factory=list)
    """Sources that the target is held against; by default all that the stage sees but the target."""

    ngram: Annotated[int, Field(ge=1, le=5)] = 2
    """Longest n-gram; shorter ones count too."""

    buckets: Annotated[int, Field(ge=16, le=1 << 24)] = 10_000
    """Numbers that n-grams are hashed to."""

    column: str | None = None
    """The column to look at; by default all text of a record, whatever its shape."""

    @model_validator(mode="after")
    def a_target_is_named(self) -> Importance:
        """Raise ValueError where there is no target, or a source is both."""
        if not (self.target or self.target_files):
            raise ValueError("there is no target: give target = [...] or target_files = [...]")
        if both := sorted(set(self.target) & set(self.raw)):
            raise ValueError(f"'{both[0]}' is both target and raw: name it in one of them")
        return self

    @hookimpl
    def prepare(self, dataset: Dataset) -> State:
        """A table of `weight`, `float64` (buckets,): nats for each n-gram; None where no record is left.

        Raises PipelineError for a source that is not there or where there is nothing raw, DataError for a target
        without words, UsageError or DataError for a file that cannot be read.
        """
        if not dataset.records:
            return None
        known(dataset, target=self.target, raw=self.raw)
        raw = self.raw or [name for name in dataset.sources if name not in self.target]
        wanted = self.counts(Corpus(dataset, self.target, self.target_files, self.column))
        there = self.counts(Corpus(dataset, raw, [], self.column))
        for name, counts in (("target", wanted), ("raw", there)):
            if not counts.any():
                raise DataError.at(f"importance: '{name}'", "holds no words", "name sources or files with text")
        return pa.table({"weight": pa.array(log_shares(wanted) - log_shares(there))})

    def counts(self, corpus: Corpus) -> np.ndarray:
        """`int64` (buckets,): how often each bucket is met in a body of text."""
        counts = np.zeros(self.buckets, np.int64)
        for texts in corpus.texts():
            words = as_words(word_lists(texts))
            grams().counted(words.offsets, words.hashes, self.ngram, self.room(words), counts)
        return counts

    @hookimpl
    def score(self, batch: Batch, state: State, memo: Memo) -> Mapping[str, pa.Array]:
        """`importance` (nats) and `importance_weight`, its exponential within e^-690 and e^690.

        Both are null for a text without words.
        """
        if state is None:
            return dict.fromkeys(("importance", "importance_weight"), pa.nulls(len(batch), pa.float64()))
        words = words_of(batch, self.column, memo)
        nats, weights = np.zeros(len(batch)), frozen(np.array(state["weight"].to_numpy()))
        grams().summed(words.offsets, words.hashes, self.ngram, weights, self.room(words), nats)
        empty = words.offsets[1:] == words.offsets[:-1]
        heavy = np.exp(np.clip(nats, -WIDEST, WIDEST))
        return {"importance": pa.array(nats, mask=empty), "importance_weight": pa.array(heavy, mask=empty)}

    def room(self, words: Words) -> np.ndarray:
        """Space for the buckets of the longest text."""
        return np.empty(int(np.diff(words.offsets).max(initial=0)) * self.ngram + 1, np.int64)


def log_shares(counts: np.ndarray) -> np.ndarray:
    """`float64` (buckets,): the log share of each bucket, all counts one higher."""
    return np.asarray(np.log(counts + 1.0) - np.log(counts.sum() + len(counts)))
