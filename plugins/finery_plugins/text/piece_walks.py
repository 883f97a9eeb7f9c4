"""Numba kernels that cut texts into the pieces a language model predicts: bytes, characters, or words without loss."""

from __future__ import annotations

import numpy as np

from finery_plugins.text.kernels import Array, byte_hash, decoded, mixed
from finery_plugins.text.overlap_walks import walk
from finery_plugins.text.traits import ALONE, MARK, SPACE

BYTES, CHARACTERS, WORDS = 0, 1, 2
"""What a piece is."""

APART = SPACE | ALONE | MARK
START, END, UNKNOWN = np.uint64(0x5354415254), np.uint64(0x454E44), np.uint64(0x554E4B4E4F574E)
"""The piece before every text, the one behind it, and any piece that a model does not know."""


@walk
def piece_end(data: Array, at: int, end: int, table: Array, unit: int) -> int:
    """Where the piece that begins at byte `at` ends.

    A word takes one space in front of it along; marks, other white space and characters of scripts without spaces are
    pieces of their own.
    """
    if unit == BYTES:
        return at + 1
    point, size = decoded(data, at, end)
    if unit == CHARACTERS:
        return at + size
    stop = at + size
    if point == 32 and stop < end:
        point, size = decoded(data, stop, end)
        if table[point] & SPACE:
            return stop
        stop += size
    if table[point] & APART:
        return stop
    while stop < end:
        point, size = decoded(data, stop, end)
        if table[point] & APART:
            break
        stop += size
    return stop


@walk
def pieces(offsets: Array, data: Array, table: Array, unit: int, out: Array, sizes: Array, ends: Array) -> None:
    """Write START, the pieces of each text and END to `out`, their bytes to `sizes`, a text's end to `ends`."""
    count = 0
    for row in range(len(offsets) - 1):
        at, end = offsets[row], offsets[row + 1]
        out[count], sizes[count] = START, 0
        count += 1
        while at < end:
            stop = piece_end(data, at, end, table, unit)
            out[count] = mixed(np.uint64(data[at]) + np.uint64(1)) if unit == BYTES else byte_hash(data, at, stop)
            sizes[count] = stop - at
            count, at = count + 1, stop
        out[count], sizes[count] = END, 0
        count += 1
        ends[row] = count
