"""The dedupe `semantic`: records that say the same, by the cosine of their embeddings."""

from __future__ import annotations

from typing import Annotated

import numpy as np
import pyarrow as pa
import xxhash
from pydantic import Field

from finery import Batch, HubFile, Needs, hookimpl, plugin
from finery_plugins.text.content import contents
from finery_plugins.text.embedding import Embedding, bands_for, cosines, keys

THRESHOLD = 0.9
"""For embeddings of hashed words. Of 494 pairs of revisions of a manual page, people's own over years, 58 % are as
near, where 19 % reach MinHash's default, a Jaccard index of 0.8; of 127 pairs of pages on related commands, 13 % and
5 %. It was chosen on these pairs."""

MODEL_THRESHOLD = 0.95
"""For encoders: SemDeDup's epsilon (Abbas et al. 2023), the cosine's distance from 1, at 0.05."""


@plugin(needs=Needs(extra="text"))
class Semantic:
    """Find records that say the same in other words or another order.

    Without an `embedder`, a text is its words and pieces of words (characters and pairs of them in scripts written
    without spaces), weighted and hashed into 256 numbers: it sees through another order and small changes, not through
    synonyms. `embedder` names a transformers encoder, such as a sentence-transformers model, whose hidden states are
    averaged; that sees through synonyms, at the cost of a forward pass a record, and one more for each candidate.
    Neither heeds a changed number or a question turned round: where such texts differ in what matters, as exercises
    in arithmetic do, raise the threshold.

    Two records that share a band of cross-polytope hashes (Andoni et al. 2015) are candidates, and candidates whose
    cosine is at least `threshold` are duplicates. There are as many bands as `recall` asks for at the threshold; pairs
    that are more alike are found more often. Keys depend on the record alone, not on the data set. A record without
    words is a duplicate of those with the same bytes.

    ```toml
    [[stage]]
    dedupe = "semantic"
    threshold = 0.95
    ```
    """

    threshold: Annotated[float, Field(ge=0.7, le=1)] | None = None
    """Least cosine of duplicates; by default 0.9, with an embedder 0.95 (SemDeDup's epsilon of 0.05). Models differ in
    how near they put texts that differ: look at what goes before you trust a number."""

    embedder: HubFile | None = None
    """A folder or hub name of a transformers encoder with safetensors weights; needs the extra `train`."""

    recall: Annotated[float, Field(ge=0.5, le=0.999)] = 0.95
    """With what probability a pair right at the threshold becomes a candidate, where vectors lie in all directions."""

    rows: Annotated[int, Field(ge=1, le=4)] = 2
    """Hashes a band: 3 make fewer false candidates and more keys, and pay from about a million records."""

    column: str | None = None
    """The column to compare; by default all text of a record, whatever its shape."""

    @property
    def least(self) -> float:
        """The least cosine of duplicates."""
        usual = MODEL_THRESHOLD if self.embedder else THRESHOLD
        return usual if self.threshold is None else self.threshold

    @hookimpl
    def dedupe(self, batch: Batch) -> pa.Array:
        """`large_list<uint64>`: one key a band; one for a record without words."""
        texts = contents(batch, self.column)
        vectors = Embedding(self.embedder).vectors(texts)
        found = keys(vectors, bands_for(self.least, self.recall, self.rows, vectors.shape[1]), self.rows)
        silent = ~vectors.any(axis=1)
        wide = np.ones(found.shape, bool)
        wide[silent, 1:] = False
        found[silent, 0] = [xxhash.xxh3_64_intdigest(text.as_py().encode()) for text in texts.filter(pa.array(silent))]
        ends = np.concatenate([[0], np.cumsum(wide.sum(1))])
        return pa.LargeListArray.from_arrays(pa.array(ends, pa.int64()), pa.array(found[wide]))

    @hookimpl
    def same(self, left: Batch, right: Batch) -> pa.Array:
        """The cosine of row i of both, null below the threshold; 1 for equal records without words."""
        embedding, texts = Embedding(self.embedder), [contents(batch, self.column) for batch in (left, right)]
        one, other = map(embedding.vectors, texts)
        silent = ~one.any(axis=1) & ~other.any(axis=1)
        equal = np.array([a == b for a, b in zip(*(part.to_pylist() for part in texts), strict=True)], bool)
        alike = np.where(silent, equal.astype(np.float64), cosines(one, other))
        return pa.array(alike, mask=alike < self.least)
