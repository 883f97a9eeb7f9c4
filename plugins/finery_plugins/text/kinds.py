"""What the rule sets know of each character: sixteen bits that say whether it is space, letter, mark and so on."""

from __future__ import annotations

import functools
import unicodedata

import numpy as np

from finery_plugins.text import traits
from finery_plugins.text.stored import source, stored_table

SPACE, ALONE, MARK, SYMBOL, ALPHA, DIGIT, BREAK, TRIVIAL, CHOSEN, APART, JOINT, STOP, INSIDE, DOT, QUOTE = (
    1 << bit for bit in range(15)
)
"""Bits of a kind.

`SPACE` as `str.isspace()`; `ALONE` a word of its own in a script written without spaces; `MARK` Unicode categories P
and S, `SYMBOL` S; `ALPHA` as `str.isalpha()`; `DIGIT` category Nd; `BREAK` what `str.splitlines()` splits at;
`TRIVIAL` what datatrove does not count as part of a word; `CHOSEN` what a plugin asked for; `APART` and `JOINT` what
the tokens of `words.py` are split at; `STOP` what ends a sentence; `INSIDE` a byte that continues a character; `DOT` a
full stop; `QUOTE` an apostrophe.
"""

BREAKS = "\n\r\x0b\x0c\x1c\x1d\x1e\x85\u2028\u2029"
"""Where `str.splitlines()` splits."""

STOPS = (
    (0x21, 0x21), (0x2E, 0x2E), (0x3F, 0x3F), (0x589, 0x589), (0x61D, 0x61F), (0x6D4, 0x6D4), (0x700, 0x702),
    (0x7F9, 0x7F9), (0x837, 0x837), (0x839, 0x839), (0x83D, 0x83E), (0x964, 0x965), (0x104A, 0x104B),
    (0x1362, 0x1362), (0x1367, 0x1368), (0x166E, 0x166E), (0x1735, 0x1736), (0x17D4, 0x17D6), (0x17D9, 0x17DA),
    (0x1803, 0x1803), (0x1809, 0x1809), (0x1944, 0x1945), (0x1AA8, 0x1AAB), (0x1B5A, 0x1B5B), (0x1B5E, 0x1B5F),
    (0x1B7D, 0x1B7E), (0x1C3B, 0x1C3C), (0x1C7E, 0x1C7F), (0x203C, 0x203D), (0x2047, 0x2049), (0x2E2E, 0x2E2E),
    (0x2E3C, 0x2E3C), (0x2E53, 0x2E54), (0x3002, 0x3002), (0xA4FF, 0xA4FF), (0xA60E, 0xA60F), (0xA6F3, 0xA6F3),
    (0xA6F7, 0xA6F7), (0xA876, 0xA877), (0xA8CE, 0xA8CF), (0xA92F, 0xA92F), (0xA9C8, 0xA9C9), (0xAA5D, 0xAA5F),
    (0xAAF0, 0xAAF1), (0xABEB, 0xABEB), (0xFE52, 0xFE52), (0xFE56, 0xFE57), (0xFF01, 0xFF01), (0xFF0E, 0xFF0E),
    (0xFF1F, 0xFF1F), (0xFF61, 0xFF61), (0x10A56, 0x10A57), (0x10F55, 0x10F59), (0x10F86, 0x10F89),
    (0x11047, 0x11048), (0x110BE, 0x110C1), (0x11141, 0x11143), (0x111C5, 0x111C6), (0x111CD, 0x111CD),
    (0x111DE, 0x111DF), (0x11238, 0x11239), (0x1123B, 0x1123C), (0x112A9, 0x112A9), (0x1144B, 0x1144C),
    (0x115C2, 0x115C3), (0x115C9, 0x115D7), (0x11641, 0x11642), (0x1173C, 0x1173E), (0x11944, 0x11944),
    (0x11946, 0x11946), (0x11A42, 0x11A43), (0x11A9B, 0x11A9C), (0x11C41, 0x11C42), (0x11EF7, 0x11EF8),
    (0x11F43, 0x11F44), (0x16A6E, 0x16A6F), (0x16AF5, 0x16AF5), (0x16B37, 0x16B38), (0x16B44, 0x16B44),
    (0x16E98, 0x16E98), (0x1BC9F, 0x1BC9F), (0x1DA88, 0x1DA88),
)  # fmt: skip
"""Marks that end a sentence, those of FineWeb (Penedo et al. 2024): Unicode's property Sentence_Terminal."""

TRIVIA = "!/—”:％１〈&(、━\\【#%「」，】；+^]~“《„';’{|∶´[=-`*．（–？！：$～«〉,><》)?）。…@_.\"}►»"
"""Marks without which datatrove 0.10.1 counts no word, besides the ends of sentences and controls; the full-width
digit one stands in its list too."""

EDGES = "!\"#$%&'()*,:;<>?[]_`{}¡¿«»´‘’‚“”„…£€¥₽₩。，、；：？！～·।،۔؛٪「」『』（）〔〕【】《》〈〉—–"
"""Marks that are tokens of their own at the edge of a word, as in spaCy 3's punctuation rules for English."""

JOINTS = "-/=+^*<>:,–—"
"""Marks that part a word where they stand between letters, or some of them between digits, as in spaCy 3."""


@functools.cache
def kinds(chosen: str = "") -> np.ndarray:
    """`uint16` (0x110000,), read-only: the kind of each code point; the characters of `chosen` are CHOSEN."""
    if not chosen:
        origin = unicodedata.unidata_version.encode() + source(__file__, traits.__file__)
        return stored_table("kinds", origin, tabled)
    table = kinds().copy()
    table[[ord(character) for character in chosen]] |= CHOSEN
    table.setflags(write=False)
    return table


def tabled() -> np.ndarray:
    """The kinds that no plugin chose."""
    known, table = traits.traits(), np.zeros(traits.POINTS, np.uint16)
    for points in traits.DENSE:
        table[points.start : points.stop] = [kind(chr(point)) for point in points]
    table[known & traits.SPACE != 0] |= SPACE
    table[known & traits.ALONE != 0] |= ALONE
    for first, last in STOPS:
        table[first : last + 1] |= STOP | TRIVIAL
    named = ((BREAKS, BREAK), (TRIVIA, TRIVIAL), (EDGES, APART), (JOINTS, JOINT), (".", DOT), ("'’", QUOTE))
    for characters, bits in named:
        table[[ord(character) for character in characters]] |= bits
    for first, last in ((0, 9), (11, 32), (127, 160)):
        table[first:last] |= TRIVIAL
    return table


def kind(character: str) -> int:
    """The bits of one character that follow from its category."""
    category = unicodedata.category(character)
    mark = MARK * (category[0] in "PS") | SYMBOL * (category[0] == "S")
    return mark | ALPHA * character.isalpha() | DIGIT * (category == "Nd")
