"""The dedupe `exact`: records whose text is equal, as it stands or after it was made alike."""

from __future__ import annotations

import unicodedata
from typing import Literal

import pyarrow as pa
import pyarrow.compute as pc
import xxhash

from finery import Batch, hookimpl, plugin
from finery_plugins.text.content import contents

BESIDE_LETTERS = r"[\p{P}\p{S}\p{Z}\p{C}]+"
"""Punctuation, symbols, white space and control characters, for RE2."""


@plugin
class Exact:
    """Find records whose text is equal.

    The key is 128 bits of xxh3 of the text: at ten billion records 1e-19 wrong matches are to be expected.

    ```toml
    [[stage]]
    dedupe = "exact"
    normalise = "letters"
    ```
    """

    normalise: Literal["none", "whitespace", "letters"] = "whitespace"
    """What is made alike before texts are compared: `none` leaves every byte; `whitespace` brings Unicode to
    its normal form NFC, runs of white space to one space, and strips; `letters` also ignores case, white
    space, punctuation and symbols, so that only letters, their marks and digits count. A text without any is
    compared as it stands."""

    column: str | None = None
    """The column to compare; by default all text of a record, whatever its shape."""

    @hookimpl
    def dedupe(self, batch: Batch) -> pa.Array:
        """`fixed_size_binary(16)`: one key a record."""
        texts = FORMS[self.normalise](contents(batch, self.column))
        digest = xxhash.xxh3_128_digest
        return pa.array([digest(text) for text in texts.cast(pa.large_binary()).to_pylist()], pa.binary(16))


def as_they_are(texts: pa.Array) -> pa.Array:
    """The texts."""
    return texts


def evenly_spaced(texts: pa.Array) -> pa.Array:
    """Texts in NFC, one space for every run of white space."""
    return pa.array([" ".join(normal(text).split()) for text in texts.to_pylist()], pa.large_string())


def letters_only(texts: pa.Array) -> pa.Array:
    """Case-folded texts in NFC of letters, marks and digits; a text that has none as it is."""
    folded = pa.array([normal(normal(text).casefold()) for text in texts.to_pylist()], pa.large_string())
    bare = pc.replace_substring_regex(folded, BESIDE_LETTERS, "")
    return pc.if_else(pc.equal(pc.binary_length(bare), 0), texts, bare)


def normal(text: str) -> str:
    """A text in Unicode's composed normal form."""
    return unicodedata.normalize("NFC", text)


FORMS = {"none": as_they_are, "whitespace": evenly_spaced, "letters": letters_only}
