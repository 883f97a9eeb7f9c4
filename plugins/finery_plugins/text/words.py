"""Numba kernels that find the words of documents: what each byte is, where words end, what Gopher counts in them.

All of them stand in this one file because numba's cache looks only at the file of the kernel that it loads. Others
work on what these write (Python hands it on), never by calling them. Their plain-Python twins stand in the tests.
"""

from __future__ import annotations

import numpy as np

from finery_plugins.text.kernels import Array, inlined, lean
from finery_plugins.text.kinds import ALONE, ALPHA, APART, DIGIT, DOT, INSIDE, JOINT, QUOTE, SPACE, TRIVIAL

SHIFT_A, SHIFT_B, SHIFT_C = np.uint64(30), np.uint64(27), np.uint64(31)
MIX_A, MIX_B = np.uint64(0xBF58476D1CE4E5B9), np.uint64(0x94D049BB133111EB)
BASIS, CHAIN = np.uint64(0xCBF29CE484222325), np.uint64(0x9E3779B97F4A7C15)
ONE, BYTE, LOW = np.uint64(1), np.uint64(8), np.uint64(63)
SLASH, COLON = 47, 58
WORD = SPACE | ALONE
MARKS = APART | JOINT | DOT
LETTERED, EMPTY, LENGTH = 1, 2, 2
"""Of a face: the bit of a word with a letter, that of a word of TRIVIAL characters alone, and how far its number of
characters is shifted."""


@lean
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


@inlined
def hashed(data: Array, at: int, end: int, folded: bool) -> np.uint64:
    """A hash of bytes, eight at a time, by splitmix64's mixer; with A to Z as a to z where `folded`."""
    value, packed = BASIS + np.uint64(end - at), np.uint64(0)
    for index in range(at, end):
        byte = int(data[index])
        byte += 32 * (folded and 65 <= byte <= 90)
        packed = packed << BYTE | np.uint64(byte)
        if (index - at) & 7 == 7:
            value = (value ^ packed) * CHAIN
            value ^= value >> SHIFT_C
            packed = np.uint64(0)
    value = (value ^ packed) * CHAIN
    value = (value ^ (value >> SHIFT_A)) * MIX_A
    value = (value ^ (value >> SHIFT_B)) * MIX_B
    return value ^ (value >> SHIFT_C)


@inlined
def behind(kinds: Array, at: int, end: int) -> int:
    """Where the character at `at` ends."""
    at += 1
    while at < end and kinds[at] & INSIDE:
        at += 1
    return at


@inlined
def parts(mark: int, before: int, after: int, url: bool) -> bool:
    """Whether a mark parts a word, by its kind and those of its neighbours; behind a document's end stands SPACE."""
    inner = after & (WORD | APART | DOT) == 0
    if not url and inner and mark & JOINT:
        if after & ALPHA and before & (ALPHA | DIGIT):
            return True
        if after & DIGIT and before & DIGIT:
            return mark & APART == 0
    return mark & APART != 0 and not inner


@lean
def contracted(data: Array, kinds: Array, at: int, end: int) -> bool:
    """Whether an apostrophe and one of s, d, m, t, re, ve, ll end a word here."""
    at = behind(kinds, at, end)
    stop = at
    while stop < end and kinds[stop] & (ALPHA | DIGIT | ALONE):
        stop += 1
    first = int(data[at]) | 32 if stop > at else 0
    if stop - at == 1:
        return first == 115 or first == 100 or first == 109 or first == 116
    second = int(data[at + 1]) | 32 if stop - at == 2 else 0
    return ((first == 114 or first == 118) and second == 101) or (first == 108 and second == 108)


@inlined
def ended(kinds: Array, start: int, at: int, after: int) -> bool:
    """Whether the full stop at `at` ends a word that it is no part of, as in "end." but not in "e.g." or "A."."""
    if after & (WORD | APART | DOT) == 0:
        return False
    if after & DOT:
        return True
    lead = at - 1
    while lead > start and kinds[lead] & INSIDE:
        lead -= 1
    short = lead == start or kinds[lead - 1] & DOT != 0
    return not (short and kinds[lead] & ALPHA)


@inlined
def opening(data: Array, kinds: Array, low: int, start: int, end: int) -> int:
    """Where the token ends that the mark at `start` is by itself, or with full stops behind it; `start` for none."""
    mark, at = int(kinds[start]), start + 1
    if mark & DOT:
        while at < end and kinds[at] & DOT:
            at += 1
        return at if at - start > 1 else start
    while at < end and kinds[at] & INSIDE:
        at += 1
    if mark & APART and not (mark & QUOTE and contracted(data, kinds, start, end)):
        return at
    before, after = int(kinds[start - 1]) if start > low else SPACE, int(kinds[at]) if at < end else SPACE
    return at if mark & JOINT and before & WORD == 0 and parts(mark, before, after, False) else start


