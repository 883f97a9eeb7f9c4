"""Lines and paragraphs of texts: their keys, and texts without some of them; numba is loaded at the first question."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from finery_plugins.text.measures import View, kernels, view
from finery_plugins.text.traits import traits

Unit = Literal["line", "paragraph"]
Form = Literal["none", "whitespace", "letters"]

FORMS = {"none": 0, "whitespace": 1, "letters": 2}
"""The kernels' numbers of the forms."""


def passage_keys(texts: pa.Array, unit: Unit, form: Form, least: int) -> pa.Array:
    """`large_list<uint64>` (n,): the key of each passage of `large_string` texts without nulls.

    Null for one of fewer than `least` characters in the form in which it is compared.
    """
    seen = view(composed(texts, form))
    ends = np.zeros(len(texts) + 1, np.int64)
    room = len(texts) + int(np.count_nonzero(seen.data[seen.offsets[0] : seen.offsets[-1]] == 10))
    keys, valid = np.zeros(room, np.uint64), np.zeros(room, bool)
    walk = passage_kernels().keyed
    count = walk(seen.offsets, seen.data, traits(), unit == "paragraph", FORMS[form], least, ends[1:], keys, valid)
    flat = pa.array(keys[:count], mask=~valid[:count])
    return pa.LargeListArray.from_arrays(pa.array(ends), flat)


def composed(texts: pa.Array, form: Form) -> pa.Array:
    """The texts in Unicode's normal form C, which neither makes nor takes a newline, where the form asks for it."""
    seen = view(texts)
    plain = form == "none" or not len(texts) or seen.data[seen.offsets[0] : seen.offsets[-1]].max(initial=0) < 0x80
    return texts if plain else pc.utf8_normalize(texts, "NFC")


def without_passages(texts: pa.Array, gone: pa.Array, unit: Unit) -> pa.Array:
    """`large_string` (n,): the texts without the passages for which `gone` is true, a list of booleans a text.

    Null where nothing is left; a text without passages stays.
    """
    seen = view(texts)
    firsts, marks = flags(gone)
    out, ends = np.empty(int(seen.offsets[-1] - seen.offsets[0]), np.uint8), np.zeros(len(texts) + 1, np.int64)
    walk = passage_kernels().kept
    walk(seen.offsets, seen.data, traits(), unit == "paragraph", firsts, marks, out, ends[1:])
    return remade(texts, seen, out, ends)


def flags(lists: pa.Array) -> tuple[np.ndarray, np.ndarray]:
    """Where each list of booleans starts (n,), and all of them."""
    values = np.asarray(pc.list_flatten(lists)).astype(bool)
    return list_ends(lists)[:-1], values


def list_ends(lists: pa.Array) -> np.ndarray:
    """`int64` (n + 1,): where each list begins and ends among the values of all."""
    ends = np.zeros(len(lists) + 1, np.int64)
    np.cumsum(pc.fill_null(pc.list_value_length(lists), 0), out=ends[1:])
    return ends


def remade(texts: pa.Array, seen: View, out: np.ndarray, ends: np.ndarray) -> pa.Array:
    """Texts from the bytes that are left of each; null where none are of a text that had some."""
    buffers = [None, pa.py_buffer(ends), pa.py_buffer(out[: ends[-1]])]
    made = pa.Array.from_buffers(pa.large_string(), len(texts), buffers)
    empty = (np.diff(ends) == 0) & (np.diff(seen.offsets) > 0)
    return pc.if_else(pa.array(empty), pa.scalar(None, pa.large_string()), made)


def passage_kernels() -> Any:
    """The kernels over passages; an import statement, because that is what the digest of a plugin's code follows.

    Raises MissingExtra without numba.
    """
    kernels()
    import finery_plugins.text.passage_walks as module

    return module
