"""Which language a text is in: by py3langid's model, walked over Arrow's buffers by a kernel, or by fastText's."""

from __future__ import annotations

import functools
import importlib
import unicodedata
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from finery import missing_extra
from finery_plugins.text import lid176
from finery_plugins.text.characters import characters
from finery_plugins.text.measures import frozen, kernels, view
from finery_plugins.text.stored import source, stored

LanguageModel = Literal["py3langid", "fasttext"]

UNDETERMINED = "und"
"""ISO 639's code for a text whose language cannot be told, such as one without letters."""

WEIGHTS = 4096
"""Counts of a feature whose weight is looked up; nearly all are 1."""


HALVES = 1 << 16
"""Half-precision numbers there are; each has a whole multiple of 2^-24 for its value."""

LANES, STEPS = 16, 4096
"""Texts that the kernel walks side by side, and for how many bytes: those of 1,000 characters at most."""


@dataclass(frozen=True)
class Automaton:
    """py3langid's model: an automaton over bytes whose states stand for byte sequences, and their log
    probabilities.

    All arrays are read-only. The sequences are those that tell languages apart best (Lui and Baldwin 2011).
    """

    moves: np.ndarray
    """`uint32` (rows x 256,): the next state by row and byte."""
    rows: np.ndarray
    """`uint16` or `uint32` (states,): the row of each state; many share one."""
    features: np.ndarray
    """`int32` (states,): the feature that a state stands for, or -1."""
    table: np.ndarray
    """`int16` (features, columns): log probabilities in units of `scale`, without loss."""
    scale: float
    priors: np.ndarray
    """`float64` (columns,): log probabilities of the columns."""
    twins: np.ndarray
    """`int64` (pairs, 2): columns of the same language, such as Serbian in either script."""
    codes: tuple[str, ...]
    """The language of each column."""


@functools.cache
def automaton() -> Automaton:
    """The model. Raises MissingExtra without py3langid."""
    file = model_file()
    arrays = dict(stored("py3langid", source(__file__, file), functools.partial(converted, file)))
    codes, scale = arrays.pop("codes"), arrays.pop("scale")
    return Automaton(**arrays, scale=float(scale), codes=tuple(codes.tolist()))


def model_file() -> str:
    """Where py3langid's model lies. Raises MissingExtra without py3langid."""
    try:
        library = importlib.import_module("py3langid.langid")
    except ImportError:
        raise missing_extra("plugin 'language'", "py3langid", "text") from None
    return str(Path(str(library.__file__)).parent / library.MODEL_FILE)


def converted(file: str) -> dict[str, np.ndarray]:
    """The model's arrays as the kernel wants them, from half a second of unpacking."""
    from py3langid.langid import LanguageIdentifier

    read = LanguageIdentifier.from_model_file(file)
    codes = tuple(read.nb_classes)
    twins = [(codes.index(code), column) for column, code in enumerate(codes) if codes.index(code) < column]
    table, scale = whole_numbers(read.nb_ptc)
    return {
        "moves": np.array(read.tk_nextmove),
        "rows": np.array(read.tk_row),
        "features": np.array(read.tk_output, np.int32),
        "table": table,
        "scale": np.array(scale),
        "priors": np.array(read.nb_pc, np.float64),
        "twins": np.array(twins, np.int64).reshape(-1, 2),
        "codes": np.array(codes),
    }


def whole_numbers(table: np.ndarray) -> tuple[np.ndarray, float]:
    """Half-precision numbers as whole multiples of a power of two, and that power: no digit is lost.

    Two bytes where they fit, since what is slow about a model of 14 million numbers is to fetch them.
    """
    patterns = np.ascontiguousarray(table).view(np.uint16)
    there = np.zeros(HALVES, bool)
    there[patterns] = True
    exact = np.where(there, np.arange(HALVES, dtype=np.uint16).view(np.float16), 0).astype(np.float64)
    power = next(power for power in range(25) if not np.any(exact * 2**power % 1))
    scaled = exact * 2**power
    fits = np.abs(scaled).max() < 2**15
    return scaled.astype(np.int16 if fits else np.int32)[patterns], 2.0**-power


