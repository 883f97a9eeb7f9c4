"""The filter `harmful` drops what the score `toxicity` finds toxic."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pyarrow as pa
import pytest
from pydantic import ValidationError

from finery import Reasons
from finery_plugins.filter.harmful import Harmful
from finery_plugins.score.toxicity import Toxicity

BatchOf = Callable[..., pa.Table]


def judged(batch: pa.Table, **options: Any) -> Reasons:
    plugin = Harmful(**options)
    return plugin.filter(batch=batch, state=plugin.prepare())


def test_what_is_over_the_threshold_goes_and_says_why(batch_of: BatchOf) -> None:
    batch = batch_of(text=["a bastard file", "i will kill you", None, "lovely", "去死吧你，王八蛋"])
    reasons = judged(batch)
    assert reasons.code.to_pylist() == [None, "harmful", None, None, "harmful"]
    assert reasons.detail.to_pylist() == [None, "1 threat", None, None, "1 threat, 1 insult"]
    assert reasons.bound.to_pylist() == [None, 0.5, None, None, 0.5]


def test_the_value_is_the_score(batch_of: BatchOf) -> None:
    batch = batch_of(text=["i will kill you, bastard"])
    scorer = Toxicity()
    score = scorer.score(batch=batch, state=scorer.prepare())["toxicity"].to_pylist()
    assert judged(batch).value.to_pylist() == score


def test_a_lower_threshold_drops_more(batch_of: BatchOf) -> None:
    batch = batch_of(text=["a bastard file", "lovely"])
    assert judged(batch, threshold=0.4).code.to_pylist() == ["harmful", None]
    assert judged(batch, threshold=0).code.to_pylist() == ["harmful", None]
    assert judged(batch, threshold=1).code.to_pylist() == [None, None]


def test_a_language_that_is_not_known_is_refused() -> None:
    with pytest.raises(ValidationError, match="'en' or 'zh'"):
        Harmful(languages=["fr"])  # type: ignore[list-item]


def test_no_records_have_no_reasons(batch_of: BatchOf) -> None:
    assert len(judged(batch_of(text=["a"]).slice(0, 0)).code) == 0