@inlined
def word_end(data: Array, kinds: Array, low: int, start: int, end: int, fine: bool) -> int:
    """Where the word that starts at `start` ends: at white space; of scripts without spaces after a character.

    Where `fine`, the marks around a word are words too. The document stands between `low` and `end`.
    """
    at, halts, url = start + 1, WORD | MARKS * fine, False
    if kinds[start] & halts:
        if kinds[start] & ALONE:
            return behind(kinds, start, end)
        at = opening(data, kinds, low, start, end)
        if at > start:
            return at
        at = behind(kinds, start, end)
    while True:
        while at < end and kinds[at] & halts == 0:
            at += 1
        if at == end or kinds[at] & WORD:
            return at
        mark = int(kinds[at])
        beyond = behind(kinds, at, end)
        after = int(kinds[beyond]) if beyond < end else SPACE
        url = url or (data[at] == COLON and beyond + 1 < end and data[beyond] == SLASH and data[beyond + 1] == SLASH)
        if parts(mark, int(kinds[at - 1]), after, url) or (mark & DOT and ended(kinds, start, at, after)):
            return at
        if mark & QUOTE and not url and not kinds[start] & APART and contracted(data, kinds, at, end):
            negated = int(data[at - 1]) | 32 == 110 and int(data[beyond]) | 32 == 116
            if not negated or at - 1 > start:
                return at - negated
        at = beyond


@lean
def tokenised(offsets: Array, data: Array, kinds: Array, fine: bool, ends: Array, hashes: Array, faces: Array) -> None:
    """Write the hash and the face of each word, document after document, and to `ends` (n,) where they end."""
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
            length, some, every = 0, 0, TRIVIAL
            for index in range(start, at):
                kind = int(kinds[index])
                length += kind & INSIDE == 0
                some |= kind
                every &= kind
            hashes[written] = hashed(text, start, at, False)
            faces[written] = length << LENGTH | EMPTY * (every != 0) | LETTERED * (some & ALPHA != 0)
            written += 1
        ends[row] = written


@lean
def summed(ends: Array, hashes: Array, faces: Array, stops: Array, found: Array, out: Array) -> None:
    """Fill `out` (n, 5) from the words and faces of `tokenised`: words, characters of those that are not EMPTY, words
    with a letter, words that are not EMPTY, and different stop words.

    `stops` (m,) holds the hashes of the stop words; `found` (m,) is room for the document that each was last seen in.
    """
    first, sieve = 0, np.uint64(0)
    for index in range(len(stops)):
        sieve |= ONE << (stops[index] & LOW)
        found[index] = -1
    for row in range(len(ends)):
        characters, lettered, counted, seen = 0, 0, 0, 0
        for index in range(first, ends[row]):
            face = int(faces[index])
            solid = face & EMPTY == 0
            lettered += face & LETTERED
            counted += solid
            characters += solid * (face >> LENGTH)
            if sieve >> (hashes[index] & LOW) & ONE:
                seen += stopped(hashes[index], stops, found, row)
        out[row, 0], out[row, 1], out[row, 2] = ends[row] - first, characters, lettered
        out[row, 3], out[row, 4] = counted, seen
        first = ends[row]


@lean
def stopped(word: np.uint64, stops: Array, found: Array, row: int) -> int:
    """1 where the word is a stop word that this document did not have yet."""
    for index in range(len(stops)):
        if stops[index] == word and found[index] != row:
            found[index] = row
            return 1
    return 0


@lean
def described(offsets: Array, data: Array, kinds: Array, stops: Array, longest: int, found: Array, out: Array) -> None:
    """Fill `out` (n, 5) as `summed` does, of words at white space, none of them EMPTY.

    A stop word is at most `longest` bytes long; neither marks around it nor the case of A to Z matter.
    """
    text = data[offsets[0] : offsets[-1]]
    found[:] = -1
    for row in range(len(offsets) - 1):
        low, end = offsets[row] - offsets[0], offsets[row + 1] - offsets[0]
        at = low
        words, lettered, characters, seen = 0, 0, 0, 0
        while at < end:
            if kinds[at] & SPACE:
                at += 1
                continue
            start, at = at, word_end(text, kinds, low, at, end, False)
            some = 0
            for index in range(start, at):
                characters += kinds[index] & INSIDE == 0
                some |= int(kinds[index])
            words += 1
            lettered += some & ALPHA != 0
            first, last = bare(kinds, start, at)
            if first < last <= first + longest:
                seen += stopped(hashed(text, first, last, True), stops, found, row)
        out[row, 0], out[row, 1], out[row, 2], out[row, 3], out[row, 4] = words, characters, lettered, words, seen


@inlined
def bare(kinds: Array, start: int, end: int) -> tuple[int, int]:
    """A word without marks around it."""
    while start < end and not kinds[start] & (ALPHA | DIGIT | ALONE):
        start += 1
    while start < end and not kinds[end - 1] & (ALPHA | DIGIT | ALONE):
        end -= 1
    return start, end
