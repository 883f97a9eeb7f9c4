"""The score `perplexity`: how surprising a text is to a model of a reference, or to a causal language model."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Annotated, Literal

import numpy as np
import pyarrow as pa
from pydantic import Field, model_validator

from finery import Batch, DataError, Dataset, File, HubFile, Needs, Stage, State, hookimpl, plugin
from finery_plugins.score.causal import measured
from finery_plugins.text.content import contents
from finery_plugins.text.corpora import Corpus, known, sample
from finery_plugins.text.measures import byte_lengths
from finery_plugins.text.ngram_model import fitted, nats, pieces_of

UNITS = {"bytes": 0, "characters": 1, "words": 2}
"""The units as the kernels number them."""

BYTE, POINTS = math.log(257), math.log(0x110000)
"""Nats of one of 256 bytes and an end, and of one of Unicode's code points, all alike."""

SPELLINGS = {"bytes": (0.0, 0.0), "characters": (POINTS, 0.0), "words": (BYTE, BYTE)}
"""What an unknown piece costs beside what being unknown costs: for itself, and for each of its bytes."""


@plugin(needs=Needs(extra="text"), releases_gil=True)
class Perplexity:
    """Add the perplexity of each text and its bits per byte, under an n-gram model or a causal language model.

    The n-gram model is fitted to a reference before the first batch, with interpolated modified Kneser-Ney smoothing
    (Chen and Goodman 1998), as CCNet's are (Wenzek et al. 2020; they take 5-grams of SentencePiece tokens of
    Wikipedia, and cut each language in thirds). It predicts the text whole, to the last space: of an unknown word every
    byte costs one of 257, so bits per byte compare across units and models. The end of a text counts as a piece. The
    reference's own records score well because the model has seen them.

    ```toml
    [[stage]]
    score = "perplexity"
    reference = ["encyclopedia"]
    ```

    ```toml
    [[stage]]
    score = "perplexity"
    causal = "models/small"
    ```
    """

    reference: list[str] = Field(default_factory=list)
    """Sources of the pipeline that the n-gram model is fitted to."""

    reference_files: list[File] = Field(default_factory=list)
    """Files, folders or globs to fit it to: a row of `.jsonl`, `.csv`, `.tsv`, `.parquet` each, or a line of `.txt`,
    also `.gz`."""

    unit: Literal["words", "characters", "bytes"] = "words"
    """What the n-gram model predicts. Marks and the characters of scripts without spaces are words of their own, a
    word has the space before it."""

    order: Annotated[int, Field(ge=1, le=12)] = 3
    """Longest n-gram; 5 or more for characters and bytes."""

    min_count: Annotated[int, Field(ge=1)] = 2
    """Words and characters that the reference has less often count as unknown there, so that the model learns how
    often unknown ones come."""

    reference_bytes: Annotated[int, Field(ge=1000)] = 10_000_000
    """Bytes of different texts that are fitted to at most, drawn by a hash of the text: this bounds the memory. Fitting
    9.4 MB took 310 MB for words (order 3) and 830 MB for bytes (order 5); a worker holds 24 to 48 bytes for each
    different n-gram, 67 MB in either case."""

    causal: HubFile | None = None
    """A folder or hub name of a causal language model in place of the n-gram model; needs the extra `train`."""

    context: Annotated[int | None, Field(ge=8)] = None
    """Tokens in a window of the causal model; where not given, the model's own, 2,048 at most."""

    stride: Annotated[int | None, Field(ge=1)] = None
    """Tokens scored in each window behind the first; where not given, half of `context`, so that every later token is
    predicted from at least as many. Equal to `context`, windows do not overlap and it takes half as long."""

    column: str | None = None
    """The column to look at; by default all text of a record, whatever its shape."""

    @model_validator(mode="after")
    def one_model_is_named(self) -> Perplexity:
        """Raise ValueError where there is no model, or there are two."""
        if (self.causal is not None) == bool(self.reference or self.reference_files):
            remedy = 'give one of reference = ["source"], reference_files = ["file"] and causal = "model"'
            raise ValueError(f"there {'are two models' if self.causal else 'is no model'}: {remedy}")
        return self

    @hookimpl
    def prepare(self, dataset: Dataset) -> State:
        """The n-gram model as a table; None where no record is left or a causal model is named.

        Raises PipelineError for a source that is not there, DataError for a reference without text, UsageError or
        DataError for a file that cannot be read.
        """
        if self.causal is not None or not dataset.records:
            return None
        known(dataset, reference=self.reference)
        corpus = Corpus(dataset, self.reference, self.reference_files, self.column)
        texts = sample(corpus.texts, size=self.reference_bytes)
        if not len(texts):
            fault = f"holds no text that fits into {self.reference_bytes:,} bytes"
            raise DataError.at("perplexity: 'reference'", fault, "name sources or files with text")
        closed = 257 if self.unit == "bytes" else None
        least = 1 if self.unit == "bytes" else self.min_count
        return fitted(pieces_of(texts, UNITS[self.unit]), self.order, least, closed)

    @hookimpl
    def score(self, batch: Batch, state: State, stage: Stage) -> Mapping[str, pa.Array]:
        """`perplexity` (a piece, or a token of the causal model) and `bits_per_byte`; null for an empty text."""
        texts = contents(batch, self.column)
        size = byte_lengths(texts)
        total, count = self.measured(texts, state, stage)
        empty = (size == 0) | (count == 0)
        with np.errstate(over="ignore"):
            perplexity = np.exp(total / np.maximum(count, 1))
        bits = total / math.log(2) / np.maximum(size, 1)
        return {"perplexity": pa.array(perplexity, mask=empty), "bits_per_byte": pa.array(bits, mask=empty)}

    def measured(self, texts: pa.Array, state: State, stage: Stage) -> tuple[np.ndarray, np.ndarray]:
        """`float64` and `int64` (n,): nats of each text, and the pieces or tokens that they are of."""
        if self.causal is not None:
            return measured(texts, self.causal, self.context, self.stride, f"score '{stage.id}'")
        if state is None:
            return np.zeros(len(texts)), np.zeros(len(texts), np.int64)
        pieces = pieces_of(texts, UNITS[self.unit])
        return nats(pieces, state, SPELLINGS[self.unit]), np.diff(pieces.ends) - 1
