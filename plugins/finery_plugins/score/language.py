"""The score `language`: which language a document is in, and how sure that is."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated

import pyarrow as pa
from pydantic import Field

from finery import Batch, Needs, hookimpl, plugin
from finery_plugins.text.content import contents
from finery_plugins.text.language import identified


@plugin(needs=Needs(extra="text"), releases_gil=True)
class LanguageScore:
    """Add the language of each document and its probability among the 140 that the model knows.

    The model is py3langid's, in its wheel: no download. A text without letters is `und` with probability 0.

    ```toml
    [[stage]]
    score = "language"
    max_characters = 500
    ```
    """

    max_characters: Annotated[int, Field(ge=1)] = 1000
    """How much of a document's beginning is read; more is slower and hardly more certain."""

    column: str | None = None
    """The column to read; by default all text of a record, whatever its shape."""

    @hookimpl
    def score(self, batch: Batch) -> Mapping[str, pa.Array]:
        """`language` (ISO 639 code) and `language_confidence` (0 to 1)."""
        found, confidence = identified(contents(batch, self.column), self.max_characters)
        return {"language": found, "language_confidence": confidence}
