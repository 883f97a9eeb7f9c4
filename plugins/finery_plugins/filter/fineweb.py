"""The filter `fineweb`: FineWeb's own quality rules."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from finery import Batch, Memo, Needs, Reasons, hookimpl, plugin
from finery_plugins.filter.rules import Rule, least, most, reasons
from finery_plugins.text.content import text
from finery_plugins.text.kinds import STOPS
from finery_plugins.text.quality import fineweb, share

Share = Annotated[float, Field(ge=0, allow_inf_nan=False)]


@plugin(needs=Needs(extra="text"), releases_gil=True)
class FineWeb:
    """Drop documents that are lists, menus or repeated lines, by FineWeb's own rules.

    The rules and bounds are those of Penedo et al. 2024 (arXiv 2406.17557, section 3.6) as datatrove 0.10.1 has them:
    lines between newlines that are not blank, compared and ended as they stand, so that a space behind the full stop
    keeps it from ending the line. Words, in the last rule, are those of the filter `gopher` with
    `preset = "datatrove"`. FineWeb applies these rules after a language score of 0.65, `gopher`, `repetition` and
    `c4` with `preset = "datatrove"` and without C4's rule on end marks.

    ```toml
    [[stage]]
    filter = "fineweb"
    max_short_lines = 0.8
    ```
    """

    min_punctuated_lines: Share | None = 0.12
    """Least share of lines that end in an end mark."""

    end_marks: str | None = None
    """The characters that end a sentence; by default those of Unicode's property Sentence_Terminal, which has no
    quotation marks."""

    max_short_lines: Share | None = 0.67
    """Greatest share of short lines."""

    short_line: Annotated[int, Field(ge=0)] = 30
    """Most characters of a short line."""

    max_repeated_line_characters: Share | None = 0.01
    """Greatest share of characters in lines that repeat an earlier one, newlines not counted."""

    max_newlines: Share | None = 0.3
    """Most newlines a word."""

    skip: list[
        Literal["empty", "few-punctuated-lines", "many-short-lines", "repeated-line-characters", "many-newlines"]
    ] = Field(default_factory=list)
    """Rules that are not applied, by the reasons they give."""

    column: str | None = None
    """The column to measure; by default all text of a record, whatever its shape."""

    @hookimpl
    def filter(self, batch: Batch, memo: Memo) -> Reasons:
        """`empty` for a document without a line, or the first rule that fails, in the order of the options."""
        marks = stops() if self.end_marks is None else self.end_marks
        read = text(batch, self.column, memo)
        seen = fineweb(read.array, self.short_line, marks, read.keep)
        rules = [
            Rule("empty", seen.lines == 0),
            *least("few-punctuated-lines", share(seen.closed, seen.lines), self.min_punctuated_lines),
            *most("many-short-lines", share(seen.short, seen.lines), self.max_short_lines),
            *most(
                "repeated-line-characters",
                share(seen.repeated, seen.characters),
                self.max_repeated_line_characters,
            ),
            *most("many-newlines", share(seen.newlines, seen.words), self.max_newlines),
        ]
        return reasons([rule for rule in rules if rule.code not in self.skip], len(batch))


def stops() -> str:
    """All characters that end a sentence."""
    return "".join(chr(point) for first, last in STOPS for point in range(first, last + 1))
