"""The format `c4`: pages rewritten to the lines that C4 keeps."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pyarrow.compute as pc
from pydantic import Field

from finery import Batch, Needs, Tally, hookimpl, plugin
from finery_plugins.text.c4 import kept_lines
from finery_plugins.text.c4_options import (
    POLICIES,
    Citations,
    EndMarks,
    Javascript,
    MaxWordLength,
    MinWords,
    Policies,
    Preset,
    line_rules,
)
from finery_plugins.text.content import column_of, contents, joined, one_chunk, rewritten, text_columns
from finery_plugins.text.measures import byte_lengths


@plugin(needs=Needs(extra="text"), releases_gil=True)
class C4Lines:
    """Rewrite pages to the lines that C4 kept, without citation marks (`[12]`, `[edit]`).

    A line goes where it has a word of more than `max_word_length` characters, does not end in an end mark, ends in
    `...`, has too few words, or speaks of javascript or policies (Raffel et al. 2020, section 2.2, and the code of
    TensorFlow Datasets, c4_utils.py). The others lose the white space around them and are joined by newlines. Options
    and presets are those of the filter `c4`, which drops pages by lorem ipsum, curly brackets and sentences: put it
    before this one with the same options, because it looks at lines that go here as well.

    A text of which nothing is left becomes empty; the filter `c4` before it, or `length` behind it, drops it. The tally
    `empty` counts records that lost all their text. Of other shapes every text is rewritten alone, of dialogues what
    was said in each turn. Words of scripts written without spaces (Han, kana, Thai and others) are characters; for
    Chinese, `end_marks = "。！？…”"`.

    ```toml
    [[stage]]
    format = "c4"
    preset = "datatrove"
    end_marks = ""
    ```
    """

    preset: Preset = "tfds"

    min_words_per_line: MinWords = None

    max_word_length: MaxWordLength = 1000

    end_marks: EndMarks = None

    javascript: Javascript = True

    policies: Policies = Field(default_factory=POLICIES.copy)

    citations: Citations = True

    columns: list[str] = Field(default_factory=list)
    """The columns to rewrite; by default those that hold the text of the record's shape."""

    @hookimpl
    def format(self, batch: Batch, tally: Tally) -> Batch:
        """The same records with the lines that stay."""
        rules, after = line_rules(self), batch
        names = self.columns or text_columns(batch)
        for name in names:
            held = one_chunk(column_of(batch, name))
            made = rewritten(held, lambda texts: kept_lines(texts, rules))
            if made is not held:
                after = after.set_column(after.column_names.index(name), after.schema.field(name), made)
        if after is not batch:
            tally["empty"] += int(np.count_nonzero(silent(after, names) & ~silent(batch, names)))
        return after


def silent(batch: Batch, names: Sequence[str]) -> np.ndarray:
    """`bool` (n,): which records have nothing but white space in these columns."""
    texts = pc.utf8_trim_whitespace(joined([contents(batch, name) for name in names]))
    return np.asarray(byte_lengths(texts) == 0)
