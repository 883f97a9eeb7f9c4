"""The score `pii`: how many pieces of personal data of each kind a document has."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Annotated

import pyarrow as pa
from pydantic import Field, model_validator

from finery import Batch, HubFile, Needs, hookimpl, plugin
from finery_plugins.text.content import contents
from finery_plugins.text.private import Country, Search, search
from finery_plugins.text.private_patterns import Kind


@plugin(needs=Needs(extra="text"))
class PiiScore:
    """Add how many pieces of personal data and secrets a document has, in all and by kind.

    What is found, and by which rules, is told at the format `pii`.

    ```toml
    [[stage]]
    score = "pii"
    kinds = ["email", "phone"]
    ```
    """

    kinds: Annotated[list[Kind], Field(min_length=1)] | None = None
    """What counts: `secret`, `email`, `iban`, `card`, `id`, `mac`, `ip`, `phone`, `name`; by default all, names where
    a model is given."""

    ids: list[Country] | None = None
    """Countries whose national numbers count, by ISO 3166 code; by default all that are known."""

    ner: HubFile | None = None
    """A folder or hub name of a token classification model that finds names; needs the extra `train`."""

    column: str | None = None
    """The column to look at; by default all text of a record, whatever its shape."""

    @model_validator(mode="after")
    def names_have_a_model(self) -> PiiScore:
        """Raise ValueError where names are asked for and no model is given."""
        search(self.kinds, self.ids, self.ner)
        return self

    @property
    def search(self) -> Search:
        """What to look for."""
        return search(self.kinds, self.ids, self.ner)

    @hookimpl
    def score(self, batch: Batch) -> Mapping[str, pa.Array]:
        """`pii` in all, and `pii_email` and so on for each kind, `int64`."""
        looked = self.search
        found = looked.spans(contents(batch, self.column))
        counts = {row: Counter(span.kind for span in spans) for row, spans in found.items()}
        rows, none = range(len(batch)), Counter[Kind]()
        columns = {"pii": pa.array([counts.get(row, none).total() for row in rows], pa.int64())}
        for kind in looked.looked_for:
            columns[f"pii_{kind}"] = pa.array([counts.get(row, none)[kind] for row in rows], pa.int64())
        return columns
