"""The filter `blocklist` drops documents with prohibited phrases and names them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from pydantic import ValidationError

from finery import Reasons
from finery_plugins.filter.blocklist import Blocklist

BatchOf = Callable[..., pa.Table]


def blocked(batch: pa.Table, **options: Any) -> Reasons:
    plugin = Blocklist(**options)
    return plugin.filter(batch=batch, state=plugin.prepare())


def test_a_single_phrase_drops_a_document_and_is_named(batch_of: BatchOf) -> None:
    batch = batch_of(text=["Get FREE MONEY now, free money!", "请点击下载它", "moneyfree", None, ""])
    reasons = blocked(batch, words=["free money", "点击下载"])
    assert reasons.code.to_pylist() == ["blocked", "blocked", None, None, None]
    assert reasons.value.to_pylist() == [2, 1, None, None, None]
    assert reasons.detail.to_pylist() == ["'free money' 2", "'点击下载' 1", None, None, None]


def test_a_document_may_have_some(batch_of: BatchOf) -> None:
    codes = blocked(batch_of(text=["a a", "a a a"]), words=["a"], max_count=2).code.to_pylist()
    assert codes == [None, "blocked"]


def test_a_share_is_of_words(batch_of: BatchOf) -> None:
    batch = batch_of(text=["a b c d", "a b c", "坏中文字", ""])
    reasons = blocked(batch, words=["a", "坏"], max_count=None, max_share=0.25)
    assert reasons.code.to_pylist() == [None, "often-blocked", None, None]
    assert reasons.detail.to_pylist() == [None, "'a' 1", None, None]


def test_parts_of_words_count_on_request(batch_of: BatchOf) -> None:
    batch = batch_of(text=["grass"])
    assert blocked(batch, words=["ass"]).code.to_pylist() == [None]
    assert blocked(batch, words=["ass"], whole=False).code.to_pylist() == ["blocked"]


def test_phrases_come_from_files_too(batch_of: BatchOf, tmp_path: Path) -> None:
    (tmp_path / "one.txt").write_text("# comment\nalpha\n", encoding="utf-8")
    (tmp_path / "two.txt").write_text("beta\nALPHA\n", encoding="utf-8")
    plugin = Blocklist(words=["gamma"], files=[str(tmp_path / "one.txt"), str(tmp_path / "two.txt")])
    assert plugin.prepare() == {"phrases": ["gamma", "alpha", "beta"]}


def test_thousands_of_phrases_are_found_at_once(batch_of: BatchOf) -> None:
    words = [f"word{number}" for number in range(5000)]
    reasons = blocked(batch_of(text=[f"has word{number} in it" for number in range(5000)]), words=words)
    assert reasons.detail.to_pylist() == [f"'{word}' 1" for word in words]


def test_no_records_have_no_reasons(batch_of: BatchOf) -> None:
    assert len(blocked(batch_of(text=["a"]).slice(0, 0), words=["a"]).code) == 0


@pytest.mark.parametrize("options", [{}, {"words": [" "]}, {"words": [""]}, {"words": ["a"], "max_count": None}])
def test_a_list_that_prohibits_nothing_is_refused(options: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        Blocklist(**options)
