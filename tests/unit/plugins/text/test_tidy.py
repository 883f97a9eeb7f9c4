"""What `clean` looks at by kernel and what it does in Python agree on any text."""

from __future__ import annotations

import functools
from typing import Any

import pyarrow as pa
import pytest
from ftfy.badness import is_bad
from hypothesis import given
from hypothesis import strategies as st

from finery_plugins.format import clean
from finery_plugins.format.clean import Clean, suspects, tidied, tidy

ODD = " \n\n\n\n\t\r\x0b\x1c\x85\u2028\u3000\xa0\x00\x7fabÃ©éâ€œ\u0301\u0323中。한ᄒ\u1161\u200b\ufeffﬁＷ\U000f0000"
TEXTS = st.lists(st.one_of(st.none(), st.text(ODD, max_size=30), st.text(max_size=30)), max_size=6)
OPTIONS: list[dict[str, Any]] = [
    {},
    {"repair": False},
    {"normal_form": "NFKC"},
    {"normal_form": "none"},
    {"controls": False},
    {"whitespace": False},
    {"repair": False, "normal_form": "none", "controls": False},
]


def large(texts: list[str | None]) -> pa.Array:
    return pa.array(texts, pa.large_string())


def in_python(plugin: Clean, text: str | None) -> str | None:
    return None if text is None else functools.reduce(clean.apply, plugin.steps(), text)


@pytest.mark.parametrize("options", OPTIONS)
@given(texts=TEXTS)
def test_texts_are_cleaned_as_python_cleans_them(options: dict[str, Any], texts: list[str | None]) -> None:
    plugin = Clean(**options)
    assert plugin.cleaned(large(texts)).to_pylist() == [in_python(plugin, text) for text in texts]


@pytest.mark.parametrize("options", OPTIONS)
@given(texts=TEXTS)
def test_the_same_array_comes_back_where_nothing_changes(options: dict[str, Any], texts: list[str | None]) -> None:
    once = Clean(**options).cleaned(large(texts))
    after = Clean(**options).cleaned(once)
    assert after is once or not after.equals(once)


@given(st.lists(st.text(ODD, max_size=40), max_size=6), st.integers(0, 3))
def test_white_space_is_tidied_as_python_does(texts: list[str], skipped: int) -> None:
    part = large([*texts]).slice(skipped)
    assert tidied(part).to_pylist() == [tidy(text) for text in part.to_pylist()]


def test_no_text_looks_badly_encoded_without_a_suspect() -> None:
    known = set(suspects())
    others = [chr(p) for p in range(0x80, 0x34000) if not 0xD800 <= p < 0xE000 and chr(p) not in known]
    for pattern in ("{}", "a{} ", " {}a", "{0}{0}", ". {}"):
        assert not is_bad("".join(pattern.format(character) for character in others))


@given(st.lists(st.binary(max_size=30), max_size=5))
def test_bytes_that_are_no_text_are_looked_at_within_bounds(blobs: list[bytes]) -> None:
    texts = pa.array(blobs, pa.large_binary()).view(pa.large_string())
    assert len(Clean().faults(texts)) == len(blobs)
    assert len(tidied(texts)) == len(blobs)
