"""The dedupe `lines` gives passages their keys and takes them out, as a few lines of plain Python do."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from finery import PipelineError, Tally
from finery.testing import check, sample
from finery_plugins.dedupe.lines import Lines
from finery_plugins.text.traits import FOLD, traits

BatchOf = Callable[..., pa.Table]
ODD = " \n\n\n\t\r\x0b\x1c\u2028\u3000abAB中é.…-İß\u0301"
TEXTS = st.lists(st.one_of(st.text(max_size=40), st.text(ODD, max_size=60)), max_size=6)

UNITS = st.sampled_from(["line", "paragraph"])


def passages(text: str, unit: str) -> list[tuple[int, int]]:
    """Where each passage begins and ends."""
    found: list[tuple[int, int]] = []
    at, open_ = 0, False
    for line in text.split("\n"):
        if not line.strip():
            open_ = False
        elif open_ and unit == "paragraph":
            found[-1] = (found[-1][0], at + len(line))
        else:
            found.append((at, at + len(line)))
            open_ = True
        at += len(line) + 1
    return found


def form(passage: str, normalise: str) -> str:
    """A passage as it is compared."""
    if normalise == "none":
        return passage
    composed = unicodedata.normalize("NFC", passage)
    if normalise == "whitespace":
        return " ".join(composed.split())
    folds = [int(traits()[ord(c)]) & FOLD for c in composed if not c.isspace()]
    return "".join(chr(fold) for fold in folds if fold) or f"\0{composed}"


def without(text: str, unit: str, gone: list[bool]) -> str | None:
    """A text without some passages: what stood before one goes with it, the first left takes the first's place."""
    spans = passages(text, unit)
    kept = [n for n in range(len(spans)) if not gone[n]]
    if not kept:
        return None if spans else text
    out = text[: spans[0][0]] + text[slice(*spans[kept[0]])]
    for n in kept[1:]:
        out += text[spans[n - 1][1] : spans[n][1]]
    return out + text[spans[-1][1] :]


@settings(max_examples=200)
@given(TEXTS, UNITS, st.sampled_from(["none", "whitespace", "letters"]), st.integers(1, 9))
def test_passages_have_one_key_where_they_are_alike(texts: list[str], unit: Any, normalise: Any, least: int) -> None:
    from finery_plugins.text.passages import passage_keys

    keys = passage_keys(pa.array(texts, pa.large_string()), unit, normalise, least).to_pylist()
    forms = [[form(text[a:b], normalise) for a, b in passages(text, unit)] for text in texts]
    assert [len(own) for own in keys] == [len(own) for own in forms]
    flat_keys, flat = [key for own in keys for key in own], [one for own in forms for one in own]
    assert [key is None for key in flat_keys] == [len(one.removeprefix("\0")) < least for one in flat]
    known: dict[str, int] = {}
    for key, one in zip(flat_keys, flat, strict=True):
        if key is not None:
            assert known.setdefault(one, key) == key
    assert len(set(known.values())) == len(known)


@settings(max_examples=200)
@given(TEXTS, UNITS, st.randoms())
def test_what_is_left_is_as_it_was(texts: list[str], unit: Any, draw: Any) -> None:
    from finery_plugins.text.passages import without_passages

    gone = [[draw.random() < 0.5 for _ in passages(text, unit)] for text in texts]
    lists = pa.array(gone, pa.large_list(pa.bool_()))
    found = without_passages(pa.array(texts, pa.large_string()), lists, unit).to_pylist()
    assert found == [without(text, unit, own) for text, own in zip(texts, gone, strict=True)]


def cut(batch: pa.Table, plugin: Lines, documents: int) -> tuple[list[str | None], Tally]:
    """The texts where every passage stands in so many documents and is not the first."""
    keys = plugin.dedupe(batch=batch).to_pylist()
    lists = pa.large_list(pa.bool_()), pa.large_list(pa.int64())
    repeated = pa.array([[key is not None for key in own] for own in keys], lists[0])
    often = pa.array([[documents] * len(own) for own in keys], lists[1])
    tally = Tally()
    return plugin.cut(batch=batch, repeated=repeated, documents=often, tally=tally)["text"].to_pylist(), tally


def test_short_passages_and_those_of_few_documents_stay(batch_of: BatchOf) -> None:
    batch = batch_of(text=["Short.\nA line that is long enough to go.", "A line that is long enough to go."])
    assert cut(batch, Lines(), 2) == (["Short.", None], Tally(passages=2))
    assert cut(batch, Lines(min_documents=3), 2)[0] == batch["text"].to_pylist()
    assert cut(batch, Lines(min_characters=40), 9)[0] == batch["text"].to_pylist()


def test_a_column_that_is_no_text_is_refused_by_name(batch_of: BatchOf) -> None:
    with pytest.raises(PipelineError, match=re.escape("column 'text' is int64, not text")):
        Lines().dedupe(batch=batch_of(text=[1, 2]))
    with pytest.raises(PipelineError, match=r"no column 'texts' .did you mean 'text'"):
        Lines(column="texts").dedupe(batch=batch_of(text=["a"]))


@pytest.mark.parametrize("options", [{}, {"unit": "paragraph", "normalise": "letters", "min_characters": 1}])
def test_it_keeps_the_contract(options: dict[str, Any]) -> None:
    report = check(Lines(**options), ["text", "classification"])
    assert not report.faults, "\n".join(map(str, report.faults))
    assert not [one for one in report.results if one.skipped]


def test_the_sample_holds_passages_to_cut() -> None:
    assert any(key is not None for own in Lines().dedupe(batch=sample("text")).to_pylist() for key in own)
