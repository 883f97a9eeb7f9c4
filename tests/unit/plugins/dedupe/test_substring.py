"""The dedupe `substring` cuts exactly the spans that a comparison of all spans would."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from finery import Stage, Tally
from finery.testing import check, sample
from finery.testing.dataset import MemoryDataset
from finery.testing.samples import identified
from finery_plugins.dedupe.substring import Substring
from finery_plugins.text.traits import ALONE, traits

WORDS = st.lists(st.sampled_from(["a", "b", "ab", "中", "文.", "\u00a0", "A"]), max_size=40)
GAPS = st.sampled_from([" ", "  ", "\n", "\n\n", "\u3000"])
TEXTS = st.lists(st.tuples(WORDS, GAPS).map(lambda pair: pair[1].join(pair[0])), min_size=1, max_size=6)


def tokens(text: str) -> list[tuple[int, int]]:
    """Where each token begins and ends."""
    found: list[tuple[int, int]] = []
    for match in re.finditer(r"\S+", "".join(" " if c.isspace() else c for c in text)):
        start = match.start()
        for at in range(match.start(), match.end()):
            if traits()[ord(text[at])] & ALONE:
                found += [(start, at)] if start < at else []
                found.append((at, at + 1))
                start = at + 1
        found += [(start, match.end())] if start < match.end() else []
    return found


def expected(texts: list[str], length: int) -> list[str | None]:
    """The texts without the tokens of every span that stood before, found by comparing all spans."""
    seen: set[tuple[str, ...]] = set()
    made: list[str | None] = []
    for text in texts:
        spans = tokens(text)
        words = [text[a:b] for a, b in spans]
        gone = [False] * len(spans)
        for first in range(len(spans) - length + 1):
            span = tuple(words[first : first + length])
            if span in seen:
                gone[first : first + length] = [True] * length
            seen.add(span)
        kept = [n for n in range(len(spans)) if not gone[n]]
        if not kept:
            made.append(None if spans else text)
            continue
        out = text[: spans[0][0]] + text[slice(*spans[kept[0]])]
        for n in kept[1:]:
            out += text[spans[n - 1][1] : spans[n][1]]
        made.append(out + text[spans[-1][1] :])
    return made


def cut(texts: list[str], plugin: Substring, split: int = 1) -> tuple[list[str | None], Tally]:
    """What the plugin makes of texts, in their order, where the kernel's part is done in plain Python."""
    batch = identified(pa.table({"text": pa.array(texts, pa.large_string())}), "s")
    state = plugin.prepare(dataset=MemoryDataset((batch,), split))
    keys = plugin.dedupe(batch=batch, state=state).to_pylist()
    seen: set[int] = set()
    repeated = []
    for own in keys:
        marks = []
        for key in own:
            marks.append(key in seen)
            seen.add(key)
        repeated.append(marks)
    tally = Tally()
    lists = pa.array(repeated, pa.large_list(pa.bool_()))
    return plugin.cut(batch=batch, repeated=lists, state=state, tally=tally)["text"].to_pylist(), tally


@settings(max_examples=400)
@given(TEXTS, st.integers(4, 9))
def test_it_cuts_what_a_comparison_of_all_spans_cuts(texts: list[str], length: int) -> None:
    assert cut(texts, Substring(tokens=length))[0] == expected(texts, length)


def test_planted_spans_of_every_length_and_place_are_found_exactly() -> None:
    draw = np.random.default_rng(3)
    common = [f"c{n}" for n in range(200)]
    texts = []
    for n in range(300):
        own = [f"o{n}-{k}" for k in range(int(draw.integers(5, 80)))]
        start, size, at = int(draw.integers(0, 120)), int(draw.integers(10, 80)), int(draw.integers(0, len(own)))
        texts.append(" ".join([*own[:at], *common[start : start + size], *own[at:]]))
    assert cut(texts, Substring())[0] == expected(texts, 50)
    assert sum(a != b for a, b in zip(texts, expected(texts, 50), strict=True)) > 50


def test_too_little_memory_changes_no_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    from finery_plugins.text import spans

    texts = [" ".join(f"w{(n * k) % 91}" for k in range(100)) for n in range(40)]
    ample = cut(texts, Substring(tokens=6))
    monkeypatch.setattr(spans, "LEAST_BYTES", 8)
    monkeypatch.setattr(spans, "BITS", 0)
    assert cut(texts, Substring(tokens=6)) == ample
    assert ample[0] == expected(texts, 6)


def test_stretches_that_touch_count_once() -> None:
    span = [f"w{n}" for n in range(12)]
    texts = [" ".join(span), " ".join(["head", *span, "tail"]), " ".join([*span[:5], "x", *span[5:]])]
    left, tally = cut(texts, Substring(tokens=4))
    assert left == [texts[0], "head tail", "x"]
    assert tally == Tally(passages=3)


def test_the_table_of_fingerprints_keeps_to_its_memory() -> None:
    texts = [pa.array(["word " * 2000], pa.large_string())]
    from finery_plugins.text.spans import seen_twice

    assert len(seen_twice(10**12, texts, 50, 1 << 20)) == 1 << 19
    assert len(seen_twice(10_000, texts, 50, 1 << 30)) == 1 << 10


@pytest.mark.parametrize("options", [{"tokens": 4}, {}])
def test_it_keeps_the_contract(options: dict[str, Any]) -> None:
    report = check(Substring(**options), ["text", "classification"])
    assert not report.faults, "\n".join(map(str, report.faults))
    assert not [one for one in report.results if one.skipped]


def test_the_sample_holds_spans_to_cut() -> None:
    batch, plugin = sample("text"), Substring(tokens=4)
    stage = Stage("s", "dedupe", "substring", 1)
    assert stage.hook == "dedupe"
    state = plugin.prepare(dataset=MemoryDataset((batch,)))
    assert any(plugin.dedupe(batch=batch, state=state).to_pylist())
