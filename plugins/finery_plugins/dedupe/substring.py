"""The dedupe `substring`: spans of words that stood elsewhere before go, wherever they begin and end."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated

import pyarrow as pa
from pydantic import Field

from finery import Batch, Dataset, Needs, Tally, hookimpl, plugin
from finery_plugins.text.content import text_column
from finery_plugins.text.spans import as_state, bitmap, seen_twice, sizes_of, span_keys, without_spans


@plugin(needs=Needs(extra="text"), releases_gil=True)
class Substring:
    """Cut every span of `tokens` words or more that stood before, in another document or in the same.

    Words are split at white space and compared byte for byte; of scripts written without spaces (Han, kana, Thai and
    others) each character is a word. The result is that of a suffix array (Lee et al. 2022) over words: of every run
    of `tokens` words, the first occurrence stays, in the record that `prefer` names, else in that of the smallest id,
    and the words of all others go. It needs two readings before the stage, and memory for a table of fingerprints
    alone: spans without a fingerprint that was seen twice need not be compared (winnowing, Schleimer et al. 2003).

    ```toml
    [[stage]]
    dedupe = "substring"
    tokens = 50
    ```
    """

    tokens: Annotated[int, Field(ge=4, le=10_000)] = 50
    """Words of the shortest span that goes; 50 is what Lee et al. take, of a tokenizer's tokens."""

    memory_mb: Annotated[int, Field(ge=1, le=65_536)] = 512
    """Most memory for the table of fingerprints. Too little makes the stage slower, never another answer; 512 is
    enough for some 10 GB of text."""

    column: Annotated[str, Field(min_length=1)] = "text"
    """The column to cut."""

    @hookimpl
    def prepare(self, dataset: Dataset) -> pa.Table:
        """A bitmap of the fingerprints that were seen twice."""
        sizes = sizes_of(self.texts(dataset))
        return as_state(seen_twice(sizes, self.texts(dataset), self.tokens, self.memory_mb << 20))

    @hookimpl
    def dedupe(self, batch: Batch, state: pa.Table) -> pa.Array:
        """`large_list<uint64>`: a key a span. Raises PipelineError without a text column."""
        return span_keys(text_column(batch, self.column), self.tokens, bitmap(state))

    @hookimpl
    def cut(self, batch: Batch, repeated: pa.Array, state: pa.Table, tally: Tally) -> dict[str, pa.Array]:
        """The column without repeated spans; counts `passages`, stretches of words that went."""
        texts, stretches = without_spans(text_column(batch, self.column), repeated, self.tokens, bitmap(state))
        tally["passages"] += stretches
        return {self.column: texts}

    def texts(self, dataset: Dataset) -> Iterator[pa.Array]:
        """The texts, a batch at a time."""
        for batch in dataset.batches([self.column]):
            yield text_column(batch, self.column)
