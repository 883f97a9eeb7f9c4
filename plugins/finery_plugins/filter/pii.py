"""The filter `pii`: documents with more personal data than allowed."""

from __future__ import annotations

from typing import Annotated

import numpy as np
from pydantic import Field, model_validator

from finery import Batch, HubFile, Needs, Reasons, hookimpl, plugin
from finery_plugins.filter.rules import Rule, most, reasons
from finery_plugins.filter.telling import told
from finery_plugins.text.content import contents
from finery_plugins.text.measures import byte_lengths
from finery_plugins.text.private import Country, Search, kinds_said, search
from finery_plugins.text.private_patterns import Kind


@plugin(needs=Needs(extra="text"))
class PiiFilter:
    """Drop documents with more personal data and secrets than allowed.

    What is found, and by which rules, is told at the format `pii`, which redacts instead. The detail says how many of
    each kind there were, never which.

    ```toml
    [[stage]]
    filter = "pii"
    kinds = ["email", "phone", "id"]
    max_count = 3
    ```
    """

    max_count: Annotated[int, Field(ge=0)] | None = 0
    """Most pieces of personal data in a document; by default a single one drops it."""

    max_share: Annotated[float, Field(ge=0, le=1)] | None = None
    """Largest share of a document's bytes (UTF-8) that is personal data."""

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
    def names_have_a_model(self) -> PiiFilter:
        """Raise ValueError where names are asked for and no model is given, or nothing is bounded."""
        if self.max_count is None and self.max_share is None:
            raise ValueError("say what is too much: max_count = 0, or max_share = 0.01")
        search(self.kinds, self.ids, self.ner)
        return self

    @property
    def search(self) -> Search:
        """What to look for."""
        return search(self.kinds, self.ids, self.ner)

    @hookimpl
    def filter(self, batch: Batch) -> Reasons:
        """`many-personal-data` with their number, `much-personal-data` with their share."""
        texts = contents(batch, self.column)
        found = self.search.spans(texts)
        counts, shares = np.zeros((2, len(batch)))
        sizes = byte_lengths(texts)
        for row, spans in found.items():
            counts[row] = len(spans)
            shares[row] = sum(span.end - span.start for span in spans) / sizes[row]
        rules: list[Rule] = most("many-personal-data", counts, self.max_count)
        rules += most("much-personal-data", shares, self.max_share)
        return told(reasons(rules, len(batch)), {row: kinds_said(spans) for row, spans in found.items()})
