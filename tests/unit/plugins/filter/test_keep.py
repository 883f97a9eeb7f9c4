"""The filter `keep` keeps what an expression asks for, and the best of each source."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

import pyarrow as pa
import pytest
from pydantic import ValidationError

from finery import PipelineError, Stage
from finery_plugins.filter.keep import Keep

BatchOf = Callable[..., pa.Table]


@dataclass(frozen=True)
class Tables:
    """A dataset of a few tables, each of one source."""

    tables: dict[str, pa.Table]
    fingerprint: str = "0"

    @property
    def sources(self) -> tuple[str, ...]:
        return tuple(self.tables)

    @property
    def records(self) -> int:
        return sum(map(len, self.tables.values()))

    def columns(self, source: str) -> tuple[str, ...]:
        return tuple(self.tables[source].column_names)

    def batches(self, columns: Sequence[str] | None = None, only: Sequence[str] | None = None) -> Iterator[pa.Table]:
        for source in only or self.sources:
            table = self.tables[source]
            for start in range(0, len(table), 3):
                yield table.slice(start, 3)


def test_records_for_which_the_expression_holds_stay(batch_of: BatchOf) -> None:
    batch = batch_of(quality=[0.1, 0.9, None], language=["en", "en", "en"])
    reasons = Keep(where="quality > 0.4 and language == 'en'").filter(batch=batch, state=None)
    assert reasons.code.to_pylist() == ["where", None, "null"]
    assert reasons.value.to_pylist() == [0.1, None, None]
    assert reasons.bound.to_pylist() == [0.4, None, None]


def test_the_detail_names_every_clause_that_does_not_hold(batch_of: BatchOf) -> None:
    batch = batch_of(quality=[0.1, 0.1], language=["de", "en"])
    reasons = Keep(where="quality > 0.4 and language == 'en'").filter(batch=batch, state=None)
    assert reasons.detail.to_pylist() == ["quality > 0.4; language == 'en'", "quality > 0.4"]


def test_a_clause_that_fails_beats_one_that_null_leaves_open(batch_of: BatchOf) -> None:
    batch = batch_of(a=pa.array([None], pa.int64()), b=pa.array([1]))
    reasons = Keep(where="b > 5 and a > 1").filter(batch=batch, state=None)
    assert reasons.code.to_pylist() == ["where"]


def test_the_best_share_of_each_source_stays(batch_of: BatchOf, stage: Stage) -> None:
    tables = {
        "general": batch_of("general", quality=[i / 10 for i in range(10)]),
        "domain": batch_of("domain", quality=[5.0, 7.0, None, 6.0, 8.0]),
    }
    best = Keep(best=0.2, by="quality")
    state = json.loads(json.dumps(best.prepare(dataset=Tables(tables), stage=stage)))
    assert state == {"thresholds": {"general": 0.8, "domain": 8.0}}
    domain = best.filter(batch=tables["domain"], state=state)
    assert domain.code.to_pylist() == ["below-best", "below-best", "null", "below-best", None]
    assert domain.bound.to_pylist() == [8.0, 8.0, None, 8.0, None]
    assert best.filter(batch=tables["general"], state=state).code.null_count == 2


def test_records_equal_to_the_threshold_stay(batch_of: BatchOf, stage: Stage) -> None:
    batch = batch_of(quality=[1, 1, 1, 0])
    best = Keep(best=0.25, by="quality")
    state = best.prepare(dataset=Tables({"general": batch}), stage=stage)
    assert best.filter(batch=batch, state=state).code.to_pylist() == [None, None, None, "below-best"]


def test_only_the_sources_of_the_stage_are_read(batch_of: BatchOf, stage: Stage) -> None:
    tables = {"general": batch_of(text=["a"]), "domain": batch_of("domain", quality=[1.0])}
    state = Keep(best=0.5, by="quality").prepare(dataset=Tables(tables), stage=replace(stage, only=("domain",)))
    assert state == {"thresholds": {"domain": 1.0}}


def test_a_source_without_the_column_is_a_fault(batch_of: BatchOf, stage: Stage) -> None:
    data = Tables({"general": batch_of(qualities=[1.0])})
    with pytest.raises(PipelineError, match=r"source 'general': has no column 'quality' \(did you mean"):
        Keep(best=0.5, by="quality").prepare(dataset=data, stage=stage)


def test_a_column_of_text_has_no_best(batch_of: BatchOf, stage: Stage) -> None:
    with pytest.raises(PipelineError, match="name a numeric column"):
        Keep(best=0.5, by="text").prepare(dataset=Tables({"general": batch_of(text=["a"])}), stage=stage)


def test_a_source_of_nulls_keeps_nothing(batch_of: BatchOf, stage: Stage) -> None:
    batch = batch_of(quality=pa.nulls(2))
    best = Keep(best=0.5, by="quality")
    state = best.prepare(dataset=Tables({"general": batch}), stage=stage)
    assert state == {"thresholds": {"general": None}}
    assert best.filter(batch=batch, state=state).code.to_pylist() == ["null", "null"]


def test_a_source_that_nothing_is_left_of_has_no_threshold(batch_of: BatchOf, stage: Stage) -> None:
    empty = Tables({"general": batch_of(text=["a"]).slice(0, 0).select(["id", "source"])})
    assert Keep(best=0.5, by="quality").prepare(dataset=empty, stage=stage) == {"thresholds": {"general": None}}


def test_no_records_have_no_reasons(batch_of: BatchOf) -> None:
    batch = batch_of(quality=[0.5]).slice(0, 0)
    both = Keep(where="quality > 0.4", best=0.5, by="quality")
    assert len(both.filter(batch=batch, state={"thresholds": {}}).code) == 0


@pytest.mark.parametrize(
    ("options", "fault"),
    [
        ({}, "say what to keep"),
        ({"best": 0.1}, "go together"),
        ({"where": "a > 1", "by": "a"}, "go together"),
        ({"where": "a >"}, "cannot be read"),
        ({"where": "open('x')"}, "is not allowed"),
        ({"best": 0, "by": "a"}, "greater than 0"),
    ],
)
def test_options_that_ask_for_nothing_or_half_are_refused(options: dict[str, object], fault: str) -> None:
    with pytest.raises(ValidationError, match=fault):
        Keep(**options)
