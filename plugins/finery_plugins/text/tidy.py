"""Numba kernels that say which texts the format `clean` has to look at, and that tidy the white space of some.

All of them stand in this one file because numba's cache looks only at the file of the kernel that it loads; it does
not see a change of `decoded`. Their plain-Python twins stand in the tests.
"""

from __future__ import annotations

from finery_plugins.text.kernels import Array, decoded, kernel

CLASS, BLANK, SUSPECT, CONTROL, LOOSE = 0xFF, 1 << 8, 1 << 9, 1 << 10, 1 << 11
"""Bits of a character: its combining class; white space; one that text in a wrong encoding has; a control character
or a line break other than newline; one that a normal form may change."""

UNTIDY = 1 << 12
"""Said of a text beside SUSPECT, CONTROL and LOOSE: white space at the end of a line, newlines at an end of the text,
or more than three of them in a row."""

NEWLINE, MOST = 10, 3


@kernel
def faults(offsets: Array, data: Array, table: Array, out: Array) -> None:
    """Fill `out` (n,) with the bits of what may have to be mended in each text."""
    for row in range(len(offsets) - 1):
        at, end = offsets[row], offsets[row + 1]
        found, before, newlines, blank = 0, 0, 0, False
        untidy = at < end and data[at] == NEWLINE
        while at < end:
            point, size = decoded(data, at, end)
            at += size
            trait = int(table[point])
            found |= trait
            combining = trait & CLASS
            if combining and before > combining:
                found |= LOOSE
            before = combining
            if point == NEWLINE:
                newlines += 1
                untidy = untidy or blank or newlines > MOST
                blank = False
            else:
                newlines, blank = 0, trait & BLANK != 0
        ends_loosely = blank or (offsets[row] < end and data[end - 1] == NEWLINE)
        out[row] = found & (SUSPECT | CONTROL | LOOSE) | UNTIDY * (untidy or ends_loosely)


@kernel
def tidied(offsets: Array, data: Array, table: Array, ends: Array, out: Array) -> None:
    """Write the texts without white space at the ends of lines, newlines at both ends, or more than two blank lines
    in a row; and to `ends` (n,) where they end."""
    written = 0
    for row in range(len(offsets) - 1):
        at, end = offsets[row], offsets[row + 1]
        first, line, newlines, solid = written, at, 0, False
        kept = written
        while at < end:
            point, size = decoded(data, at, end)
            if point == NEWLINE:
                written, line, solid = kept, at + 1, False
                newlines += 1
            elif solid or not table[point] & BLANK:
                if not solid:
                    for _ in range(min(newlines, MOST) if kept > first else 0):
                        out[written] = NEWLINE
                        written += 1
                    newlines, solid = 0, True
                    for index in range(line, at):
                        out[written] = data[index]
                        written += 1
                for index in range(at, at + size):
                    out[written] = data[index]
                    written += 1
                if not table[point] & BLANK:
                    kept = written
            at += size
        written = kept
        ends[row] = written
