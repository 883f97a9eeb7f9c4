"""The filter `repetition`: Gopher's repetition rules."""

from __future__ import annotations

from typing import Annotated, Literal

import numpy as np
from pydantic import Field

from finery import Batch, Memo, Needs, Reasons, hookimpl, plugin
from finery_plugins.filter.rules import Rule, most, reasons
from finery_plugins.text.content import text
from finery_plugins.text.quality import Repetition as Measured
from finery_plugins.text.quality import repetition, share

Share = Annotated[float, Field(ge=0, allow_inf_nan=False)]
Size = Annotated[int, Field(ge=1, le=100)]

Code = Literal[
    "empty",
    "repeated-paragraphs",
    "repeated-paragraph-characters",
    "repeated-lines",
    "repeated-line-characters",
]

TOP = {2: 0.20, 3: 0.18, 4: 0.16}
DUPLICATE = {5: 0.15, 6: 0.14, 7: 0.13, 8: 0.12, 9: 0.11, 10: 0.10}
"""Rae et al. 2021, table A1."""


@plugin(needs=Needs(extra="text"), releases_gil=True)
class Repetition:
    """Drop documents that repeat themselves, by Gopher's repetition rules.

    The rules and their bounds are those of Rae et al. 2021 (arXiv 2112.11446, table A1). A line, paragraph or n-gram
    repeats where an equal one stands before it; the first one does not count. The paper leaves the rest open, and the
    presets fill it in:

    - `paper`: lines and paragraphs are compared without white space around them, blank ones are none, and paragraphs
      are parted by blank lines. Words are split at white space, and of scripts written without spaces (Han, kana,
      Thai and others) each character is a word. The characters of all n-grams are those of the words in them, each
      counted once (coverage), of all words' characters; the most frequent n-gram has to occur twice, and the longest
      of equally frequent ones is taken.
    - `datatrove`: what datatrove 0.10.1 counts. Lines and paragraphs are parted by newlines alone and compared as they
      stand, empty ones at the ends too. Words are those of the filter `gopher` under this preset. The most
      frequent n-gram counts as often as it occurs, with its spaces and overlaps, be it once; repeated n-grams are
      found by a greedy scan that goes on behind each. All are shares of the document's characters. An empty document
      goes.

    ```toml
    [[stage]]
    filter = "repetition"
    max_repeated_lines = 0.4
    max_top_ngrams = { 2 = 0.25, 3 = 0.2 }
    ```
    """

    preset: Literal["paper", "datatrove"] = "paper"
    """Whose definition of lines, words and n-grams."""

    max_repeated_paragraphs: Share | None = 0.30
    """Greatest share of paragraphs that repeat an earlier one."""

    max_repeated_paragraph_characters: Share | None = 0.20
    """Greatest share of characters in paragraphs that repeat an earlier one."""

    max_repeated_lines: Share | None = 0.30
    """Greatest share of lines that repeat an earlier one."""

    max_repeated_line_characters: Share | None = 0.20
    """Greatest share of characters in lines that repeat an earlier one."""

    max_top_ngrams: Annotated[dict[Size, Share], Field(max_length=20)] = Field(default_factory=lambda: dict(TOP))
    """Greatest share of characters in the most frequent n-gram, by its number of words; a size left out is no rule."""

    max_duplicate_ngrams: Annotated[dict[Size, Share], Field(max_length=20)] = Field(
        default_factory=lambda: dict(DUPLICATE)
    )
    """Greatest share of characters in n-grams that repeat an earlier one, by their number of words."""

    skip: list[Code] = Field(default_factory=list)
    """Rules that are not applied, by the reasons they give."""

    column: str | None = None
    """The column to measure; by default all text of a record, whatever its shape."""

    @hookimpl
    def filter(self, batch: Batch, memo: Memo) -> Reasons:
        """The first rule that fails, in the order of the options, with value and bound."""
        like = self.preset == "datatrove"
        read, sizes = text(batch, self.column, memo), (list(self.max_top_ngrams), list(self.max_duplicate_ngrams))
        seen = repetition(read.array, like, *sizes, read.keep)
        empty = [Rule("empty", seen.characters == 0)] if like else []
        applied = [rule for rule in [*empty, *self.line_rules(seen)] if rule.code not in self.skip]
        return reasons([*applied, *self.ngram_rules(seen)], len(batch))

    def line_rules(self, seen: Measured) -> list[Rule]:
        """The rules on paragraphs and lines."""
        rules: list[Rule] = []
        for unit, found in (("paragraph", seen.paragraphs), ("line", seen.lines)):
            whole = found.whole if self.preset == "paper" else seen.characters
            bounds = [getattr(self, f"max_repeated_{unit}{what}") for what in ("s", "_characters")]
            rules += most(f"repeated-{unit}s", share(found.again, found.all), bounds[0])
            rules += most(f"repeated-{unit}-characters", share(found.characters, whole), bounds[1])
        return rules

    def ngram_rules(self, seen: Measured) -> list[Rule]:
        """The rules on n-grams."""
        whole = seen.letters if self.preset == "paper" else seen.characters

        def measured(kind: str, size: int) -> np.ndarray:
            return share(seen.ngrams[kind, size], whole)

        rules: list[Rule] = []
        for size, bound in sorted(self.max_top_ngrams.items()):
            rules += most(f"top-{size}-gram", measured("top", size), bound)
        for size, bound in sorted(self.max_duplicate_ngrams.items()):
            rules += most(f"duplicate-{size}-grams", measured("duplicate", size), bound)
        return rules
