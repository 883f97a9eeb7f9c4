"""Numba kernels over the lines and paragraphs of documents: how many repeat, begin with bullets, end in marks.

All of them stand in this one file because numba's cache looks only at the file of the kernel that it loads. They
read the bytes and what `words.marked` said of each. Their plain-Python twins stand in the tests.
"""

from __future__ import annotations

import numpy as np

from finery_plugins.text.kernels import Array, inlined, lean
from finery_plugins.text.kinds import BREAK, CHOSEN, INSIDE, SPACE

SHIFT_A, SHIFT_B, SHIFT_C = np.uint64(30), np.uint64(27), np.uint64(31)
MIX_A, MIX_B = np.uint64(0xBF58476D1CE4E5B9), np.uint64(0x94D049BB133111EB)
BASIS, CHAIN = np.uint64(0xCBF29CE484222325), np.uint64(0x9E3779B97F4A7C15)
NONE, BYTE = np.uint64(0), np.uint64(8)


@inlined
def hashed(data: Array, at: int, end: int) -> np.uint64:
    """A hash of bytes, eight at a time, by splitmix64's mixer, and never 0."""
    value, packed = BASIS + np.uint64(end - at), NONE
    for index in range(at, end):
        packed = packed << BYTE | np.uint64(data[index])
        if (index - at) & 7 == 7:
            value = (value ^ packed) * CHAIN
            value ^= value >> SHIFT_C
            packed = NONE
    value = (value ^ packed) * CHAIN
    value = (value ^ (value >> SHIFT_A)) * MIX_A
    value = (value ^ (value >> SHIFT_B)) * MIX_B
    value = value ^ (value >> SHIFT_C)
    return CHAIN if value == NONE else value


@inlined
def characters(kinds: Array, at: int, end: int) -> int:
    """How many characters the bytes hold."""
    count = 0
    for index in range(at, end):
        count += kinds[index] & INSIDE == 0
    return count


@inlined
def stripped(kinds: Array, at: int, end: int) -> tuple[int, int]:
    """The span without white space around it."""
    while at < end and kinds[at] & SPACE:
        at += 1
    while at < end and kinds[end - 1] & SPACE:
        end -= 1
    return at, end


@lean
def cut(data: Array, kinds: Array, at: int, end: int, least: int, raw: bool, starts: Array, ends: Array) -> int:
    """Write the spans between separators; how many.

    Where `raw`, a separator is a run of at least `least` newlines, as `re.split` sees it: spans can be empty.
    Otherwise it is a run of white space with that many newlines in it, and no span is blank.
    """
    if not raw:
        at, end = stripped(kinds, at, end)
        if at == end:
            return 0
    count, start = 0, at
    while at < end:
        if data[at] != 10 and (raw or not kinds[at] & SPACE):
            at += 1
            continue
        first, newlines = at, 0
        while at < end and (data[at] == 10 or (not raw and kinds[at] & SPACE)):
            newlines += data[at] == 10
            at += 1
        if newlines >= least:
            starts[count], ends[count] = start, first
            count, start = count + 1, at
    starts[count], ends[count] = start, end
    return count + 1


@lean
def broken(data: Array, kinds: Array, at: int, end: int, starts: Array, ends: Array) -> int:
    """Write the spans that `str.splitlines()` gives, without white space around them; how many."""
    count, start = 0, at
    while at < end:
        first = at
        at += 1
        if not kinds[first] & BREAK:
            continue
        while at < end and kinds[at] & INSIDE:
            at += 1
        at += data[first] == 13 and at < end and data[at] == 10
        starts[count], ends[count] = stripped(kinds, start, first)
        count, start = count + 1, at
    if start < end:
        starts[count], ends[count] = stripped(kinds, start, end)
        count += 1
    return count


@inlined
def new(keys: Array, mask: int, value: np.uint64) -> bool:
    """Put a value that is not 0 into a hash table; whether it was not there."""
    slot = np.int64(value & np.uint64(mask))
    while keys[slot] != NONE:
        if keys[slot] == value:
            return False
        slot = (slot + 1) & mask
    keys[slot] = value
    return True


@lean
def cleared(keys: Array, count: int) -> int:
    """Make room for `count` values in a hash table; its mask."""
    size = 4
    while size < 2 * count:
        size *= 2
    keys[:size] = 0
    return size - 1


@lean
def repeats(data: Array, kinds: Array, starts: Array, ends: Array, count: int, keys: Array) -> tuple[int, int, int]:
    """Spans that repeat an earlier one, their characters, and the characters of all."""
    mask, again, lost, total = cleared(keys, count), 0, 0, 0
    for index in range(count):
        length = characters(kinds, starts[index], ends[index])
        total += length
        if not new(keys, mask, hashed(data, starts[index], ends[index])):
            again += 1
            lost += length
    return again, lost, total


