"""Texts as vectors whose cosine says how alike they are: from hashed words without a model, or from an encoder."""

from __future__ import annotations

import functools
import importlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from finery_plugins.text.encoder import encoded
from finery_plugins.text.measures import View, kernels, view
from finery_plugins.text.traits import traits

STEPS = 127
"""Vectors are whole numbers from -127 to 127. What is worked out of them is then exact, in whatever order it is added;
the cosine moves by less than 0.001."""

KINDS = (4, 1, 1, 2)
"""What a word, a piece of a word, a character and a pair of characters weigh: a word has some five pieces."""

FINE = 16
"""Weights are counted in sixteenths."""

DAMPING = 8
"""The words of FREQUENT count an eighth where no data set says how frequent words are."""

FREQUENT = """
the of and to in a is that for it as was with be by on not he i this are or his from at which but have an had they you
were their one all we can her has there been if more when will would who so no she other its may these what them than
some him time into only do such my our out up your about me could over also then de la le les des et en un une du est
que qui dans pour par sur el los las y con se der die das und den von zu mit sich ist auf für nicht
的 一 是 不 了 在 有 人 我 他 这 个 们 中 来 上 大 为 和 地 到 以 说 时 要 就 出 会 可 也 你 对 生 能 而 子 那 得 于
着 下 自 之 年 过 后 作 里 用 道 行 所 然 家 种 事 成 方 多 经 么 去 法 如 都 同 把 与 被 从 但 很 吗 请 给 我们 他们
可以 一个 这个 没有
"""
"""The words that are most frequent whatever a text is about, in six languages: articles, pronouns, particles."""

RELATED = (0.7, 0.75, 0.8, 0.85, 0.9, 0.93, 0.95, 0.97, 0.98, 0.99, 0.995, 1.0)
MEETING = {
    256: (0.151, 0.188, 0.243, 0.309, 0.400, 0.476, 0.545, 0.634, 0.693, 0.775, 0.835, 1.0),
    512: (0.126, 0.167, 0.215, 0.281, 0.370, 0.450, 0.522, 0.608, 0.673, 0.763, 0.824, 1.0),
    1024: (0.109, 0.147, 0.194, 0.257, 0.352, 0.427, 0.497, 0.593, 0.655, 0.747, 0.820, 1.0),
}
"""With what probability two vectors of a cosine (RELATED) have one cross-polytope hash, by their size: simulated with
40,000 pairs each, a standard error of 0.0025 at most. Larger vectors meet a little less often."""


@dataclass(frozen=True)
class Embedding:
    """How texts become vectors."""

    model: str | None = None
    """The folder or hub name of an encoder; None for hashed words."""
    weights: np.ndarray | None = None
    """`int32` (buckets,): what each feature of hashed words weighs; None for weights that no data was asked for."""

    def vectors(self, texts: pa.Array) -> np.ndarray:
        """`int8` (n, size) of `large_string` texts without nulls; all 0 where a text has no words.

        Each is worked out alone, so that it does not depend on the batch.
        """
        if self.model is None:
            return sketches(texts, default_weights() if self.weights is None else self.weights)
        different = pc.unique(texts)
        places = np.asarray(pc.index_in(texts, different).to_numpy(), np.int64)
        return levelled(encoded(self.model, different.to_pylist())).take(places, axis=0)


def sketches(texts: pa.Array, weights: np.ndarray) -> np.ndarray:
    """`int8` (n, 256): the weighted features of each text, log-scaled counts, projected by fixed signs."""
    module = kernel_module()
    out = np.zeros((len(texts), module.SIZE), np.int64)
    kernels_over(module.sketched, view(texts), weights, logarithms(), out=out)
    return levelled(out)


def kernel_module() -> Any:
    """The module of kernels. Raises MissingExtra without numba."""
    kernels()
    return importlib.import_module("finery_plugins.text.sketches")


def kernels_over(function: Callable[..., None], seen: View, *given: np.ndarray, out: np.ndarray) -> None:
    """Run a kernel that counts features over texts."""
    buckets = kernel_module().BUCKETS
    function(seen.offsets, seen.data, traits(), *given, np.zeros(buckets, np.int32), np.empty(buckets, np.int32), out)


def levelled(vectors: np.ndarray) -> np.ndarray:
    """`int8` (n, size): each vector scaled so that its largest number is 127 in size."""
    largest = np.abs(vectors).max(axis=1, keepdims=True, initial=0)
    return np.rint(vectors * (STEPS / np.where(largest > 0, largest, 1))).astype(np.int8)


