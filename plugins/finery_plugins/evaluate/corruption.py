"""A misspelt word in what a model reads: where a text has one to corrupt, and the two ways it could go on."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass

WORD = re.compile(r"[^\W\d_]{5,}")
"""Words long enough that two swapped letters leave them recognisable."""


@dataclass(frozen=True)
class Corruption:
    """A text up to where a word comes again, the word misspelt throughout."""

    prefix: str
    word: str
    """As it should go on."""
    misspelt: str
    """As it would go on by copying."""


def misspelling(word: str) -> str | None:
    """The word with the first two unlike neighbours behind its first letter swapped; None where there are none."""
    for at in range(1, len(word) - 1):
        if word[at] != word[at + 1]:
            return word[:at] + word[at + 1] + word[at] + word[at + 2 :]
    return None


def corrupted(text: str) -> Corruption | None:
    """The first word of a text that comes again later, misspelt where it stands before; None where none does.

    The text goes up to the last time that it comes, which is then to be written.
    """
    found = list(WORD.finditer(text))
    counts = Counter(one[0] for one in found)
    for one in found:
        wrong = misspelling(one[0])
        if counts[one[0]] > 1 and wrong is not None and wrong not in counts:
            last = [other for other in found if other[0] == one[0]][-1]
            before = text[: last.start()]
            prefix = re.sub(rf"(?<![^\W\d_]){re.escape(one[0])}(?![^\W\d_])", wrong, before)
            return Corruption(prefix, one[0], wrong)
    return None
