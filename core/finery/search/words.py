"""Text to words, as the index has them: in lower case, and a character each in scripts without spaces.

So a run of characters is a phrase like any other, and Chinese is searched by n-grams of any length.
"""

from __future__ import annotations

import functools
from typing import Any

from finery.errors import missing_extra

UNSPACED = r"\p{Han}\p{Hiragana}\p{Katakana}\p{Thai}\p{Lao}\p{Khmer}\p{Myanmar}"
WORD = rf"[{UNSPACED}]|[[\p{{L}}\p{{N}}\p{{M}}]--[{UNSPACED}]]+"
LONGEST = 128
"""Bytes of a word at most; what is longer, such as encoded data, is no word that anybody looks for."""


def library(where: str) -> Any:
    """The search library. Raises MissingExtra where it is not installed."""
    try:
        import tantivy
    except ImportError:
        raise missing_extra(where, "tantivy", "search") from None
    return tantivy


@functools.cache
def analyzer(where: str) -> Any:
    """What cuts text into words."""
    tantivy = library(where)
    builder = tantivy.TextAnalyzerBuilder(tantivy.Tokenizer.regex(WORD))
    return builder.filter(tantivy.Filter.remove_long(LONGEST)).filter(tantivy.Filter.lowercase()).build()


def words(text: str, where: str = "search") -> list[str]:
    """The words of a text, in order."""
    found: list[str] = analyzer(where).analyze(text)
    return found