@lean
def repeated(
    offsets: Array, data: Array, kinds: Array, raw: bool, starts: Array, ends: Array, keys: Array, out: Array
) -> None:
    """Fill `out` (n, 9): all lines, repeated ones, characters of those, of all; the same of paragraphs; characters."""
    base, text = offsets[0], data[offsets[0] : offsets[-1]]
    for row in range(len(offsets) - 1):
        at, end = offsets[row] - base, offsets[row + 1] - base
        for least in range(1, 3):
            first, last = stripped(kinds, at, end) if least == 2 else (at, end)
            count = cut(text, kinds, first, last, least, raw, starts, ends)
            again, lost, total = repeats(text, kinds, starts, ends, count, keys)
            place = 4 * (least - 1)
            out[row, place], out[row, place + 1], out[row, place + 2], out[row, place + 3] = count, again, lost, total
        out[row, 8] = characters(kinds, at, end)


@inlined
def ellipsis(data: Array, at: int, end: int) -> int:
    """The bytes of the ellipsis at `at`, of one character or three full stops; 0 where none is."""
    if at + 2 >= end:
        return 0
    dots = data[at] == 46 and data[at + 1] == 46 and data[at + 2] == 46
    return 3 if dots or (data[at] == 0xE2 and data[at + 1] == 0x80 and data[at + 2] == 0xA6) else 0


@lean
def decorated(offsets: Array, data: Array, kinds: Array, raw: bool, starts: Array, ends: Array, out: Array) -> None:
    """Fill `out` (n, 5): lines, those that begin with a CHOSEN character, that end in an ellipsis; `#`, ellipses.

    Where `raw`, lines are those of `str.splitlines()`, otherwise those between newlines that are not blank.
    """
    base, text = offsets[0], data[offsets[0] : offsets[-1]]
    for row in range(len(offsets) - 1):
        at, end = offsets[row] - base, offsets[row + 1] - base
        count = broken(text, kinds, at, end, starts, ends) if raw else cut(text, kinds, at, end, 1, False, starts, ends)
        bullets, trailing, hashes, ellipses = 0, 0, 0, 0
        for index in range(count):
            first, last = starts[index], ends[index]
            bullets += first < last and kinds[first] & CHOSEN != 0
            trailing += last - first >= 3 and ellipsis(text, last - 3, last) > 0
        while at < end:
            hashes += text[at] == 35
            size = ellipsis(text, at, end) if text[at] == 46 or text[at] == 0xE2 else 0
            ellipses += size > 0
            at += max(size, 1)
        out[row, 0], out[row, 1], out[row, 2], out[row, 3], out[row, 4] = count, bullets, trailing, hashes, ellipses


@lean
def punctuated(
    offsets: Array, data: Array, kinds: Array, short: int, starts: Array, ends: Array, keys: Array, out: Array
) -> None:
    """Fill `out` (n, 6): lines that are not blank, those that end in a CHOSEN character, of at most `short`
    characters, characters of repeated ones; characters without newlines; newlines."""
    base, text = offsets[0], data[offsets[0] : offsets[-1]]
    for row in range(len(offsets) - 1):
        at, end = offsets[row] - base, offsets[row + 1] - base
        pieces, count, closed, brief = cut(text, kinds, at, end, 1, True, starts, ends), 0, 0, 0
        for index in range(pieces):
            first, last = starts[index], ends[index]
            inner = stripped(kinds, first, last)
            if inner[0] == inner[1]:
                continue
            starts[count], ends[count] = first, last
            count += 1
            closed += kinds[last - 1] & CHOSEN != 0
            brief += characters(kinds, first, last) <= short
        _, lost, _ = repeats(text, kinds, starts, ends, count, keys)
        newlines = 0
        for index in range(at, end):
            newlines += text[index] == 10
        total = characters(kinds, at, end) - newlines
        out[row, 0], out[row, 1], out[row, 2], out[row, 3], out[row, 4] = count, closed, brief, lost, total
        out[row, 5] = newlines


@lean
def runs(offsets: Array, data: Array, kinds: Array, mark: int, symbol: int, out: Array) -> None:
    """Fill `out` (n, 4): characters but for white space, marks, symbols among them, the longest run of one mark."""
    base, text = offsets[0], data[offsets[0] : offsets[-1]]
    for row in range(len(offsets) - 1):
        at, end = offsets[row] - base, offsets[row + 1] - base
        solid, marks, symbols, run, longest, before, size = 0, 0, 0, 0, 0, at, 0
        while at < end:
            after = at + 1
            while after < end and kinds[after] & INSIDE:
                after += 1
            kind = kinds[at]
            solid += kind & SPACE == 0
            symbols += kind & symbol != 0
            same = size == after - at
            for index in range(after - at if same else 0):
                same = same and text[before + index] == text[at + index]
            run = (run + 1 if same else 1) if kind & mark else 0
            marks += kind & mark != 0
            longest = max(longest, run)
            before, size, at = at, after - at, after
        out[row, 0], out[row, 1], out[row, 2], out[row, 3] = solid, marks, symbols, longest
