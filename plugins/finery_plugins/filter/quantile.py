"""The k-th largest number of a column that is read in batches: exact, in memory that does not grow with the
column.

Radix selection: finite floats are mapped to 64-bit integers of the same order, and four passes each settle 16
bits of the answer by a histogram of 65,536 counts.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

import numpy as np

DIGIT, DIGITS = 16, 4
SIGN = np.uint64(1 << 63)
Read = Callable[[], Iterable[np.ndarray]]


def largest(read: Read, share: float) -> float | None:
    """The least of the best `share` (0 to 1) of all finite numbers, rounded up to a whole one; None without
    any.

    `read` gives the numbers, `float64` (m,) a batch, each time it is called.
    """
    records = sum(int(np.isfinite(numbers).sum()) for numbers in read())
    if not records:
        return None
    wanted, found = int(np.ceil(round(share * records, 9))), np.uint64(0)
    for digit in range(DIGITS):
        counts = histogram(read(), digit, found)
        above = np.cumsum(counts[::-1])
        place = int(np.searchsorted(above, wanted))
        wanted -= int(above[place]) - int(counts[::-1][place])
        found = (found << np.uint64(DIGIT)) | np.uint64(len(counts) - 1 - place)
    return float(unordered(np.array([found], np.uint64))[0])


def histogram(batches: Iterable[np.ndarray], digit: int, found: np.uint64) -> np.ndarray:
    """`int64` (65,536,): how many of the numbers that begin with the digits found have each next digit."""
    counts = np.zeros(1 << DIGIT, np.int64)
    for numbers in batches:
        heads = ordered(numbers[np.isfinite(numbers)]) >> np.uint64(64 - DIGIT * (digit + 1))
        if digit:
            heads = heads[heads >> np.uint64(DIGIT) == found]
        counts += np.bincount((heads & np.uint64(0xFFFF)).astype(np.int64), minlength=len(counts))
    return counts


def ordered(numbers: np.ndarray) -> np.ndarray:
    """`uint64` (n,) in the order of finite floats; -0.0 counts as 0.0."""
    bits = (numbers + 0.0).view(np.uint64)
    return np.where(bits & SIGN, ~bits, bits | SIGN)


def unordered(bits: np.ndarray) -> np.ndarray:
    """The floats (n,) that `ordered` was given."""
    return np.where(bits & SIGN, bits ^ SIGN, ~bits).view(np.float64)
