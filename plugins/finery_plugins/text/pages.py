"""Numba kernels that read pages as C4 does: which lines stay, how many sentences they hold, what drops the page.

All of them stand in this one file because numba's cache looks only at the file of the kernel that it loads. They
read the bytes and what `words.marked` said of each. Their plain-Python twins stand in the tests.
"""

from __future__ import annotations

from finery_plugins.text.kernels import Array, inlined, lean
from finery_plugins.text.kinds import ALONE, APART, BREAK, CHOSEN, DIGIT, INSIDE, SPACE, STOP

NEWLINE, SQUARE, CLOSING, BRACE, DOT = 10, 91, 93, 123, 46


@inlined
def same(data: Array, at: int, end: int, needle: Array) -> bool:
    """Whether the bytes of `needle` stand at `at`."""
    if end - at < len(needle):
        return False
    for index in range(len(needle)):  # noqa: SIM110 - numba has no all()
        if data[at + index] != needle[index]:
            return False
    return True


@inlined
def mentions(line: Array, size: int, needles: Array, ends: Array, initials: Array) -> int:
    """Which needles stand in the line, as bits; each ends at one of `ends` in `needles`.

    `initials` (256,) says of each byte whether a needle begins with it.
    """
    bits = 0
    for at in range(size):
        if not initials[line[at]]:
            continue
        first = 0
        for number in range(len(ends)):
            if not bits >> number & 1 and same(line, at, size, needles[first : ends[number]]):
                bits |= 1 << number
            first = ends[number]
    return bits


@lean
def citation(data: Array, kinds: Array, at: int, end: int, needles: Array, ends: Array) -> int:
    """Where the citation mark at `at` ends: digits in brackets or one of the last two needles; `at` for none."""
    for number in range(len(ends) - 2, len(ends)):
        needle = needles[ends[number - 1] : ends[number]]
        if same(data, at, end, needle):
            return at + len(needle)
    after = at + 1
    while after < end and kinds[after] & DIGIT:
        after += 1
    return after + 1 if after < end and data[after] == CLOSING else at


@inlined
def copied(
    data: Array,
    kinds: Array,
    at: int,
    end: int,
    citations: bool,
    needles: Array,
    ends: Array,
    line: Array,
    marks: Array,
) -> int:
    """Copy a line in lower case to `line` and its kinds to `marks`, citation marks left out; its bytes."""
    size = 0
    while at < end:
        if citations and data[at] == SQUARE:
            after = citation(data, kinds, at, end, needles, ends)
            if after > at:
                at = after
                continue
        byte = data[at]
        line[size] = byte + 32 if 65 <= byte <= 90 else byte
        marks[size] = kinds[at]
        size, at = size + 1, at + 1
        if size > 2 and line[size - 3] == 0xE2 and line[size - 2] == 0x84 and line[size - 1] == 0xAA:
            size -= 2  # KELVIN SIGN, the one character outside ASCII that is a letter of ASCII in lower case
            line[size - 1], marks[size - 1] = 107, marks[size - 1] & ~INSIDE
    return size


@inlined
def worded(kinds: Array, at: int, end: int) -> tuple[int, int]:
    """Words of a line as `str.split()` has them, or characters of scripts without spaces; and the characters of
    the longest."""
    words, run, longest, inside = 0, 0, 0, False
    for index in range(at, end):
        kind = kinds[index]
        if kind & INSIDE:
            continue
        alone, space = kind & ALONE != 0, kind & SPACE != 0
        words += alone or not (space or inside)
        run = 0 if space else run + 1 if inside and not alone else 1
        inside = not (alone or space)
        longest = max(longest, run)
    return words, longest


@inlined
def sentences(marks: Array, size: int) -> int:
    """Sentences of a line: ends of STOP marks, with what closes quotes and brackets, before a space or the line's
    end, or after a character of a script without spaces; and a rest behind the last."""
    count, at, rest = 0, 0, False
    while at < size:
        if not marks[at] & STOP:
            rest = rest or not marks[at] & SPACE
            at += 1
            continue
        alone = at > 0 and marks[at - 1] & ALONE != 0
        while at < size and marks[at] & (STOP | APART):
            at += 1
        rest = True
        if at >= size or alone or marks[at] & SPACE:
            count, rest = count + 1, False
    return count + rest


@inlined
def judged(
    data: Array, kinds: Array, at: int, end: int, wide: bool, limits: Array, needles: Array, ends: Array,
    initials: Array, line: Array, marks: Array,
) -> tuple[int, int]:  # fmt: skip
    """What a line is: its sentences where it stays, -1 where it goes; and 1 for lorem ipsum, 2 for a curly bracket.

    `limits` are: fewest words, longest word, whether end marks are asked for and citations left out, and the bits of
    the needles that drop a line; a negative number asks for nothing. Needles: lorem ipsum, a curly bracket,
    javascript, phrases of policies, two citations. With `wide` words are counted before citations are left out.
    """
    words, longest = worded(kinds, at, end)
    if 0 <= limits[1] < longest:
        return -1, 0
    size = copied(data, kinds, at, end, limits[3] > 0, needles, ends, line, marks)
    if limits[2] > 0 and not closed(line, marks, size):
        return -1, 0
    words = words if wide else worded(marks, 0, size)[0]
    if words < limits[0]:
        return -1, 0
    said = mentions(line, size, needles, ends, initials)
    script = said & limits[4] & 4
    flags = said & 1 if script else said & 3
    if said & limits[4]:
        return -1, flags
    return sentences(marks, size), flags


