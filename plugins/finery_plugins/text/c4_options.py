"""The options that the filter and the format `c4` share: which lines C4 leaves out of a page."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Literal, Protocol

from pydantic import Field

from finery_plugins.text.c4 import LineRules

POLICIES = [
    "terms of use",
    "privacy policy",
    "cookie policy",
    "uses cookies",
    "use of cookies",
    "use cookies",
]
"""What C4's code looks for; the paper does not name it."""

WORDS = {"tfds": 5, "datatrove": 3}
SENTENCES = {"tfds": 3, "datatrove": 5}
"""The paper (Raffel et al. 2020) asks for pages of 5 sentences and lines of 3 words, as datatrove does; the code of
TensorFlow Datasets that made C4 has them the other way round."""

END_MARKS = {"tfds": '.?!"', "datatrove": ".?!\"'"}

Preset = Annotated[Literal["tfds", "datatrove"], Field(description="Whose numbers and order of work.")]
MinWords = Annotated[
    int | None, Field(ge=0, description="Fewest words of a line; by default the preset's, 0 for no rule.")
]
MaxWordLength = Annotated[int | None, Field(ge=0, description="Most characters of a word in a line.")]
EndMarks = Annotated[
    str | None,
    Field(
        description="The characters that a line has to end in; by default the preset's, empty for no rule. FineWeb "
        "has none."
    ),
]
Javascript = Annotated[bool, Field(description="Lines with the word javascript are left out.")]
Policies = Annotated[
    list[Annotated[str, Field(min_length=1)]],
    Field(
        max_length=50,
        description="Lines with one of these phrases, in any case of A to Z, are left out.",
    ),
]
Citations = Annotated[bool, Field(description="Citation marks are taken out before a line is looked at.")]


class LineOptions(Protocol):
    """A plugin with these options."""

    @property
    def preset(self) -> Literal["tfds", "datatrove"]: ...

    @property
    def min_words_per_line(self) -> int | None: ...

    @property
    def max_word_length(self) -> int | None: ...

    @property
    def end_marks(self) -> str | None: ...

    @property
    def javascript(self) -> bool: ...

    @property
    def policies(self) -> Sequence[str]: ...

    @property
    def citations(self) -> bool: ...


def line_rules(options: LineOptions) -> LineRules:
    """The rules on lines, with the preset's numbers where the options have none."""
    phrases = ("javascript" if options.javascript else "", *(phrase.lower() for phrase in options.policies))
    words, marks = options.min_words_per_line, options.end_marks
    return LineRules(
        min_words=WORDS[options.preset] if words is None else words,
        max_word_length=options.max_word_length,
        end_marks=END_MARKS[options.preset] if marks is None else marks,
        citations=options.citations,
        words_first=options.preset == "datatrove",
        phrases=phrases,
    )
