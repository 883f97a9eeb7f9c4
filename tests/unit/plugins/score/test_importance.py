"""The score `importance` is the log ratio of two bags of hashed n-grams."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from pydantic import ValidationError

from finery import DataError, PipelineError
from finery.testing import check, memo
from finery.testing.dataset import MemoryDataset
from finery_plugins.score.importance import Importance

RAW = ["bread rises in a warm kitchen", "the mill stood above the weir", "copper melts and tin melts"]
TARGET = ["the mill and the weir", "above the mill the water rises"]


@pytest.fixture(scope="module")
def dataset(batch_of: Callable[..., pa.Table]) -> MemoryDataset:
    return MemoryDataset((batch_of("web", text=RAW), batch_of("domain", text=TARGET)))


def scored(plugin: Importance, dataset: MemoryDataset, batch: pa.Table) -> dict[str, list[Any]]:
    state = plugin.prepare(dataset=dataset)
    return {name: column.to_pylist() for name, column in plugin.score(batch=batch, state=state, memo=memo()).items()}


def grams(text: str) -> list[str]:
    words = text.split()
    return words + [" ".join(pair) for pair in pairwise(words)]


def by_hand(text: str, buckets: int) -> float:
    """The log ratio, each n-gram in a bucket of its own: right where no two of them share one."""
    wanted, there = (Counter(gram for one in texts for gram in grams(one)) for texts in (TARGET, RAW))
    scale = math.log(there.total() + buckets) - math.log(wanted.total() + buckets)
    return sum(math.log(wanted[gram] + 1) - math.log(there[gram] + 1) + scale for gram in grams(text))


def test_weights_are_log_ratios_of_likelihoods(dataset: MemoryDataset, batch_of: Callable[..., pa.Table]) -> None:
    buckets = 1 << 22
    texts = ["the mill and the weir", "bread rises", "something else"]
    found = scored(Importance(target=["domain"], buckets=buckets), dataset, batch_of(text=texts))
    assert found["importance"] == pytest.approx([by_hand(text, buckets) for text in texts], abs=1e-9)
    assert found["importance_weight"] == pytest.approx([math.exp(value) for value in found["importance"]])


def test_the_target_is_above_the_rest(dataset: MemoryDataset, batch_of: Callable[..., pa.Table]) -> None:
    like, unlike = scored(Importance(target=["domain"]), dataset, batch_of(text=[TARGET[0], RAW[2]]))["importance"]
    assert like > 0 > unlike


def test_very_long_texts_keep_their_log_weight(dataset: MemoryDataset, batch_of: Callable[..., pa.Table]) -> None:
    found = scored(Importance(target=["domain"]), dataset, batch_of(text=["the mill " * 5000]))
    assert found["importance"][0] > 690
    assert found["importance_weight"][0] == math.exp(690)


def test_a_target_may_be_a_file(dataset: MemoryDataset, batch_of: Callable[..., pa.Table], tmp_path: Path) -> None:
    (tmp_path / "target.txt").write_text("\n".join(TARGET))
    by_file = Importance(target_files=[str(tmp_path / "target.txt")], raw=["web"])
    batch = batch_of(text=[*RAW, "else"])
    assert scored(by_file, dataset, batch) == scored(Importance(target=["domain"]), dataset, batch)


def test_a_text_without_words_has_no_weight(dataset: MemoryDataset, batch_of: Callable[..., pa.Table]) -> None:
    found = scored(Importance(target=["domain"]), dataset, batch_of(text=["", None, "...", "mill"]))
    assert [value is None for value in found["importance_weight"]] == [True, True, True, False]


def test_nothing_raw_is_a_fault(batch_of: Callable[..., pa.Table]) -> None:
    with pytest.raises(DataError, match="'raw': holds no words"):
        Importance(target=["domain"]).prepare(dataset=MemoryDataset((batch_of("domain", text=TARGET),)))


def test_a_source_that_is_not_there_is_a_fault(dataset: MemoryDataset) -> None:
    with pytest.raises(PipelineError, match=r"no source 'domian' \(did you mean 'domain'\?\)"):
        Importance(target=["domian"]).prepare(dataset=dataset)


@pytest.mark.parametrize("options", [{}, {"target": ["a"], "raw": ["a"]}])
def test_a_target_is_named(options: dict[str, Any]) -> None:
    with pytest.raises(ValidationError, match=r"there is no target|both target and raw"):
        Importance(**options)


def test_it_keeps_the_contract() -> None:
    report = check(Importance(target=["messages"]), ["text", "messages"])
    assert [str(fault) for fault in report.faults] == []
    assert [result for result in report.results if result.skipped] == []
