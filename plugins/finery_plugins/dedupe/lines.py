"""The dedupe `lines`: lines or paragraphs that stood in another document before go, and the document stays."""

from __future__ import annotations

from typing import Annotated

import pyarrow as pa
import pyarrow.compute as pc
from pydantic import Field

from finery import Batch, Needs, Tally, hookimpl, plugin
from finery_plugins.text.content import text_column
from finery_plugins.text.passages import Form, Unit, list_ends, passage_keys, without_passages


@plugin(needs=Needs(extra="text"), releases_gil=True)
class Lines:
    """Cut lines or paragraphs that stand in other documents too: menus, notices, licences, signatures.

    The first occurrence stays: that of the record that `prefer` names, else of the smallest id. A document of which
    nothing is left is a duplicate. CCNet (Wenzek et al. 2020) does so with paragraphs. The key is 64 bits: among a
    billion different passages, 0.03 wrong matches are to be expected.

    ```toml
    [[stage]]
    dedupe = "lines"
    unit = "paragraph"
    min_documents = 3
    ```
    """

    unit: Unit = "line"
    """What is compared: `line`, or `paragraph`, the lines between two blank ones."""

    normalise: Form = "whitespace"
    """What is made alike before passages are compared: `none` leaves every byte; `whitespace` brings Unicode to its
    normal form NFC, runs of white space to one space, and strips; `letters` also ignores case, white space,
    punctuation and symbols. A passage without letters and digits is then compared as it stands."""

    min_characters: Annotated[int, Field(ge=1)] = 20
    """Passages of fewer characters, counted as they are compared, stay: short ones repeat by chance."""

    min_documents: Annotated[int, Field(ge=1)] = 2
    """Passages of fewer documents stay. With 1, a passage that one document alone says again goes as well."""

    column: Annotated[str, Field(min_length=1)] = "text"
    """The column to cut."""

    @hookimpl
    def dedupe(self, batch: Batch) -> pa.Array:
        """`large_list<uint64>`: a key a passage, null for short ones. Raises PipelineError without a text column."""
        texts = text_column(batch, self.column)
        return passage_keys(texts, self.unit, self.normalise, self.min_characters)

    @hookimpl
    def cut(self, batch: Batch, repeated: pa.Array, documents: pa.Array, tally: Tally) -> dict[str, pa.Array]:
        """The column without repeated passages; counts `passages`."""
        texts = text_column(batch, self.column)
        often = pc.greater_equal(pc.list_flatten(documents), self.min_documents)
        gone = pc.and_(pc.list_flatten(repeated), often)
        tally["passages"] += pc.sum(gone).as_py() or 0
        listed = pa.LargeListArray.from_arrays(pa.array(list_ends(repeated)), gone)
        return {self.column: without_passages(texts, listed, self.unit)}
