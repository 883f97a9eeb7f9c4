"""Numba kernels that find the words of documents: what each byte is, where words end, what Gopher counts in them.

All of them stand in this one file because numba's cache looks only at the file of the kernel that it loads. Others
work on what these write (Python hands it on), never by calling them. Their plain-Python twins stand in the tests.
"""

from __future__ import annotations

import numpy as np

from finery_plugins.text.kernels import Array, kernel
from finery_plugins.text.kinds import ALONE, ALPHA, APART, DIGIT, INSIDE, JOINT, SPACE, TRIVIAL

SHIFT_A, SHIFT_B, SHIFT_C = np.uint64(30), np.uint64(27), np.uint64(31)
MIX_A, MIX_B = np.uint64(0xBF58476D1CE4E5B9), np.uint64(0x94D049BB133111EB)
BASIS, PRIME = np.uint64(0xCBF29CE484222325), np.uint64(0x100000001B3)
APOSTROPHE, HYPHEN, DOT, SLASH, COLON = 39, 45, 46, 47, 58
WORD = SPACE | ALONE


@kernel
def marked(data: Array, first: int, last: int, table: Array, out: Array) -> None:
    """Fill `out` (last - first,) with the kind of the character that each byte belongs to."""
    at = first
    while at < last:
        byte = int(data[at])
        if byte < 0x80:
            out[at - first] = table[byte]
            at += 1
            continue
        size = 1 + (byte >= 0xC0) + (byte >= 0xE0) + (byte >= 0xF0)
        point = byte if size == 1 else byte & (0x7F >> size)
        size = min(size, last - at)
        for index in range(1, size):
            point = point << 6 | int(data[at + index]) & 0x3F
        kind = table[min(point, 0x10FFFF)]
        out[at - first] = kind
        for index in range(1, size):
            out[at - first + index] = kind | INSIDE
        at += size


@kernel
def hashed(data: Array, at: int, end: int, folded: bool) -> np.uint64:
    """FNV-1a over bytes, finalised by splitmix64's mixer; with A to Z as a to z where `folded`."""
    value = BASIS
    for index in range(at, end):
        byte = int(data[index])
        byte += 32 * (folded and 65 <= byte <= 90)
        value = (value ^ np.uint64(byte)) * PRIME
    value = (value ^ (value >> SHIFT_A)) * MIX_A
    value = (value ^ (value >> SHIFT_B)) * MIX_B
    return value ^ (value >> SHIFT_C)


@kernel
def solid(data: Array, kinds: Array, at: int, end: int) -> bool:
    """Whether a character stands at `at` that is neither space, full stop nor apart."""
    return at < end and kinds[at] & (SPACE | ALONE | APART) == 0 and data[at] != DOT


@kernel
def contracted(data: Array, at: int, end: int, kinds: Array) -> bool:
    """Whether an apostrophe and one of s, d, m, t, re, ve, ll end a word here."""
    wide = 3 if data[at] == 0xE2 and at + 2 < end and data[at + 1] == 0x80 and data[at + 2] == 0x99 else 1
    if wide == 1 and data[at] != APOSTROPHE:
        return False
    at += wide
    stop = at
    while stop < end and kinds[stop] & (ALPHA | DIGIT | ALONE):
        stop += 1
    first = int(data[at]) | 32 if stop > at else 0
    if stop - at == 1:
        return first == 115 or first == 100 or first == 109 or first == 116
    second = int(data[at + 1]) | 32 if stop - at == 2 else 0
    return ((first == 114 or first == 118) and second == 101) or (first == 108 and second == 108)


@kernel
def parts(data: Array, kinds: Array, at: int, after: int, end: int, url: bool) -> bool:
    """Whether the mark at `at` parts a word; `after` is the character behind it."""
    if not kinds[at] & (APART | JOINT):
        return False
    inner = solid(data, kinds, after, end)
    if url:
        return kinds[at] & APART != 0 and not inner
    letter, digit = inner and kinds[after] & ALPHA != 0, inner and kinds[after] & DIGIT != 0
    if kinds[at] & JOINT and ((letter and kinds[at - 1] & (ALPHA | DIGIT)) or (digit and kinds[at - 1] & DIGIT)):
        return letter or not kinds[at] & APART
    return kinds[at] & APART != 0 and not inner


@kernel
def ended(data: Array, kinds: Array, start: int, at: int, end: int) -> bool:
    """Whether the full stop at `at` ends a word that it is no part of, as in "end." but not in "e.g." or "A."."""
    if solid(data, kinds, at + 1, end):
        return False
    if at + 1 < end and data[at + 1] == DOT:
        return True
    lead = at - 1
    while lead > start and kinds[lead] & INSIDE:
        lead -= 1
    short = lead == start or data[lead - 1] == DOT
    return not (short and kinds[lead] & ALPHA)


