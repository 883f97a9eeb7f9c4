"""Texts to learn from: sources and files, and samples that do not depend on how records lie."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pyarrow as pa

from finery.testing.dataset import MemoryDataset
from finery_plugins.text.corpora import Corpus, sample

WORDS = [f"text number {number}" for number in range(50)]


def corpus(table: pa.Table, rows: int = 8000, files: list[str] | None = None) -> Corpus:
    return Corpus(MemoryDataset((table,), rows), ["general"], files or [])


def test_a_sample_is_the_same_in_any_batches_and_order(batch_of: Callable[..., pa.Table]) -> None:
    first = sample(corpus(batch_of(text=WORDS)).texts, 10)
    second = sample(corpus(batch_of(text=WORDS[::-1]), 3).texts, 10)
    assert first.to_pylist() == second.to_pylist()
    assert len(set(first.to_pylist())) == 10


def test_equal_texts_count_once_and_empty_ones_not_at_all(batch_of: Callable[..., pa.Table]) -> None:
    found = sample(corpus(batch_of(text=["a", "b", "a", "", None, "b"]), 2).texts, 10)
    assert sorted(found.to_pylist()) == ["a", "b"]


def test_a_sample_is_bounded_in_bytes(batch_of: Callable[..., pa.Table]) -> None:
    found = sample(corpus(batch_of(text=["x" * 10 + str(n) for n in range(9)])).texts, size=40)
    assert len(found) == 3


def test_sources_and_files_are_read_one_after_the_other(batch_of: Callable[..., pa.Table], tmp_path: Path) -> None:
    (tmp_path / "more.jsonl").write_text('{"text": "c", "label": 1}\n{"text": "d"}\n')
    read = corpus(batch_of(text=["a", "b"]), files=[str(tmp_path / "*.jsonl")])
    assert [text for texts in read.texts() for text in texts.to_pylist()] == ["a", "b", "c", "d"]


def test_dialogues_are_read_by_what_is_said(batch_of: Callable[..., pa.Table]) -> None:
    turns = [[{"role": "user", "content": "why"}, {"role": "assistant", "content": "so"}]]
    (texts,) = corpus(batch_of(messages=turns)).texts()
    assert texts.to_pylist() == ["why\nso"]