@inlined
def closed(line: Array, marks: Array, size: int) -> bool:
    """Whether a line ends in a CHOSEN mark and not in three full stops."""
    if size == 0 or not marks[size - 1] & CHOSEN:
        return False
    return size < 3 or line[size - 1] != DOT or line[size - 2] != DOT or line[size - 3] != DOT


@inlined
def next_line(data: Array, kinds: Array, at: int, end: int) -> tuple[int, int, int]:
    """The line at `at` without white space around it, and where the next begins, as `str.splitlines()` has them."""
    first = at
    while at < end and not kinds[at] & BREAK:
        at += 1
    last, beyond = at, at + 1
    while first < last and kinds[first] & SPACE:
        first += 1
    while first < last and kinds[last - 1] & SPACE:
        last -= 1
    while beyond < end and kinds[beyond] & INSIDE:
        beyond += 1
    beyond += beyond < end and data[beyond - 1] == 13 and data[beyond] == 10
    return first, last, beyond


@lean
def cleaned(
    offsets: Array, data: Array, kinds: Array, wide: bool, limits: Array, needles: Array, ends: Array,
    initials: Array, line: Array, marks: Array, out: Array,
) -> None:  # fmt: skip
    """Fill `out` (n, 4): sentences in the lines that stay, those lines, lines of lorem ipsum, of curly brackets."""
    base, text = offsets[0], data[offsets[0] : offsets[-1]]
    for row in range(len(offsets) - 1):
        at, end = offsets[row] - base, offsets[row + 1] - base
        total, kept, lorems, braces = 0, 0, 0, 0
        while at < end:
            first, last, at = next_line(text, kinds, at, end)
            count, flags = judged(text, kinds, first, last, wide, limits, needles, ends, initials, line, marks)
            total += max(count, 0)
            kept += count >= 0
            lorems += flags & 1
            braces += flags >> 1
        out[row, 0], out[row, 1], out[row, 2], out[row, 3] = total, kept, lorems, braces


@inlined
def appended(
    data: Array, kinds: Array, at: int, end: int, citations: bool, needles: Array, ends: Array,
    first: int, written: int, solid: int, out: Array,
) -> tuple[int, int]:  # fmt: skip
    """Write a line, citation marks left out where `citations`, behind the others of the page that begins at `first`
    of `out`; how far `out` is written, and how far up to the last character that is no white space.

    White space before all else is not written.
    """
    if written > first:
        out[written] = NEWLINE
        written += 1
    while at < end:
        if citations and data[at] == SQUARE:
            after = citation(data, kinds, at, end, needles, ends)
            if after > at:
                at = after
                continue
        space = kinds[at] & SPACE != 0
        if written > first or not space:
            out[written] = data[at]
            written += 1
            solid = solid if space else written
        at += 1
    return written, solid


@lean
def rewritten(
    offsets: Array, data: Array, kinds: Array, wide: bool, limits: Array, needles: Array, ends: Array,
    initials: Array, line: Array, marks: Array, stops: Array, out: Array,
) -> None:  # fmt: skip
    """Write the lines that stay, page after page, without white space at both ends of a page; and to `stops` (n,)
    where the pages end."""
    base, text, written = offsets[0], data[offsets[0] : offsets[-1]], 0
    for row in range(len(offsets) - 1):
        at, end = offsets[row] - base, offsets[row + 1] - base
        begin, solid = written, written
        while at < end:
            first, last, at = next_line(text, kinds, at, end)
            count, _ = judged(text, kinds, first, last, wide, limits, needles, ends, initials, line, marks)
            if count >= 0:
                written, solid = appended(
                    text, kinds, first, last, limits[3] > 0, needles, ends, begin, written, solid, out
                )
        written = solid
        stops[row] = written


@lean
def long_lines(offsets: Array, data: Array, kinds: Array, least: int, out: Array) -> None:
    """Fill `out` (n,): lines between newlines of at least `least` characters."""
    base, text = offsets[0], data[offsets[0] : offsets[-1]]
    for row in range(len(offsets) - 1):
        count, length = 0, 0
        for at in range(offsets[row] - base, offsets[row + 1] - base):
            if text[at] == 10:
                count, length = count + (length >= least), 0
            else:
                length += kinds[at] & INSIDE == 0
        out[row] = count + (length >= least)
