"""Numba kernels of the n-gram model: its hash table filled, and the chance of each piece of a text read from it.

Kernels that call each other stand in this one file because numba's cache looks only at the file of the one it loads.
"""

from __future__ import annotations

import math

import numpy as np

from finery_plugins.text.kernels import CHAIN, MIX_A, MIX_B, Array, kernel

FIRST, SECOND = np.uint64(31), np.uint64(29)
ONE = np.uint64(1)


@kernel
def joined(before: np.uint64, piece: np.uint64) -> np.uint64:
    """The key of an n-gram from that of all its pieces but the last, and the last; never 0."""
    value = (before * CHAIN + piece) * MIX_A
    value = (value ^ (value >> FIRST)) * MIX_B
    return (value ^ (value >> SECOND)) | ONE


@kernel
def joined_keys(before: Array, pieces: Array) -> Array:
    """The keys (n,) of as many n-grams."""
    out = np.empty(len(pieces), np.uint64)
    for index in range(len(pieces)):
        out[index] = joined(before[index], pieces[index])
    return out


@kernel
def slot_of(keys: Array, key: np.uint64) -> int:
    """Where a key stands, or the free slot where it would."""
    mask = np.uint64(len(keys) - 1)
    slot = (key >> SECOND) & mask
    while keys[slot] != 0 and keys[slot] != key:
        slot = (slot + ONE) & mask
    return int(slot)


@kernel
def filled(new: Array, chances: Array, backoffs: Array, keys: Array, out_chances: Array, out_backoffs: Array) -> None:
    """Put keys with what belongs to them into empty slots."""
    for index in range(len(new)):
        slot = slot_of(keys, new[index])
        keys[slot], out_chances[slot], out_backoffs[slot] = new[index], chances[index], backoffs[index]


@kernel
def scored(
    ends: Array, pieces: Array, sizes: Array, keys: Array, chances: Array, backoffs: Array,
    order: int, base: float, a_piece: float, a_byte: float, unknown: np.uint64, out: Array,
) -> None:  # fmt: skip
    """Fill `out` (n,) with nats. `base` is what the lowest order gives every piece alike.

    `slots` and `ngrams` are those of the n-grams that end at the piece before, the shortest first, as far as the model
    has them: it has none that is longer than one it lacks.
    """
    slots, ngrams = np.zeros(order, np.int64), np.zeros(order, np.uint64)
    for row in range(len(ends) - 1):
        total, held = 0.0, 0
        for at in range(ends[row], ends[row + 1]):
            piece = pieces[at]
            slot = slot_of(keys, piece)
            if keys[slot] == 0:
                total += a_piece + a_byte * sizes[at]
                piece = unknown
                slot = slot_of(keys, piece)
            chance, new = base + chances[slot], 0
            before_slot, before_key = slots[0], ngrams[0]
            if keys[slot] != 0:
                slots[0], ngrams[0], new = slot, piece, 1
            for length in range(1, min(held + 1, order)):
                chance *= backoffs[before_slot]
                key = joined(before_key, piece)
                slot = slot_of(keys, key)
                chance += chances[slot]
                before_slot, before_key = slots[length], ngrams[length]
                if keys[slot] != 0 and new == length:
                    slots[length], ngrams[length], new = slot, key, length + 1
            held = new
            if at > ends[row]:
                total -= math.log(chance)
        out[row] = total
