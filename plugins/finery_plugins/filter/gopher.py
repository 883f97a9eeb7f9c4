"""The filter `gopher`: Gopher's quality rules."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from finery import Batch, Memo, Needs, Reasons, hookimpl, plugin
from finery_plugins.filter.rules import Rule, least, most, reasons
from finery_plugins.text.content import text
from finery_plugins.text.quality import Gopher as Measured
from finery_plugins.text.quality import gopher, share

Count = Annotated[int, Field(ge=0)]
Length = Annotated[float, Field(ge=0, allow_inf_nan=False)]
Share = Annotated[float, Field(ge=0, allow_inf_nan=False)]

Code = Literal[
    "few-words",
    "many-words",
    "short-words",
    "long-words",
    "many-hashes",
    "many-ellipses",
    "many-bullets",
    "many-ellipsis-lines",
    "few-letters",
    "few-stop-words",
]

STOP_WORDS = ["the", "be", "to", "of", "and", "that", "have", "with"]
"""Rae et al. 2021, appendix A1.1."""

BULLETS = {"paper": "•●‣◦▪■*-–", "datatrove": "•-"}
"""What a bullet is: the paper does not say; datatrove 0.10.1 knows two."""


@plugin(needs=Needs(extra="text"), releases_gil=True)
class Gopher:
    """Drop documents that do not read like prose, by Gopher's quality rules.

    The rules and their bounds are those of Rae et al. 2021 (arXiv 2112.11446, appendix A1.1). The presets differ in
    what they count:

    - `paper`: words are split at white space, and of scripts written without spaces (Han, kana, Thai and others) each
      character is a word; lines are those that are not blank; stop words are found in any case of A to Z and with
      marks around them.
    - `datatrove`: what datatrove 0.10.1 counts. Marks are words too, but not in the number and mean length of words;
      lines are those of `str.splitlines()`, blank ones too; a stop word has to stand as it is written. datatrove
      finds words with spaCy, which takes four fifths of its time; here a short list of spaCy's rules does: marks
      around a word, contractions, and marks between letters are split off, its dictionary of exceptions and its
      pattern of addresses are not used. Technical text fails its letter rule often, because marks have no letter.

    The stop words and the length of words are English: for Chinese name other stop words and
    `skip = ["short-words"]`.

    ```toml
    [[stage]]
    filter = "gopher"
    preset = "datatrove"
    skip = ["many-hashes"]
    ```
    """

    preset: Literal["paper", "datatrove"] = "paper"
    """Whose definition of words, lines, bullets and stop words."""

    min_words: Count | None = 50
    """Fewest words."""

    max_words: Count | None = 100_000
    """Most words."""

    min_mean_word_length: Length | None = 3
    """Least mean length of words, in characters."""

    max_mean_word_length: Length | None = 10
    """Greatest mean length of words, in characters."""

    max_hashes: Share | None = 0.1
    """Most number signs a word."""

    max_ellipses: Share | None = 0.1
    """Most ellipses (`...` or `…`) a word."""

    max_bullet_lines: Share | None = 0.9
    """Greatest share of lines that begin with a bullet."""

    max_ellipsis_lines: Share | None = 0.3
    """Greatest share of lines that end in an ellipsis."""

    min_words_with_letter: Share | None = 0.8
    """Least share of words with at least one letter."""

    min_stop_words: Count | None = 2
    """Fewest different stop words."""

    stop_words: Annotated[list[Annotated[str, Field(min_length=1)]], Field(max_length=1000)] = Field(
        default_factory=lambda: list(STOP_WORDS)
    )
    """The stop words; by default Gopher's eight English ones."""

    bullets: str | None = None
    """The characters that are bullets; by default the preset's."""

    skip: list[Code] = Field(default_factory=list)
    """Rules that are not applied, by the reasons they give."""

    column: str | None = None
    """The column to measure; by default all text of a record, whatever its shape."""

    @model_validator(mode="after")
    def bounds_leave_room(self) -> Gopher:
        """Raise ValueError where a least stands above its most."""
        for unit in ("words", "mean_word_length"):
            low, high = getattr(self, f"min_{unit}"), getattr(self, f"max_{unit}")
            if low is not None and high is not None and low > high:
                raise ValueError(f"min_{unit} = {low} is more than max_{unit} = {high}: nothing would stay")
        return self

    @hookimpl
    def filter(self, batch: Batch, memo: Memo) -> Reasons:
        """The first rule that fails, in the order of the options, with value and bound."""
        bullets = BULLETS[self.preset] if self.bullets is None else self.bullets
        read = text(batch, self.column, memo)
        seen = gopher(read.array, self.preset == "datatrove", self.stop_words, bullets, read.keep)
        applied = [rule for rule in self.rules(seen) if rule.code not in self.skip]
        return reasons(applied, len(batch))

    def rules(self, seen: Measured) -> list[Rule]:
        """All rules that have a bound."""
        length = share(seen.letters, seen.counted)
        return [
            *least("few-words", seen.counted, self.min_words),
            *most("many-words", seen.counted, self.max_words),
            *least("short-words", length, self.min_mean_word_length),
            *most("long-words", length, self.max_mean_word_length),
            *most("many-hashes", share(seen.hashes, seen.words), self.max_hashes),
            *most("many-ellipses", share(seen.ellipses, seen.words), self.max_ellipses),
            *most("many-bullets", share(seen.bullets, seen.lines), self.max_bullet_lines),
            *most("many-ellipsis-lines", share(seen.trailing, seen.lines), self.max_ellipsis_lines),
            *least("few-letters", share(seen.with_letter, seen.words), self.min_words_with_letter),
            *least("few-stop-words", seen.stop_words, self.min_stop_words),
        ]
