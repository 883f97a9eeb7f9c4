"""The score `statistics`: what can be counted in a document."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from typing import Annotated, Any, Literal

import numpy as np
import pyarrow as pa
from pydantic import Field, model_validator

from finery import Batch, HubFile, Needs, hookimpl, missing_extra, plugin
from finery_plugins.text.content import contents
from finery_plugins.text.measures import Counts, byte_lengths, counts, distinct_lines, distinct_words

Column = Literal[
    "characters",
    "words",
    "lines",
    "bytes",
    "punctuation_share",
    "mean_word_length",
    "type_token_ratio",
    "duplicate_line_share",
    "compression_ratio",
    "tokens",
]

COUNTED: tuple[Column, ...] = ("characters", "words", "lines", "punctuation_share", "mean_word_length")
"""The columns that one pass of counting gives."""

COUNTLESS: tuple[Column, ...] = ("bytes", "type_token_ratio", "duplicate_line_share", "compression_ratio")
"""The columns that are measured one by one."""

LEVEL = 1
"""Zstandard's level: enough to tell repetition from prose, at hundreds of megabytes a second."""


@plugin(needs=Needs(extra="text"), releases_gil=True)
class Statistics:
    """Add counts and ratios of each document's text: its size, punctuation, variety and repetition.

    - `characters` (code points), `words`, `lines`, `bytes` (UTF-8). Words are split at white space; of
      scripts written without spaces each character is a word.
    - `punctuation_share`: characters that are punctuation or symbols (Unicode P and S), of all.
    - `mean_word_length`: characters that are no white space, a word.
    - `type_token_ratio`: different words of all words, in lower case and without punctuation.
    - `duplicate_line_share`: lines that repeat an earlier one, of those that are not blank.
    - `compression_ratio`: bytes over bytes after Zstandard at level 1; high is repetitive, and under about
      100 bytes the frame's own bytes weigh.
    - `tokens`, where `tokenizer` is given: without special tokens.

    A ratio of nothing is null, such as the mean word length of an empty document.

    ```toml
    [[stage]]
    score = "statistics"
    columns = ["words", "compression_ratio"]
    ```
    """

    columns: Annotated[list[Column], Field(min_length=1)] | None = None
    """The columns to add; by default all, `tokens` where a tokenizer is given."""

    tokenizer: HubFile | None = None
    """A folder or hub name of the tokenizer that counts `tokens`; needs the extra `train`."""

    column: str | None = None
    """The column to measure; by default all text of a record, whatever its shape."""

    @model_validator(mode="after")
    def tokens_have_a_tokenizer(self) -> Statistics:
        """Raise ValueError where tokens are to be counted and nothing says by what."""
        if self.tokenizer is None and "tokens" in (self.columns or ()):
            raise ValueError("the column 'tokens' needs a tokenizer: add tokenizer = \"folder or hub name\"")
        return self

    @property
    def wanted(self) -> list[Column]:
        """The columns to add, in order."""
        tokens: tuple[Column, ...] = ("tokens",) if self.tokenizer else ()
        return self.columns or [*COUNTED, *COUNTLESS, *tokens]

    @hookimpl
    def score(self, batch: Batch) -> Mapping[str, pa.Array]:
        """One column a statistic: counts are `int64`, ratios `float64`."""
        texts = contents(batch, self.column)
        counted = counts(texts) if set(self.wanted) & set(COUNTED) else None
        return {name: self.measured(name, texts, counted) for name in self.wanted}

    def measured(self, name: Column, texts: pa.Array, counted: Counts | None) -> pa.Array:
        """One statistic of each text."""
        if counted is not None and name in COUNTED:
            return from_counts(name, counted)
        if name == "tokens":
            return token_counts(texts, str(self.tokenizer))
        return MEASURES[name](texts)


def from_counts(name: Column, counted: Counts) -> pa.Array:
    """A statistic that follows from counts."""
    if name == "punctuation_share":
        return ratio(counted.marks, counted.characters)
    if name == "mean_word_length":
        return ratio(counted.characters - counted.spaces, counted.words)
    return pa.array(getattr(counted, name))


def ratio(part: np.ndarray, whole: np.ndarray) -> pa.Array:
    """`float64` (n,): part of whole, null where the whole is nothing."""
    return pa.array(part / np.maximum(whole, 1), mask=whole == 0)


def byte_counts(texts: pa.Array) -> pa.Array:
    """`int64` (n,): bytes of UTF-8."""
    return pa.array(byte_lengths(texts))


def type_token_ratio(texts: pa.Array) -> pa.Array:
    """`float64` (n,): different words of all words."""
    words, different = distinct_words(texts)
    return ratio(different, words)


def duplicate_line_share(texts: pa.Array) -> pa.Array:
    """`float64` (n,): lines that repeat an earlier one, of those that are not blank."""
    lines, different = distinct_lines(texts)
    return ratio(lines - different, lines)


def compression_ratio(texts: pa.Array) -> pa.Array:
    """`float64` (n,): bytes over compressed bytes, each text for itself."""
    compress = pa.Codec("zstd", compression_level=LEVEL).compress
    packed = [len(compress(text, asbytes=True)) for text in texts.cast(pa.large_binary()).to_pylist()]
    sizes = byte_lengths(texts)
    return pa.array(sizes / np.maximum(np.array(packed, np.int64), 1), mask=sizes == 0)


MEASURES = {
    "bytes": byte_counts,
    "type_token_ratio": type_token_ratio,
    "duplicate_line_share": duplicate_line_share,
    "compression_ratio": compression_ratio,
}


def token_counts(texts: pa.Array, name: str) -> pa.Array:
    """`int64` (n,): tokens of each text, without special tokens."""
    encode = tokenizer(name)
    return pa.array([len(tokens) for tokens in encode(texts.to_pylist())] if len(texts) else [], pa.int64())


@functools.cache
def tokenizer(name: str) -> Any:
    """A function from texts to their tokens. Raises MissingExtra without transformers."""
    try:
        from transformers import AutoTokenizer
    except ImportError:
        raise missing_extra("score 'statistics'", "transformers", "train") from None
    loaded = AutoTokenizer.from_pretrained(name)
    rust = getattr(loaded, "backend_tokenizer", None)
    if rust is not None:
        return functools.partial(rust.encode_batch_fast, add_special_tokens=False)
    return lambda texts: loaded(texts, add_special_tokens=False, verbose=False)["input_ids"]
