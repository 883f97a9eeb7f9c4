"""Numba kernels over lists of word hashes: hashed n-grams, sums of their weights, and logistic regression on them.

They take `offsets` (n + 1,) and `words` as `wordlists.py` makes them. Kernels that call each other stand in this one
file because numba's cache looks only at the file of the kernel it loads. Sums are taken in the order of the text or
of the records and without fast maths, so that equal input gives equal bits.
"""

from __future__ import annotations

import math

import numpy as np

from finery_plugins.text.kernels import CHAIN, MIX_B, Array, kernel

HIGH = np.uint64(16)
"""The low bits of a product are the poorest, and are left out of a bucket's number."""


@kernel
def buckets_of(words: Array, first: int, last: int, ngram: int, buckets: int, out: Array) -> int:
    """Write the bucket of each run of 1 to `ngram` words to `out`, by place and length; how many there are."""
    count = 0
    for at in range(first, last):
        value = np.uint64(0)
        for end in range(at, min(at + ngram, last)):
            value = (value * CHAIN + words[end]) * MIX_B
            out[count] = (value >> HIGH) % np.uint64(buckets)
            count += 1
    return count


@kernel
def counted(offsets: Array, words: Array, ngram: int, scratch: Array, counts: Array) -> None:
    """Add how often each bucket is met to `counts` (buckets,)."""
    for row in range(len(offsets) - 1):
        for index in range(buckets_of(words, offsets[row], offsets[row + 1], ngram, len(counts), scratch)):
            counts[scratch[index]] += 1


@kernel
def summed(offsets: Array, words: Array, ngram: int, weights: Array, scratch: Array, out: Array) -> None:
    """Fill `out` (n,) with the sum of the weights (buckets,) of all n-grams of each text."""
    for row in range(len(offsets) - 1):
        total = 0.0
        for index in range(buckets_of(words, offsets[row], offsets[row + 1], ngram, len(weights), scratch)):
            total += weights[scratch[index]]
        out[row] = total


@kernel
def distinct(row: int, count: int, stamps: Array, scratch: Array) -> int:
    """Move the different ones of the first `count` buckets to the front; how many. `stamps` (buckets,) holds rows."""
    kept = 0
    for index in range(count):
        bucket = scratch[index]
        if stamps[bucket] != row + 1:
            stamps[bucket] = row + 1
            scratch[kept] = bucket
            kept += 1
    return kept


@kernel
def featured(
    offsets: Array, words: Array, limit: int, ngram: int, stamps: Array, scratch: Array, ends: Array, out: Array
) -> None:
    """Write the different buckets of the first `limit` words of each text to `out`, their ends to `ends` (n,)."""
    written = 0
    for row in range(len(offsets) - 1):
        last = min(offsets[row] + limit, offsets[row + 1])
        count = distinct(row, buckets_of(words, offsets[row], last, ngram, len(stamps), scratch), stamps, scratch)
        out[written : written + count] = scratch[:count]
        written += count
        ends[row] = written


@kernel
def judged(
    offsets: Array, words: Array, limit: int, ngram: int, weights: Array, bias: float, stamps: Array, scratch: Array,
    out: Array,
) -> None:  # fmt: skip
    """Fill `out` (n,) with bias plus the sum of the weights of each text's different buckets over its root of them."""
    for row in range(len(offsets) - 1):
        last = min(offsets[row] + limit, offsets[row + 1])
        count = distinct(row, buckets_of(words, offsets[row], last, ngram, len(weights), scratch), stamps, scratch)
        total = 0.0
        for index in range(count):
            total += weights[scratch[index]]
        out[row] = bias + (total / math.sqrt(count) if count else 0.0)


@kernel
def proximal(z: float, n: float, alpha: float, beta: float, l1: float, l2: float) -> float:
    """A weight from its sums of gradients and of their squares."""
    if abs(z) <= l1:
        return 0.0
    return -(z - math.copysign(l1, z)) / ((beta + math.sqrt(n)) / alpha + l2)


@kernel
def learnt(
    starts: Array, features: Array, rows: Array, labels: Array, shares: Array, epochs: int,
    alpha: float, beta: float, l1: float, l2: float, z: Array, n: Array, weights: Array,
) -> None:  # fmt: skip
    """Fit `weights` (buckets + 1,), the last one the bias, by FTRL-Proximal (McMahan et al. 2013, algorithm 1).

    `rows` are the examples in their order, `starts` (n + 1,) where each one's buckets lie in `features`, `labels` 0 or
    1, `shares` how much each counts; z and n (buckets + 1,) begin at 0.
    """
    last = len(weights) - 1
    for _ in range(epochs):
        for row in rows:
            first, end = starts[row], starts[row + 1]
            size = 1.0 / math.sqrt(max(end - first, 1))
            total = proximal(z[last], n[last], alpha, beta, 0.0, l2)
            for index in range(first, end):
                bucket = features[index]
                weights[bucket] = proximal(z[bucket], n[bucket], alpha, beta, l1, l2)
                total += weights[bucket] * size
            slope = (1.0 / (1.0 + math.exp(-min(max(total, -35.0), 35.0))) - labels[row]) * shares[row]
            weights[last] = proximal(z[last], n[last], alpha, beta, 0.0, l2)
            moved(last, slope, alpha, z, n, weights)
            for index in range(first, end):
                moved(features[index], slope * size, alpha, z, n, weights)
    for bucket in range(last):
        weights[bucket] = proximal(z[bucket], n[bucket], alpha, beta, l1, l2)
    weights[last] = proximal(z[last], n[last], alpha, beta, 0.0, l2)


@kernel
def moved(bucket: int, gradient: float, alpha: float, z: Array, n: Array, weights: Array) -> None:
    """Add one gradient to the sums of a weight."""
    sigma = (math.sqrt(n[bucket] + gradient * gradient) - math.sqrt(n[bucket])) / alpha
    z[bucket] += gradient - sigma * weights[bucket]
    n[bucket] += gradient * gradient
