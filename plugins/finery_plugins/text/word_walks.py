"""Numba kernels that list the folded words of texts, and that hash whole texts."""

from __future__ import annotations

from finery_plugins.text.kernels import Array, byte_hash, word_hashes
from finery_plugins.text.overlap_walks import walk


@walk
def listed_words(offsets: Array, data: Array, table: Array, out: Array, ends: Array) -> None:
    """Write a hash of each folded word of each text to `out` (bytes / 2 + n,), their ends to `ends` (n,)."""
    written = 0
    for row in range(len(offsets) - 1):
        written += word_hashes(data, offsets[row], offsets[row + 1], table, out[written:])
        ends[row] = written


@walk
def text_hashes(offsets: Array, data: Array, out: Array) -> None:
    """Fill `out` (n,) with a hash of the bytes of each text."""
    for row in range(len(offsets) - 1):
        out[row] = byte_hash(data, offsets[row], offsets[row + 1])
