"""The filter `c4`: pages of which C4's rules leave too little, or nothing."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from finery import Batch, Needs, Reasons, hookimpl, plugin
from finery_plugins.filter.rules import Rule, least, reasons
from finery_plugins.text.c4 import long_lines, page
from finery_plugins.text.c4_options import (
    POLICIES,
    SENTENCES,
    Citations,
    EndMarks,
    Javascript,
    MaxWordLength,
    MinWords,
    Policies,
    Preset,
    line_rules,
)
from finery_plugins.text.content import contents

Count = Annotated[int, Field(ge=0)]


@plugin(needs=Needs(extra="text"), releases_gil=True)
class C4:
    """Drop pages as C4 did: by lorem ipsum, curly brackets, and too few sentences in the lines worth keeping.

    A line is left out of account where it has a word of more than `max_word_length` characters, does not end in an
    end mark, ends in `...`, has too few words, or speaks of javascript or policies (Raffel et al. 2020, section 2.2,
    and the code of TensorFlow Datasets, c4_utils.py). Sentences are counted in the others, and only they are searched
    for lorem ipsum and curly brackets. The text stays as it is: the format `c4` behind this filter rewrites
    pages to the lines kept, as C4 did.

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

    preset: Preset = "tfds"

    min_sentences: Count | None = None
    """Fewest sentences in the lines kept; by default the preset's, 0 for no rule."""

    min_words_per_line: MinWords = None

    max_word_length: MaxWordLength = 1000

    end_marks: EndMarks = None

    lorem_ipsum: bool = True
    """Pages with lorem ipsum go."""

    curly_brackets: bool = True
    """Pages with a curly bracket go."""

    javascript: Javascript = True

    policies: Policies = Field(default_factory=POLICIES.copy)

    citations: Citations = True

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
        seen = page(texts, line_rules(self))
        sentences = SENTENCES[self.preset] if self.min_sentences is None else self.min_sentences
        rules = [
            *([Rule("lorem-ipsum", seen.lorem > 0)] if self.lorem_ipsum else []),
            *([Rule("curly-bracket", seen.braces > 0)] if self.curly_brackets else []),
            *least("few-sentences", seen.sentences, sentences or None),
        ]
        if self.min_long_lines:
            rules += least("few-long-lines", long_lines(texts, self.long_line), self.min_long_lines)
        return reasons(rules, len(batch))
