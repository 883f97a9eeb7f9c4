"""What a language identifier asks of each character: letter, case, and whether it is settled in normal form C."""

from __future__ import annotations

import functools
import unicodedata

import numpy as np

from finery_plugins.text import traits
from finery_plugins.text.stored import source, stored_table
from finery_plugins.text.traits import DENSE, POINTS

CLASS, LETTER, UPPER, LOWER, UNSETTLED = 0xFF, 1 << 8, 1 << 9, 1 << 10, 1 << 11
"""Bits: the canonical combining class, then whether the character is a letter, in upper case, in lower or
title case, and whether form C may change it or join it to the one before."""

JAMO = (range(0x1161, 0x1176), range(0x11A8, 0x11C3))
"""Vowels and final consonants of Hangul, which join the syllable before them by rule and not by table."""


@functools.cache
def characters() -> np.ndarray:
    """`uint16` (0x110000,), read-only: the bits of each code point."""
    origin = unicodedata.unidata_version.encode() + source(__file__, traits.__file__)
    return stored_table("characters", origin, tabled)


def tabled() -> np.ndarray:
    """The bits, worked out."""
    table = np.zeros(POINTS, np.uint16)
    for points in DENSE:
        table[points.start : points.stop] = [bits(chr(point)) for point in points]
    for point in joining():
        table[point] |= UNSETTLED
    return table


def bits(character: str) -> int:
    """The bits of one character, but for those that only its neighbours unsettle."""
    settled = unicodedata.is_normalized("NFC", character)
    lower = character.islower() or unicodedata.category(character) == "Lt"
    return (
        unicodedata.combining(character)
        | LETTER * character.isalpha()
        | UPPER * character.isupper()
        | LOWER * lower
        | UNSETTLED * (not settled)
    )


def joining() -> set[int]:
    """Code points that stand second in a canonical decomposition, and so may be composed with the one before."""
    found = {point for points in JAMO for point in points}
    for points in DENSE:
        for point in points:
            kind, *rest = unicodedata.decomposition(chr(point)).split() or ("",)
            if kind and kind[0] != "<" and rest:
                found.add(int(rest[0], 16))
    return found
