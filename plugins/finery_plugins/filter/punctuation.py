"""The filter `punctuation`: documents with too much punctuation or too many symbols."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from finery import Batch, Needs, Reasons, hookimpl, plugin
from finery_plugins.filter.rules import Rule, most, reasons
from finery_plugins.text.content import contents
from finery_plugins.text.quality import marks, share

Share = Annotated[float, Field(ge=0, le=1)]


@plugin(needs=Needs(extra="text"), releases_gil=True)
class Punctuation:
    """Drop documents with too much punctuation or too many symbols.

    Marks are what Unicode calls punctuation (categories P) and symbols (S: `+`, `$`, `→`, emoji); their share is of
    the characters that are not white space, in any script. The default bound is the 0.25 of NeMo Curator's
    NonAlphaNumericFilter and data-juicer's special_characters_filter; both count white space among the special
    characters too, data-juicer also digits. An empty document stays, `length` drops it.

    ```toml
    [[stage]]
    filter = "punctuation"
    max_symbols = 0.1
    max_run = 20
    ```
    """

    max_marks: Share | None = 0.25
    """Greatest share of punctuation and symbols together."""

    max_punctuation: Share | None = None
    """Greatest share of punctuation."""

    max_symbols: Share | None = None
    """Greatest share of symbols."""

    max_run: Annotated[int, Field(ge=1)] | None = None
    """Most times that one mark follows itself, as in `!!!!` or a ruled line."""

    skip: list[Literal["many-marks", "much-punctuation", "many-symbols", "long-run"]] = Field(default_factory=list)
    """Rules that are not applied, by the reasons they give."""

    column: str | None = None
    """The column to measure; by default all text of a record, whatever its shape."""

    @hookimpl
    def filter(self, batch: Batch) -> Reasons:
        """The first rule that fails, in the order of the options, with value and bound."""
        seen = marks(contents(batch, self.column))
        rules: list[Rule] = [
            *most("many-marks", share(seen.marks, seen.solid), self.max_marks),
            *most("much-punctuation", share(seen.marks - seen.symbols, seen.solid), self.max_punctuation),
            *most("many-symbols", share(seen.symbols, seen.solid), self.max_symbols),
            *most("long-run", seen.longest_run, self.max_run),
        ]
        return reasons([rule for rule in rules if rule.code not in self.skip], len(batch))