@kernel
def fine_end(data: Array, kinds: Array, low: int, start: int, end: int) -> int:
    """Where the token that starts at `start` ends: words without the marks around them, and each such mark."""
    at, url = start, False
    if data[at] == DOT:
        while at < end and data[at] == DOT:
            at += 1
        if at - start > 1:
            return at
        at = start
    first = kinds[start] & APART and not contracted(data, start, end, kinds)
    joined = start > low and kinds[start] & JOINT and kinds[start - 1] & WORD == 0
    at += 1
    while at < end and kinds[at] & INSIDE:
        at += 1
    if first or (joined and parts(data, kinds, start, at, end, False)):
        return at
    while at < end and not kinds[at] & WORD:
        if not kinds[at] & (APART | JOINT) and data[at] != DOT:
            at += 1
            continue
        after = at + 1
        while after < end and kinds[after] & INSIDE:
            after += 1
        url = url or (data[at] == COLON and after + 1 < end and data[after] == SLASH and data[after + 1] == SLASH)
        if (data[at] == DOT and ended(data, kinds, start, at, end)) or parts(data, kinds, at, after, end, url):
            return at
        if not kinds[start] & APART and not url and contracted(data, at, end, kinds):
            negated = int(data[at - 1]) | 32 == 110 and int(data[after]) | 32 == 116
            if not negated:
                return at
            if at - 1 > start:
                return at - 1
        at = after
    return at


@kernel
def word_end(data: Array, kinds: Array, low: int, start: int, end: int, fine: bool) -> int:
    """Where the word that starts at `start` ends: at white space; of scripts without spaces after a character.

    The document stands between `low` and `end`.
    """
    at = start + 1
    if kinds[start] & ALONE:
        while at < end and kinds[at] & INSIDE:
            at += 1
        return at
    if fine:
        return fine_end(data, kinds, low, start, end)
    while at < end and not kinds[at] & WORD:
        at += 1
    return at


@kernel
def tokenised(
    offsets: Array, data: Array, kinds: Array, fine: bool, ends: Array, hashes: Array, lengths: Array
) -> None:
    """Write the hash and the characters of each word, document after document, and to `ends` (n,) where they end."""
    written, base = 0, offsets[0]
    text = data[base : offsets[-1]]
    for row in range(len(offsets) - 1):
        low, end = offsets[row] - base, offsets[row + 1] - base
        at = low
        while at < end:
            if kinds[at] & SPACE:
                at += 1
                continue
            start, at = at, word_end(text, kinds, low, at, end, fine)
            hashes[written] = hashed(text, start, at, False)
            length = 0
            for index in range(start, at):
                length += kinds[index] & INSIDE == 0
            lengths[written] = length
            written += 1
        ends[row] = written


@kernel
def described(
    offsets: Array, data: Array, kinds: Array, fine: bool, folded: bool, stops: Array, longest: int, out: Array
) -> None:
    """Fill `out` (n, 5): words, their characters, words with a letter, words that count in length, stop words.

    `stops` (m,) holds the hashes of the stop words, none longer than `longest` bytes; each is counted once. With
    `fine` words of nothing but TRIVIAL characters count neither in length nor in characters; with `folded` marks
    around a word do not keep it from being a stop word.
    """
    text, found = data[offsets[0] : offsets[-1]], np.zeros(len(stops), np.int64)
    for row in range(len(offsets) - 1):
        low, end = offsets[row] - offsets[0], offsets[row + 1] - offsets[0]
        at = low
        words, lettered, counted, characters, seen = 0, 0, 0, 0, 0
        while at < end:
            if kinds[at] & SPACE:
                at += 1
                continue
            start, at = at, word_end(text, kinds, low, at, end, fine)
            length, some, every = 0, 0, TRIVIAL * fine
            for index in range(start, at):
                kind = int(kinds[index])
                length += kind & INSIDE == 0
                some |= kind
                every &= kind
            trivial = every != 0
            words += 1
            lettered += some & ALPHA != 0
            counted += not trivial
            characters += 0 if trivial else length
            seen += stopped(text, kinds, start, at, folded, stops, longest, found, row + 1)
        out[row, 0], out[row, 1], out[row, 2], out[row, 3], out[row, 4] = words, characters, lettered, counted, seen


@kernel
def stopped(
    data: Array, kinds: Array, start: int, end: int, folded: bool, stops: Array, longest: int, found: Array, row: int
) -> int:
    """1 where the word is a stop word that this document, number `row` from 1, did not have yet."""
    while folded and start < end and not kinds[start] & (ALPHA | DIGIT | ALONE):
        start += 1
    while folded and start < end and not kinds[end - 1] & (ALPHA | DIGIT | ALONE):
        end -= 1
    if start == end or end - start > longest:
        return 0
    word = hashed(data, start, end, folded)
    for index in range(len(stops)):
        if stops[index] == word and found[index] != row:
            found[index] = row
            return 1
    return 0
