"""The format `split` sets records aside by chance that depends on nothing but the record or its group."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import replace

import pyarrow as pa
import pytest
from pydantic import ValidationError

from finery import Stage
from finery_plugins.format.split import Split

BatchOf = Callable[..., pa.Table]


def test_shares_hold_on_average(batch_of: BatchOf, stage: Stage) -> None:
    batch = batch_of(text=["a"] * 20_000)
    counts = Counter(Split(validation=0.1, test=0.2).format(batch=batch, stage=stage)["split"].to_pylist())
    # Five standard deviations of a binomial are 0.014.
    assert counts["train"] / 20_000 == pytest.approx(0.7, abs=0.016)
    assert counts["validation"] / 20_000 == pytest.approx(0.1, abs=0.011)
    assert counts["test"] / 20_000 == pytest.approx(0.2, abs=0.014)


def test_a_record_keeps_its_split_in_any_batch(batch_of: BatchOf, stage: Stage) -> None:
    batch, split = batch_of(text=["a"] * 100), Split(validation=0.5)
    whole = split.format(batch=batch, stage=stage)["split"].to_pylist()
    assert whole[40:] == split.format(batch=batch.slice(40), stage=stage)["split"].to_pylist()


def test_another_seed_draws_others(batch_of: BatchOf, stage: Stage) -> None:
    batch, split = batch_of(text=["a"] * 100), Split(validation=0.5)
    one, other = (split.format(batch=batch, stage=replace(stage, seed=seed))["split"] for seed in (1, 2))
    assert one != other


def test_a_group_is_never_divided(batch_of: BatchOf, stage: Stage) -> None:
    batch = batch_of(group=[f"g{i % 50}" for i in range(1000)])
    after = Split(validation=0.3, test=0.3, group="group").format(batch=batch, stage=stage)
    sides = set(zip(after["group"].to_pylist(), after["split"].to_pylist(), strict=True))
    assert len(sides) == 50
    assert {side for _, side in sides} == {"train", "validation", "test"}


def test_groups_of_numbers_and_dictionaries_are_groups(batch_of: BatchOf, stage: Stage) -> None:
    split = Split(validation=0.5, group="group")
    texts = [str(i % 20) for i in range(100)]
    expected = split.format(batch=batch_of(group=texts), stage=stage)["split"]
    for column in (pa.array([int(text) for text in texts]), pa.array(texts).dictionary_encode()):
        assert split.format(batch=batch_of(group=column), stage=stage)["split"] == expected


def test_records_without_a_group_are_on_their_own(batch_of: BatchOf, stage: Stage) -> None:
    batch = batch_of(group=[None] * 100)
    sides = Split(validation=0.5, group="group").format(batch=batch, stage=stage)["split"].to_pylist()
    assert 20 < sides.count("train") < 80


def test_nothing_is_set_aside_on_request(batch_of: BatchOf, stage: Stage) -> None:
    after = Split(validation=0).format(batch=batch_of(text=["a"] * 50), stage=stage)
    assert set(after["split"].to_pylist()) == {"train"}


def test_splits_may_have_other_names(batch_of: BatchOf, stage: Stage) -> None:
    named = Split(validation=0.9, names=["fit", "dev", "eval"])
    assert "dev" in named.format(batch=batch_of(text=["a"] * 9), stage=stage)["split"].to_pylist()


def test_an_older_split_is_replaced(batch_of: BatchOf, stage: Stage) -> None:
    after = Split(validation=0).format(batch=batch_of(split=["old"], text=["a"]), stage=stage)
    assert after.column_names == ["id", "source", "split", "text"]
    assert after["split"].to_pylist() == ["train"]


def test_no_records_have_no_split(batch_of: BatchOf, stage: Stage) -> None:
    for split in (Split(), Split(group="text")):
        after = split.format(batch=batch_of(text=["a"]).slice(0, 0), stage=stage)
        assert after.schema.field("split").type == pa.large_string()


@pytest.mark.parametrize(
    "options", [{"validation": 0.5, "test": 0.5}, {"validation": -0.1}, {"names": ["a", "b"]}, {"names": ["a"] * 3}]
)
def test_shares_and_names_that_cannot_be_are_refused(options: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        Split(**options)
