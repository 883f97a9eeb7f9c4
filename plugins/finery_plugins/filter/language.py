"""The filter `language`: documents in other languages, or in none that can be told."""

from __future__ import annotations

from typing import Annotated

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from pydantic import Field

from finery import Batch, Needs, PipelineError, Reasons, did_you_mean, hookimpl, plugin
from finery_plugins.text.content import contents, one_chunk
from finery_plugins.text.language import UNDETERMINED, LanguageModel, identified, languages

SCORED = ("language", "language_confidence")
"""The columns that `score = "language"` adds."""

Code = Annotated[str, Field(pattern="^[a-z]{2,3}$")]


@plugin(needs=Needs(extra="text"), releases_gil=True)
class Language:
    """Drop documents in languages that are not to be kept, or whose language is not certain enough.

    The models are those of `score = "language"`, which tells them apart; both lie in wheels, no download. Where that
    score went before, its columns are used, whatever `identifier` says, and nothing is identified twice. A text without
    letters is `und`, undetermined.

    ```toml
    [[stage]]
    filter = "language"
    keep = ["en", "zh"]
    ```
    """

    keep: Annotated[list[Code], Field(min_length=1)] = Field(default_factory=lambda: ["en"])
    """The languages to keep, by ISO 639 code; `und` keeps texts without letters."""

    min_confidence: Annotated[float, Field(ge=0, le=1)] = 0.2
    """Least probability of the language found. On 2,000 English docstrings nine in ten wrong answers lie
    below 0.2, and one in twenty right ones of those under 100 characters; longer texts are nearly always
    above 0.8. That is py3langid; fasttext's are another measure, of which FineWeb asks for 0.65."""

    max_characters: Annotated[int, Field(ge=1)] = 1000
    """How much of a document's beginning is read; more is slower and hardly more certain."""

    identifier: LanguageModel = "py3langid"
    """Whose model answers; `fasttext` needs the extra `fasttext`."""

    column: str | None = None
    """The column to read; by default all text of a record, whatever its shape."""

    @hookimpl
    def filter(self, batch: Batch) -> Reasons:
        """`language` with the language in its detail, or `low-confidence`; the value is the confidence."""
        found, confidence = self.known(batch)
        known = found.fill_null(UNDETERMINED)
        other = pc.invert(pc.is_in(known, value_set=pa.array(self.keep, known.type)))
        measured = confidence.fill_null(0.0)
        unsure = np.less(measured.to_numpy(zero_copy_only=False), self.min_confidence)
        if UNDETERMINED in self.keep:  # such a text has no confidence to ask for
            unsure &= pc.not_equal(known, UNDETERMINED).to_numpy(zero_copy_only=False)
        unsure = pa.array(unsure)
        code = pc.if_else(other, "language", pc.if_else(unsure, "low-confidence", None))
        bound = pc.if_else(unsure, self.min_confidence, None)
        return Reasons(code, measured, bound, pc.if_else(pc.or_(other, unsure), known, None))

    def known(self, batch: Batch) -> tuple[pa.Array, pa.Array]:
        """Language and confidence of each record, from the score's columns if it has both."""
        if self.column is None and all(name in batch.column_names for name in SCORED):
            found, confidence = (one_chunk(batch.column(name)) for name in SCORED)
            return found.cast(pa.string()), confidence.cast(pa.float64())
        check_codes(self.keep, self.identifier)
        return identified(contents(batch, self.column), self.max_characters, self.identifier)


def check_codes(codes: list[str], model: LanguageModel) -> None:
    """Raise PipelineError for a language that the model does not know, since nothing would ever be it."""
    known = languages(model) | {UNDETERMINED}
    for code in codes:
        if code not in known:
            fault = f"the model does not know the language '{code}'{did_you_mean(code, known)}"
            raise PipelineError.at("filter 'language'", fault, f"it knows {', '.join(sorted(known))}")
