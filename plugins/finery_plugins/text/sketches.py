"""Numba kernels of the embedding that needs no model: features of texts, their projection, and hashes of vectors.

A feature is a word, three characters of one, or, in scripts written without spaces, a character or two. All arithmetic
is on whole numbers, so that vectors and keys are equal on every machine and in every batch. All of them stand in this
one file because numba looks only at the file of the kernel that it loads. Plain-Python twins stand in the tests.
"""

from __future__ import annotations

import numpy as np

from finery_plugins.text.kernels import BASIS, CHAIN, PRIME, Array, decoded, kernel, mixed
from finery_plugins.text.traits import ALONE, FOLD, SPACE

WORD, PIECE, CHARACTER, PAIR = 0, 1, 2, 3
"""Kinds of feature: the two highest bits of a bucket."""

BUCKETS = 1 << 18
"""Features are told apart by 18 bits, two for their kind."""

SIZE, BLOCKS = 256, 8
"""Numbers in a vector; a feature is added to or taken from one of each eighth of them."""

HIGH, LOW = np.uint64(48), np.uint64(6)
SIXTH, PLACE = np.uint64(63), np.uint64(31)


@kernel
def hashed(value: np.uint64, kind: int) -> int:
    """The bucket of a feature."""
    return kind << 16 | int(mixed(value) >> HIGH)


@kernel
def noted(bucket: int, counts: Array, touched: Array, count: int) -> int:
    """Count a feature once more; how many different ones there are."""
    if counts[bucket] == 0:
        touched[count] = bucket
        count += 1
    counts[bucket] += 1
    return count


@kernel
def features(data: Array, at: int, end: int, table: Array, counts: Array, touched: Array) -> int:
    """Count the features of one document in `counts` and list them in `touched`; how many different ones.

    Words are those of `word_hashes`: folded, without marks. Pieces of a word are its runs of three characters,
    one beyond either end counted in.
    """
    count, letters, word = 0, 0, BASIS
    before, last, alone = np.uint64(0), np.uint64(0), np.uint64(0)
    while at < end:
        point, size = decoded(data, at, end)
        at += size
        trait = table[point]
        apart = trait & (SPACE | ALONE) != 0
        fold = np.uint64(trait & FOLD)
        if letters and apart:
            count = noted(hashed(word, WORD), counts, touched, count)
            count = noted(hashed((before * PRIME ^ last) * PRIME, PIECE), counts, touched, count)
            letters, word, before, last = 0, BASIS, np.uint64(0), np.uint64(0)
        if trait & ALONE:
            count = noted(hashed(fold, CHARACTER), counts, touched, count)
            if alone:
                count = noted(hashed(alone * PRIME ^ fold, PAIR), counts, touched, count)
            alone = fold
        elif fold and not trait & SPACE:
            if letters:
                count = noted(hashed((before * PRIME ^ last) * PRIME ^ fold, PIECE), counts, touched, count)
            word = (word ^ fold) * PRIME
            before, last, alone = last, fold, np.uint64(0)
            letters += 1
        elif not trait & SPACE:
            alone = np.uint64(0)
    if letters:
        count = noted(hashed(word, WORD), counts, touched, count)
        count = noted(hashed((before * PRIME ^ last) * PRIME, PIECE), counts, touched, count)
    return count


@kernel
def frequencies(offsets: Array, data: Array, table: Array, counts: Array, touched: Array, out: Array) -> None:
    """Add to `out` (buckets,) in how many documents each feature stands."""
    for row in range(len(offsets) - 1):
        count = features(data, offsets[row], offsets[row + 1], table, counts, touched)
        for index in range(count):
            out[touched[index]] += 1
            counts[touched[index]] = 0


@kernel
def sketched(
    offsets: Array, data: Array, table: Array, weights: Array, logs: Array, counts: Array, touched: Array, out: Array
) -> None:  # fmt: skip
    """Fill `out` (n, 256) with the sum over features of weight x log of the count x a fixed vector of signs.

    The fixed vector has eight numbers that are not 0 (Kane and Nelson 2014), chosen by a hash of the bucket.
    """
    for row in range(len(offsets) - 1):
        count = features(data, offsets[row], offsets[row + 1], table, counts, touched)
        for index in range(count):
            bucket = touched[index]
            value = weights[bucket] * logs[min(counts[bucket], len(logs) - 1)]
            counts[bucket] = 0
            bits = mixed(np.uint64(bucket) * CHAIN + BASIS)
            for block in range(BLOCKS):
                part = bits & SIXTH
                bits = bits >> LOW
                place = block * (SIZE // BLOCKS) + int(part & PLACE)
                out[row, place] += value if part > PLACE else -value


@kernel
def rotated(vector: Array, signs: Array) -> None:
    """Turn a vector of 2^k whole numbers: three times, change signs and take the Walsh-Hadamard transform."""
    for turn in range(3):
        vector *= signs[turn]
        half = 1
        while half < len(vector):
            for start in range(0, len(vector), 2 * half):
                for index in range(start, start + half):
                    left, right = vector[index], vector[index + half]
                    vector[index], vector[index + half] = left + right, left - right
            half *= 2


@kernel
def polytope_keys(vectors: Array, signs: Array, rows: int, scratch: Array, out: Array) -> None:
    """Fill `out` (n, bands): each band's hash of `rows` cross-polytope hashes of each vector.

    A cross-polytope hash is the axis that a turned vector is nearest to, and on which side (Andoni et al. 2015).
    """
    for row in range(len(vectors)):
        for band in range(out.shape[1]):
            value = np.uint64(band)
            for number in range(band * rows, (band + 1) * rows):
                scratch[:] = 0
                scratch[: vectors.shape[1]] = vectors[row]
                rotated(scratch, signs[number])
                axis = np.argmax(np.abs(scratch))
                value = value * CHAIN + np.uint64(2 * axis + (scratch[axis] < 0))
            out[row, band] = mixed(value)
