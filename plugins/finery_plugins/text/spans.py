"""Spans of tokens that texts repeat: which may be repeated, their keys, and texts without them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from finery_plugins.text.measures import View, frozen, kernels, view
from finery_plugins.text.passages import flags, remade
from finery_plugins.text.traits import traits

LEAST_BYTES = 1 << 10
"""Bytes of the smallest bitmap."""

BITS = 16
"""Bits for each fingerprint that is to be expected: one in sixteen is then taken for another."""

TOKEN_BYTES = 5
"""Bytes of a token, at least on the whole."""


def seen_twice(sizes: int, batches: Iterable[pa.Array], length: int, most_bytes: int) -> bytes:
    """A bitmap of the fingerprints that stand at least twice in batches of texts, and of some others.

    `sizes` is the bytes of all texts; the two bitmaps that it takes hold at most `most_bytes` together.
    """
    fingerprints = 2 * sizes // TOKEN_BYTES // (length - length // 2 + 2)
    room = LEAST_BYTES
    while room * 8 < BITS * fingerprints and room * 4 <= most_bytes:
        room *= 2
    once, twice = np.zeros((2, room), np.uint8)
    for texts in batches:
        seen = view(texts)
        span_kernels().sighted(seen.offsets, seen.data, traits(), length, once, twice, *scratch(seen)[:5])
    return twice.tobytes()


def scratch(seen: View) -> tuple[np.ndarray, ...]:
    """Room for starts, stops, hashes, values, places and choices of the longest text's tokens."""
    room = int(np.diff(seen.offsets).max(initial=0)) + 1
    signed, unsigned = np.empty((4, room), np.int64), np.empty((2, room), np.uint64)
    return signed[0], signed[1], unsigned[0], unsigned[1], signed[2], signed[3]


def span_keys(texts: pa.Array, length: int, twice: np.ndarray) -> pa.Array:
    """`large_list<uint64>` (n,): the keys of the spans of `length` tokens that may stand elsewhere too."""
    seen = view(texts)
    ends = np.zeros(len(texts) + 1, np.int64)
    out = np.empty(int(seen.offsets[-1] - seen.offsets[0]), np.uint64)
    walk = span_kernels().spanned
    walk(seen.offsets, seen.data, traits(), length, twice, *scratch(seen), ends[1:], out)
    return pa.LargeListArray.from_arrays(pa.array(ends), pa.array(out[: ends[-1]]))


def without_spans(texts: pa.Array, gone: pa.Array, length: int, twice: np.ndarray) -> tuple[pa.Array, int]:
    """`large_string` (n,): the texts without the tokens of spans for which `gone` is true, a list of booleans a text.

    Null where nothing is left. Beside them, how many stretches of tokens went.
    """
    seen = view(texts)
    firsts, marks = flags(gone)
    out, ends = np.empty(int(seen.offsets[-1] - seen.offsets[0]), np.uint8), np.zeros(len(texts) + 1, np.int64)
    walk = span_kernels().kept
    count = walk(seen.offsets, seen.data, traits(), length, twice, firsts, marks, *scratch(seen), ends[1:], out)
    return remade(texts, seen, out, ends), count


def bitmap(state: pa.Table) -> np.ndarray:
    """The bitmap in a state, read-only and without a copy."""
    held = state["twice"].chunk(0)
    first, last = held.offset, held.offset + 1
    ends = np.frombuffer(held.buffers()[1], np.int64)[first : last + 1]
    return frozen(np.frombuffer(held.buffers()[2], np.uint8)[ends[0] : ends[1]])


def as_state(twice: bytes) -> pa.Table:
    """A bitmap as a table."""
    return pa.table({"twice": pa.array([twice], pa.large_binary())})


def sizes_of(batches: Iterable[pa.Array]) -> int:
    """The bytes of all texts."""
    return sum(pc.sum(pc.binary_length(texts)).as_py() or 0 for texts in batches)


def span_kernels() -> Any:
    """The kernels over spans; an import statement, because that is what the digest of a plugin's code follows.

    Raises MissingExtra without numba.
    """
    kernels()
    import finery_plugins.text.span_walks as module

    return module
