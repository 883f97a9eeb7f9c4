"""The dedupe `minhash`: near-duplicates by MinHash signatures, verified by their true overlap."""

from __future__ import annotations

from typing import Annotated

import pyarrow as pa
from pydantic import Field

from finery import Batch, Needs, hookimpl, plugin
from finery_plugins.text.content import contents
from finery_plugins.text.measures import minhash_keys, similarities


@plugin(needs=Needs(extra="text"), releases_gil=True)
class MinHash:
    """Find documents that share most of their word sequences.

    A document is the set of its shingles, the runs of `ngram` words; words are split at white space, in lower
    case and without punctuation and symbols, and of scripts written without spaces (Han, kana, Thai and
    others) each character is a word. Two documents that share a band of MinHash values (Broder 1997) are
    candidates, and candidates whose Jaccard index is at least `threshold` are duplicates. With b bands of r
    rows a pair of Jaccard index s becomes a candidate with probability 1 - (1 - s^r)^b; the defaults are
    FineWeb's (Penedo et al. 2024), 0.92 at 0.8 and 0.9996 at 0.9. FineWeb does not verify; where it was
    tried, one removal in twenty was then of documents alike by less than half. A document of fewer than
    `ngram` words is a duplicate of those with the same words, one without words of those with the same bytes.

    ```toml
    [[stage]]
    dedupe = "minhash"
    threshold = 0.7
    bands = 20
    rows = 5
    ```
    """

    ngram: Annotated[int, Field(ge=1, le=100)] = 5
    """Words a shingle."""

    bands: Annotated[int, Field(ge=1, le=1000)] = 14
    """Bands: more find more duplicates, and cost a key each."""

    rows: Annotated[int, Field(ge=1, le=100)] = 8
    """MinHash values a band: more make fewer false candidates."""

    threshold: Annotated[float, Field(gt=0, le=1)] = 0.8
    """Least Jaccard index of duplicates."""

    column: str | None = None
    """The column to compare; by default all text of a record, whatever its shape."""

    @hookimpl
    def dedupe(self, batch: Batch) -> pa.Array:
        """`large_list<uint64>`: one key a band."""
        return minhash_keys(contents(batch, self.column), self.ngram, self.bands, self.rows)

    @hookimpl
    def same(self, left: Batch, right: Batch) -> pa.Array:
        """The Jaccard index of row i of both, null below the threshold; 1 for equal short documents."""
        alike = similarities(contents(left, self.column), contents(right, self.column), self.ngram)
        return pa.array(alike, mask=alike < self.threshold)
