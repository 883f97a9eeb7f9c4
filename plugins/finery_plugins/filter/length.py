"""The filter `length`: documents that are too short or too long."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, model_validator

from finery import Batch, Needs, Reasons, hookimpl, plugin
from finery_plugins.filter.rules import Rule, least, most, reasons
from finery_plugins.text.content import contents
from finery_plugins.text.measures import counts

Count = Annotated[int, Field(ge=0)]


@plugin(needs=Needs(extra="text"), releases_gil=True)
class Length:
    """Drop documents with too few or too many characters, words or lines.

    Words are split at white space; of scripts written without spaces (Han, kana, Thai and others) each
    character is a word. A newline ends a line. A null is an empty document.

    ```toml
    [[stage]]
    filter = "length"
    min_words = 50
    max_characters = 200_000
    ```
    """

    min_characters: Count | None = None
    """Fewest characters (Unicode code points)."""

    max_characters: Count | None = None
    """Most characters."""

    min_words: Count | None = 1
    """Fewest words. The default drops empty documents only; Gopher (Rae et al. 2021) asks for 50."""

    max_words: Count | None = 100_000
    """Most words; the default is Gopher's."""

    min_lines: Count | None = None
    """Fewest lines."""

    max_lines: Count | None = None
    """Most lines."""

    column: str | None = None
    """The column to measure; by default all text of a record, whatever its shape."""

    @model_validator(mode="after")
    def bounds_leave_room(self) -> Length:
        """Raise ValueError where a least stands above its most."""
        for unit in ("characters", "words", "lines"):
            low, high = getattr(self, f"min_{unit}"), getattr(self, f"max_{unit}")
            if low is not None and high is not None and low > high:
                raise ValueError(f"min_{unit} = {low} is more than max_{unit} = {high}: nothing would stay")
        return self

    @hookimpl
    def filter(self, batch: Batch) -> Reasons:
        """`few-` or `many-` `characters`, `words`, `lines`, in this order."""
        measured = counts(contents(batch, self.column))
        rules: list[Rule] = []
        for unit in ("characters", "words", "lines"):
            values = getattr(measured, unit)
            rules += least(f"few-{unit}", values, getattr(self, f"min_{unit}"))
            rules += most(f"many-{unit}", values, getattr(self, f"max_{unit}"))
        return reasons(rules, len(batch))