@functools.cache
def languages(model: LanguageModel) -> frozenset[str]:
    """The codes that the model can answer: ISO 639-1, or 639-3 where there is no shorter one."""
    return frozenset(MODELS[model].codes())


def identified(texts: pa.Array, limit: int, model: LanguageModel = "py3langid") -> tuple[pa.Array, pa.Array]:
    """`string` and `float64` (n,): language and its probability, from the first `limit` characters of each text.

    The same language as the library's, and its probability; py3langid's but for the rounding of its single-precision
    sums: within 0.001, and mostly within 0.00001. Both read text in normal form C, and in lower case if it is all upper
    case. A text without letters is `und` with probability 0.
    """
    kernel, seen, classify = walker(), view(texts), MODELS[model].classify
    starts = seen.offsets[:-1]
    ends, faces = np.zeros(len(texts), np.int64), np.zeros(len(texts), np.uint8)
    kernel.openings(seen.offsets, seen.data, characters(), limit, ends, faces)
    lettered, rough = faces & kernel.LETTERS != 0, faces & kernel.ROUGH != 0
    best, confidence = np.full(len(texts), -1, np.int64), np.zeros(len(texts), np.float64)
    plain = np.flatnonzero(lettered & ~rough)
    best[plain], confidence[plain] = classify(starts[plain], ends[plain], seen.data)
    odd = np.flatnonzero(lettered & rough)
    mended = view(pa.array([mend(seen.data[starts[row] : ends[row]]) for row in odd], pa.large_string()))
    best[odd], confidence[odd] = classify(mended.offsets[:-1], mended.offsets[1:], mended.data)
    return named(best, MODELS[model].codes()), pa.array(confidence)


def mend(data: np.ndarray) -> str:
    """The text as py3langid reads it: in lower case if it is all upper case, and in normal form C."""
    text = data.tobytes().decode(errors="replace")
    return unicodedata.normalize("NFC", text.lower() if text.isupper() else text)


def classified(starts: np.ndarray, ends: np.ndarray, data: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """`int64` and `float64` (n,): the likeliest column of each text in `data`, and its probability."""
    model = automaton()
    best, confidence = np.empty(len(ends), np.int64), np.empty(len(ends), np.float64)
    counts, seen = np.zeros((2, len(model.table) + 1), np.int32)
    walker().classified(
        frozen(starts), frozen(ends), data,
        model.moves, model.rows, model.features, model.table, model.scale, model.priors, model.twins, weights(),
        np.empty(LANES, np.uint32), np.empty((LANES, STEPS), np.int32), counts, seen,
        np.empty(len(model.priors), np.int32), np.empty(len(model.priors)),
        best, confidence,
    )  # fmt: skip
    return best, confidence


def named(columns: np.ndarray, codes: tuple[str, ...]) -> pa.Array:
    """`string` (n,): the language of each column, `und` for -1."""
    every = pa.array([*codes, UNDETERMINED], pa.string())
    return pc.take(every, pa.array(np.where(columns < 0, len(codes), columns)))


@functools.cache
def weights() -> np.ndarray:
    """`float64` (4096,): log(1 + count), rounded to single precision as py3langid rounds it."""
    return frozen(np.log1p(np.arange(WEIGHTS, dtype=np.float32)).astype(np.float64))


@functools.cache
def walker() -> Any:
    """The module of the automaton's kernels. Raises MissingExtra without numba."""
    kernels()
    import finery_plugins.text.automaton as module

    return module


@dataclass(frozen=True)
class Identifier:
    """How a model answers."""

    classify: Callable[[np.ndarray, np.ndarray, np.ndarray], tuple[np.ndarray, np.ndarray]]
    """From starts, ends and bytes of texts to the number of a language and its probability, (n,) each."""
    codes: Callable[[], tuple[str, ...]]
    """The languages by number."""


MODELS: dict[LanguageModel, Identifier] = {
    "py3langid": Identifier(classified, lambda: automaton().codes),
    "fasttext": Identifier(lid176.classified, lid176.codes),
}
