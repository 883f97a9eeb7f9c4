"""The filter `c4`: pages of which C4's rules leave too little, or nothing."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from finery import Batch, Needs, Reasons, hookimpl, plugin
from finery_plugins.filter.rules import Rule, least, reasons
from finery_plugins.text.c4 import LineRules, long_lines, page
from finery_plugins.text.content import contents

Count = Annotated[int, Field(ge=0)]

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


@plugin(needs=Needs(extra="text"), releases_gil=True)
class C4:
    """Drop pages as C4 did: by lorem ipsum, curly brackets, and too few sentences in the lines worth keeping.

    A line is left out of account where it has a word of more than `max_word_length` characters, does not end in an
    end mark, ends in `...`, has too few words, or speaks of javascript or policies (Raffel et al. 2020, section 2.2,
    and the code of TensorFlow Datasets, c4_utils.py). Sentences are counted in the others, and only they are searched
    for lorem ipsum and curly brackets. The text stays as it is: C4 also rewrote pages to the lines kept.

    The presets differ in words, sentences and end marks (`tfds`: lines of 5 words, 3 sentences; `datatrove` 0.10.1:
    lines of 3 words, 5 sentences, and `'` ends a line) and in whether words are counted after citation marks
    (`[12]`, `[edit]`) are taken out (`tfds`) or before. A sentence ends in an end mark, with what closes quotes and
    brackets, before white space or the end of the line; the originals use punkt and spaCy, which also know
    abbreviations. Words are split at white space, and of scripts written without spaces (Han, kana, Thai and others)
    each character is a word. For Chinese, `end_marks = "。！？…”"`.

    ```toml
    [[stage]]
    filter = "c4"
    preset = "datatrove"
    end_marks = ""
    ```
    """

    preset: Literal["tfds", "datatrove"] = "tfds"
    """Whose numbers and order of work."""

    min_sentences: Count | None = None
    """Fewest sentences in the lines kept; by default the preset's, 0 for no rule."""

    min_words_per_line: Count | None = None
    """Fewest words of a line; by default the preset's, 0 for no rule."""

    max_word_length: Count | None = 1000
    """Most characters of a word in a line."""

    end_marks: str | None = None
    """The characters that a line has to end in; by default the preset's, empty for no rule. FineWeb has none."""

    lorem_ipsum: bool = True
    """Pages with lorem ipsum go."""

    curly_brackets: bool = True
    """Pages with a curly bracket go."""

    javascript: bool = True
    """Lines with the word javascript are left out."""

    policies: Annotated[list[Annotated[str, Field(min_length=1)]], Field(max_length=50)] = Field(
        default_factory=lambda: list(POLICIES)
    )
    """Lines with one of these phrases, in any case of A to Z, are left out."""

    citations: bool = True
    """Citation marks are taken out before a line is looked at."""

    min_long_lines: Count | None = None
    """Fewest long lines, blank ones and all; mC4 (Xue et al. 2021) asks for 3."""

    long_line: Annotated[int, Field(ge=1)] = 200
    """Fewest characters of a long line; mC4's number."""

    column: str | None = None
    """The column to measure; by default all text of a record, whatever its shape."""

    @hookimpl
    def filter(self, batch: Batch) -> Reasons:
        """`lorem-ipsum`, `curly-bracket`, `few-sentences` or `few-long-lines`, in this order."""
        texts = contents(batch, self.column)
        seen = page(texts, self.line_rules())
        sentences = SENTENCES[self.preset] if self.min_sentences is None else self.min_sentences
        rules = [
            *([Rule("lorem-ipsum", seen.lorem > 0)] if self.lorem_ipsum else []),
            *([Rule("curly-bracket", seen.braces > 0)] if self.curly_brackets else []),
            *least("few-sentences", seen.sentences, sentences or None),
        ]
        if self.min_long_lines:
            rules += least("few-long-lines", long_lines(texts, self.long_line), self.min_long_lines)
        return reasons(rules, len(batch))

    def line_rules(self) -> LineRules:
        """The rules on lines."""
        phrases = ("javascript" if self.javascript else "", *(phrase.lower() for phrase in self.policies))
        return LineRules(
            min_words=WORDS[self.preset] if self.min_words_per_line is None else self.min_words_per_line,
            max_word_length=self.max_word_length,
            end_marks=END_MARKS[self.preset] if self.end_marks is None else self.end_marks,
            citations=self.citations,
            words_first=self.preset == "datatrove",
            phrases=phrases,
        )
