"""Which language a text is in: py3langid's bundled model, one identifier a process."""

from __future__ import annotations

import functools
from collections.abc import Iterable
from typing import Any

import pyarrow as pa

from finery import missing_extra

UNDETERMINED = "und"
"""ISO 639's code for a text whose language cannot be told, such as one without letters."""


@functools.cache
def identifier() -> Any:
    """The identifier, with probabilities that add up to 1. Raises MissingExtra without py3langid."""
    try:
        from py3langid.langid import MODEL_FILE, LanguageIdentifier
    except ImportError:
        raise missing_extra("plugin 'language'", "py3langid", "text") from None
    return LanguageIdentifier.from_model_file(MODEL_FILE, norm_probs=True)


def languages() -> frozenset[str]:
    """The codes that the model can answer: ISO 639-1, or 639-3 where there is no shorter one."""
    return frozenset(identifier().nb_classes)


def identified(texts: Iterable[str], characters: int) -> tuple[pa.Array, pa.Array]:
    """`string` and `float64` (n,): language and its probability, from the first `characters` of each text.

    A text without letters is `und` with probability 0.
    """
    classify = identifier().classify
    openings = (text[:characters] for text in texts)
    answers = [classify(text) if any(map(str.isalpha, text)) else (UNDETERMINED, 0.0) for text in openings]
    codes, confidences = zip(*answers, strict=True) if answers else ((), ())
    return pa.array(codes, pa.string()), pa.array(confidences, pa.float64())
