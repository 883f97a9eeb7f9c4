"""Names of people in texts, by a token classification model that the user names."""

from __future__ import annotations

import functools
from collections.abc import Iterator, Sequence
from typing import Any

from finery import missing_extra
from finery_plugins.text.chunks import chunks

LABELS = ("PER", "PERSON", "NAME")
"""What models call a person's name, without `B-` and `I-`: CoNLL 2003, OntoNotes, and others."""

CHARACTERS = 1000
"""How much of a text a model reads at once: at most 512 tokens of nearly every tokenizer and script."""


def people(texts: Sequence[str], model: str) -> Iterator[tuple[int, int, int]]:
    """Row, first byte and end of each name. Raises MissingExtra without transformers."""
    classify = tagger(model)
    for row, text in enumerate(texts):
        for start, piece in chunks(text, CHARACTERS):
            for entity in classify([piece])[0]:
                if entity["entity_group"].upper() in LABELS:
                    first = start + entity["start"]
                    at = len(text[:first].encode())
                    yield row, at, at + len(text[first : start + entity["end"]].encode())


@functools.cache
def tagger(model: str) -> Any:
    """A function from a text to its entities. One text at a time: padding would make answers depend on neighbours."""
    try:
        import torch  # noqa: F401
        from transformers import pipeline
    except ImportError:
        raise missing_extra("plugin 'pii'", "transformers", "train") from None
    return pipeline("token-classification", model=model, aggregation_strategy="simple", device="cpu")
