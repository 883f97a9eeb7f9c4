"""Numba kernels that walk a byte automaton and weigh what it found: naive Bayes over Arrow's string buffers.

They take `data` of UTF-8 bytes as they lie in Arrow memory, read-only, and never copy a text. `decoded` comes
from `kernels.py`, and numba's cache of this file does not see a change there: change both files together.
"""

from __future__ import annotations

import math

import numpy as np

from finery_plugins.text.characters import CLASS, LETTER, LOWER, UNSETTLED, UPPER
from finery_plugins.text.kernels import Array, decoded, kernel

BYTE = np.uint64(8)
MANY = 1 << 16
"""Rows of 16-bit numbers of which the sum surely fits 32 bits."""

LETTERS, ROUGH = 1, 2
"""Bits of what `openings` says: the text has letters; it has to be put in lower case or in normal form C."""


@kernel
def openings(offsets: Array, data: Array, table: Array, characters: int, ends: Array, faces: Array) -> None:
    """Fill `ends` (n,) with the byte where the first `characters` of each text end, `faces` (n,) with bits.

    A text is in form C if none of its characters is unsettled and marks stand in the order of their combining
    classes: the quick check of Unicode Standard Annex 15. It is put in lower case where it is all upper case.
    """
    for row in range(len(offsets) - 1):
        at, end = offsets[row], offsets[row + 1]
        count, before, found, ordered = 0, 0, 0, True
        while at < end and count < characters:
            point, size = decoded(data, at, end)
            at += size
            count += 1
            trait = int(table[point])
            found |= trait
            combining = trait & CLASS
            ordered &= combining == 0 or before <= combining
            before = combining
        shouted = found & UPPER != 0 and found & LOWER == 0
        ends[row] = at
        faces[row] = LETTERS * (found & LETTER != 0) | ROUGH * (shouted or not ordered or found & UNSETTLED != 0)


@kernel
def walked(
    starts: Array, ends: Array, data: Array, moves: Array, rows: Array, features: Array, states: Array, paths: Array
) -> None:
    """Fill `paths` (lanes, steps) with the feature, or -1, at each step of as many texts as there are lanes.

    Each step waits for memory, so texts side by side take half the time of one after the other. `states` are
    left where they stand after the last step, for what is longer. Unsigned places spare a look at their sign.
    """
    steps = min((ends - starts).max(), paths.shape[1])
    states[:] = 0
    for step in range(steps):
        for lane in range(len(starts)):
            at = starts[lane] + step
            if at < ends[lane]:
                state = moves[np.uint64(rows[states[lane]]) << BYTE | np.uint64(data[np.uint64(at)])]
                states[lane] = state
                paths[lane, step] = features[state]


@kernel
def tallied(
    path: Array, data: Array, at: int, end: int, state: int, moves: Array, rows: Array, features: Array,
    counts: Array, seen: Array,
) -> int:  # fmt: skip
    """Count the features of one text in `counts`, list them in `seen`; how many there are.

    Those of `path` come first, then those on the way from `state` over the bytes from `at` to `end`.
    """
    different = 0
    for step in range(len(path)):
        feature = path[step]
        if feature >= 0:
            seen[different] = feature
            different += counts[feature] == 0
            counts[feature] += 1
    for index in range(at, end):
        state = moves[int(rows[state]) << 8 | int(data[index])]
        feature = features[state]
        if feature >= 0:
            seen[different] = feature
            different += counts[feature] == 0
            counts[feature] += 1
    return different


@kernel
def weighed(
    counts: Array, seen: Array, different: int, table: Array, weights: Array, once: Array, scores: Array
) -> None:
    """Fill `scores` with the sum of the rows of the features seen, by weight; their counts go back to 0.

    Most features are seen once: their rows add up in whole numbers, in `once`, at a third of the time.
    """
    once[:], scores[:], single = 0, 0.0, 0
    for index in range(different):
        feature, count = seen[index], counts[seen[index]]
        counts[feature] = 0
        if count == 1 and single < MANY:
            seen[single] = feature
            single += 1
            continue
        weight = weights[count] if count < len(weights) else math.log1p(count)
        for column in range(len(scores)):
            scores[column] += weight * table[feature, column]
    rest = single & 3
    for index in range(rest):
        for column in range(len(once)):
            once[column] += table[seen[index], column]
    for index in range(rest, single, 4):
        a, b, c, d = seen[index], seen[index + 1], seen[index + 2], seen[index + 3]
        for column in range(len(once)):
            once[column] += (
                np.int32(table[a, column]) + np.int32(table[b, column])
                + np.int32(table[c, column]) + np.int32(table[d, column])
            )  # fmt: skip
    for column in range(len(scores)):
        scores[column] += weights[1] * once[column]


@kernel
def normalised(scores: Array, twins: Array, temperature: float) -> None:
    """Turn scores into probabilities; of two columns of one language the first gets those of both."""
    top, total = scores.max(), 0.0
    for column in range(len(scores)):
        scores[column] = math.exp((scores[column] - top) * temperature)
        total += scores[column]
    for column in range(len(scores)):
        scores[column] /= total
    for pair in range(len(twins)):
        scores[twins[pair, 0]] += scores[twins[pair, 1]]
        scores[twins[pair, 1]] = 0.0


@kernel
def decided(scores: Array, different: int, size: int, scale: float, priors: Array, twins: Array) -> int:
    """Turn the sums of one text of `size` bytes into probabilities; the likeliest column.

    Scores are divided by the root of the bytes, which keeps probabilities honest for texts of any length; a
    text without features is as likely in one column as in another.
    """
    if different:
        for column in range(len(scores)):
            scores[column] = scores[column] * scale + priors[column]
    normalised(scores, twins, 1.0 / math.sqrt(max(size, 1)))
    return int(scores.argmax())


@kernel
def classified(
    starts: Array, ends: Array, data: Array,
    moves: Array, rows: Array, features: Array, table: Array, scale: float, priors: Array, twins: Array, weights: Array,
    states: Array, paths: Array, counts: Array, seen: Array, once: Array, scores: Array, best: Array,
    confidence: Array,
) -> None:  # fmt: skip
    """Fill `best` (n,) with the likeliest column of each text and `confidence` (n,) with its probability."""
    lanes, steps = paths.shape
    for first in range(0, len(ends), lanes):
        last = min(first + lanes, len(ends))
        walked(starts[first:last], ends[first:last], data, moves, rows, features, states, paths)
        for row in range(first, last):
            at, end = starts[row], ends[row]
            path, state = paths[row - first, : min(end - at, steps)], states[row - first]
            rest = at + len(path)
            different = tallied(path, data, rest, end, state, moves, rows, features, counts, seen)
            weighed(counts, seen, different, table, weights, once, scores)
            best[row] = decided(scores, different, end - at, scale, priors, twins)
            confidence[row] = scores[best[row]]