@functools.cache
def logarithms() -> np.ndarray:
    """`int64` (1024,): 64 (1 + ln count), 0 for none; a count goes no higher."""
    counts = np.arange(1024)
    return frozen(np.where(counts > 0, np.rint(64 * (1 + np.log(np.maximum(counts, 1)))), 0).astype(np.int64))


def document_frequencies() -> np.ndarray:
    """`int64` (buckets,) of zeros: in how many texts each feature stands, to be counted up by `add_frequencies`."""
    return np.zeros(kernel_module().BUCKETS, np.int64)


def add_frequencies(counts: np.ndarray, texts: pa.Array) -> None:
    """Count the features of some texts."""
    kernels_over(kernel_module().frequencies, view(texts), out=counts)


def fitted_weights(counts: np.ndarray, records: int) -> np.ndarray:
    """`int32` (buckets,): a kind's weight x ln((1 + n) / (1 + df)), for n texts and df with the feature; at least 1."""
    inverse = np.log((1 + records) / (1 + counts))
    return frozen(np.maximum(1, np.rint(kind_weights() * np.maximum(inverse, 0))).astype(np.int32))


@functools.cache
def default_weights() -> np.ndarray:
    """`int32` (buckets,): a kind's weight, an eighth of it for the words that are frequent everywhere."""
    counts = document_frequencies()
    add_frequencies(counts, pa.array(FREQUENT.split(), pa.large_string()))
    weights = kind_weights()
    whole = np.arange(len(weights)) >> 16 != kernel_module().PIECE
    return frozen(np.where((counts > 0) & whole, weights // DAMPING, weights).astype(np.int32))


def kind_weights() -> np.ndarray:
    """`int32` (buckets,): what the kind of each bucket weighs, in sixteenths."""
    return np.repeat(np.array(KINDS, np.int32) * FINE, kernel_module().BUCKETS // len(KINDS))


def frozen(array: np.ndarray) -> np.ndarray:
    """The array, read-only: numba compiles once for those and once more for others."""
    array.setflags(write=False)
    return array


def cosines(left: np.ndarray, right: np.ndarray) -> np.ndarray:
    """`float64` (n,): the cosine of row i of both; 0 with a vector of zeros."""
    return np.asarray((left.astype(np.int64) * right).sum(1) / np.sqrt(squares(left) * squares(right)))


def products(left: np.ndarray, right: np.ndarray) -> np.ndarray:
    """`float64` (n, m): the scalar products of all rows of both, exact."""
    # 1,024 products of two numbers up to 127 stay below 2^24, up to which 32-bit floats are whole numbers.
    kind = np.dtype(np.float32 if left.shape[1] <= 1024 else np.float64)
    return np.asarray(np.matmul(left.astype(kind), right.astype(kind).T), np.float64)


def squares(vectors: np.ndarray) -> np.ndarray:
    """`float64` (n,): the squares of the Euclidean lengths, 1 for a vector of zeros."""
    return np.asarray(np.maximum(np.square(vectors, dtype=np.int64).sum(1), 1), np.float64)


def keys(vectors: np.ndarray, bands: int, rows: int) -> np.ndarray:
    """`uint64` (n, bands): vectors that are alike share some of them (see `sketches.polytope_keys`)."""
    size = padded_size(vectors.shape[1])
    out, turns = np.zeros((len(vectors), bands), np.uint64), turning(bands * rows, size)
    kernel_module().polytope_keys(np.ascontiguousarray(vectors), turns, rows, np.zeros(size, turns.dtype), out)
    return out


def padded_size(size: int) -> int:
    """The power of two that holds a vector, 256 at least."""
    return max(256, 1 << (size - 1).bit_length())


@functools.lru_cache(maxsize=8)
def turning(count: int, size: int) -> np.ndarray:
    """(count, 3, size) of 1 and -1: fixed, so that keys of two runs can be compared; bits of splitmix64's numbers.

    Of `int32` where no turned vector can overflow it: each transform lengthens a vector by the root of its size.
    """
    module = kernels()
    words = module.CHAIN * np.arange(1, count * 3 * size // 64 + 1, dtype=np.uint64) + np.uint64(2)
    bits = np.unpackbits(np.array([module.mixed(word) for word in words], "<u8").view(np.uint8))
    kind = np.int32 if STEPS * size**2 < 2**31 else np.int64
    return frozen((bits.astype(kind) * 2 - 1).reshape(count, 3, size))


def bands_for(threshold: float, recall: float, rows: int, size: int) -> int:
    """How many bands of `rows` hashes let a pair of that cosine share one with probability `recall`, at least 1."""
    known = MEETING[min(1024, padded_size(size))]
    both = float(np.interp(threshold, RELATED, known)) ** rows
    return 1 if both >= 1 else max(1, int(np.ceil(np.log(1 - recall) / np.log1p(-both))))
