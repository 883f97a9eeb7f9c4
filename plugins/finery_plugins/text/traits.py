"""What the kernels know of each character: whether it is space, mark or a word alone, and its lower case."""

from __future__ import annotations

import functools
import unicodedata

import numpy as np

from finery_plugins.text.stored import source, stored_table

POINTS = 0x110000
"""Code points there are."""

SPACE, ALONE, MARK, FOLD = 1 << 24, 1 << 25, 1 << 26, (1 << 21) - 1
"""Bits of a trait: white space as `str.split()` sees it, a word alone, punctuation or symbol, lower case."""

DENSE = (range(0x34000), range(0xE0000, 0xE0200))
"""Where characters with a trait stand; planes beyond hold ideographs of private use and nothing else."""

UNSPACED = (
    (0x0E00, 0x0E7F), (0x0E80, 0x0EFF),  # Thai, Lao
    (0x0F00, 0x0FFF), (0x1000, 0x109F),  # Tibetan, Myanmar
    (0x1780, 0x17FF),  # Khmer
    (0x3005, 0x3007), (0x3021, 0x3029), (0x3031, 0x3035),  # ideographic marks and numerals
    (0x3040, 0x30FF), (0x3100, 0x312F), (0x31A0, 0x31BF), (0x31F0, 0x31FF),  # Hiragana, Katakana, Bopomofo
    (0x3400, 0x4DBF), (0x4E00, 0x9FFF), (0xF900, 0xFAFF),  # Han
    (0xFF66, 0xFF9F),  # half-width Katakana
    (0x1B000, 0x1B16F), (0x20000, 0x323AF),  # Kana and Han of the supplementary planes
)  # fmt: skip
"""Scripts written without spaces: each of their characters that is no mark counts as a word."""


@functools.cache
def traits() -> np.ndarray:
    """`int32` (0x110000,), read-only: the trait of each code point; with lower case 0, words leave it out."""
    return stored_table("traits", unicodedata.unidata_version.encode() + source(__file__), tabled)


def tabled() -> np.ndarray:
    """The traits, worked out."""
    table = np.arange(POINTS, dtype=np.int32)
    for points in DENSE:
        table[points.start : points.stop] = [trait(point) for point in points]
    for first, last in UNSPACED:
        block = table[first : last + 1]
        block[(block & MARK == 0) & (block & FOLD != 0)] |= ALONE
    return table


def trait(point: int) -> int:
    """The bits of one code point, but for ALONE, which stands for whole blocks."""
    character = chr(point)
    category = unicodedata.category(character)
    if character.isspace():
        return SPACE
    if category[0] in "PS":
        return MARK
    if category in ("Cc", "Cf"):
        return 0
    return lower(character)


def lower(character: str) -> int:
    """The code point in lower case, where lower case is one character."""
    lowered = character.lower()
    return ord(lowered) if len(lowered) == 1 else ord(character)
