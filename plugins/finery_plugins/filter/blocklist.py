"""The filter `blocklist`: documents with prohibited words and phrases."""

from __future__ import annotations

from typing import Annotated

import numpy as np
from pydantic import Field, model_validator

from finery import Batch, File, Needs, Reasons, State, hookimpl, plugin
from finery_plugins.filter.rules import Rule, most, reasons
from finery_plugins.filter.telling import told
from finery_plugins.text.content import contents
from finery_plugins.text.measures import counts
from finery_plugins.text.phrases import counted, hits, named, read_phrases, unique

Phrase = Annotated[str, Field(min_length=1)]


@plugin(needs=Needs(extra="text"))
class Blocklist:
    """Drop documents with more prohibited words and phrases than allowed.

    Thousands of phrases are looked for in one pass (Aho and Corasick 1975), in lower case. A phrase has to stand whole:
    `ass` is not in `grass`. Of scripts written without spaces (Han, kana, Thai and others) it may stand anywhere, as
    in C4 (Raffel et al. 2020), where any match drops a document. The words of a phrase are a single blank apart. Each
    occurrence counts, and overlapping ones too. The detail names the phrases. Files are read once.

    ```toml
    [[stage]]
    filter = "blocklist"
    words = ["free money", "点击下载"]
    max_count = 2
    ```
    """

    words: list[Phrase] = Field(default_factory=list)
    """Prohibited words and phrases."""

    files: list[File] = Field(default_factory=list)
    """Files of them, UTF-8, one a line; lines that begin with `#` are comments."""

    max_count: Annotated[int, Field(ge=0)] | None = 0
    """Most occurrences in a document; by default a single one drops it."""

    max_share: Annotated[float, Field(ge=0)] | None = None
    """Most occurrences a word of the document (of scripts without spaces, a character)."""

    whole: bool = True
    """Whether a phrase of a script with spaces has to stand whole."""

    column: str | None = None
    """The column to look at; by default all text of a record, whatever its shape."""

    @model_validator(mode="after")
    def something_is_asked(self) -> Blocklist:
        """Raise ValueError without a phrase or a bound."""
        if not self.files and not unique(self.words):
            raise ValueError('say what is prohibited: words = ["..."], or files = ["words.txt"]')
        if self.max_count is None and self.max_share is None:
            raise ValueError("say what is too much: max_count = 0, or max_share = 0.01")
        return self

    @hookimpl
    def prepare(self) -> State:
        """The phrases as they are compared, `{"phrases": [...]}`. Raises UsageError for a file that cannot be read."""
        listed = [phrase for path in self.files for phrase in read_phrases(path)]
        return {"phrases": list(unique([*self.words, *listed]))}

    @hookimpl
    def filter(self, batch: Batch, state: State) -> Reasons:
        """`blocked` with the number of occurrences, `often-blocked` with their number a word."""
        texts, phrases = contents(batch, self.column), tuple(state["phrases"])
        found = hits(texts, phrases, self.whole)
        many = counted(found, len(batch))
        rules: list[Rule] = most("blocked", many, self.max_count)
        if self.max_share is not None:
            rules += most("often-blocked", many / np.maximum(counts(texts).words, 1), self.max_share)
        return told(reasons(rules, len(batch)), named(found, phrases))
