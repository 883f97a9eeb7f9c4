"""The mix `importance` draws as an exponential race of the weights would."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from pydantic import ValidationError

from finery import Draw, PipelineError, Source
from finery.testing import check
from finery.testing.dataset import MemoryDataset
from finery_plugins.mix.importance import Importance

Made = Callable[..., pa.Table]


def drawn(plugin: Importance, made: Made, logs: Mapping[str, Sequence[float | None]]) -> Draw:
    """What is drawn of sources with these log weights."""
    tables = []
    for name, values in logs.items():
        weights = [None if value is None else math.exp(value) for value in values]
        column = pa.array(weights, pa.float64())
        tables.append(made(name, text=["x"] * len(values), importance_weight=column))
    state = plugin.prepare(dataset=MemoryDataset(tuple(tables), 3))
    sources = [Source(name, len(values), {"characters": float(len(values))}) for name, values in logs.items()]
    return plugin.mix(sources=sources, state=state)


def raced(logs: Mapping[str, Sequence[float]], wanted: int, times: int) -> dict[str, float]:
    """The mean share of each source among the largest of log weight plus Gumbel noise, by doing it often."""
    generator = np.random.default_rng(17)
    owners = np.concatenate([[name] * len(values) for name, values in logs.items()])
    weights = np.concatenate([list(values) for values in logs.values()])
    counts = dict.fromkeys(logs, 0)
    for _ in range(times):
        first = np.argsort(-(weights + generator.gumbel(size=len(weights))))[:wanted]
        for name in logs:
            counts[name] += int((owners[first] == name).sum())
    return {name: counts[name] / times / len(values) for name, values in logs.items()}


def test_each_source_gives_what_a_race_of_gumbel_keys_gives_on_average(batch_of: Made) -> None:
    generator = np.random.default_rng(3)
    logs = {"a": generator.normal(0, 2, 300).tolist(), "b": generator.normal(1, 1, 200).tolist()}
    draw = drawn(Importance(share=0.3), batch_of, logs)
    assert draw.epochs == pytest.approx(raced(logs, 150, 300), abs=0.02)
    assert draw.weight == "importance_weight"


def test_the_amount_asked_for_comes_out(batch_of: Made) -> None:
    logs = {"a": [0.0, 1.0, -3.0, 200.0], "b": [-600.0, 5.0], "c": [None, 0.5, 0.5, 0.5]}
    for total in (1, 4, 9.5, 10):
        epochs = drawn(Importance(total=total), batch_of, logs).epochs
        assert sum(float(epochs[name]) * len(logs[name]) for name in logs) == pytest.approx(total, rel=1e-6)  # type: ignore[arg-type]
        assert all(0 <= float(said) <= 1 for said in epochs.values())  # type: ignore[arg-type]


def test_a_source_far_above_the_others_is_drawn_first(batch_of: Made) -> None:
    draw = drawn(Importance(total=2), batch_of, {"near": [300.0, 310.0], "far": [-300.0, -310.0]})
    assert draw.epochs == pytest.approx({"near": 1.0, "far": 0.0}, abs=1e-6)


def test_more_than_all_there_is_reads_everything_first(batch_of: Made) -> None:
    draw = drawn(Importance(share=1.5, max_epochs=2), batch_of, {"near": [300.0, 310.0], "far": [-300.0, -310.0]})
    assert draw.epochs == pytest.approx({"near": 2.0, "far": 1.0}, abs=1e-6)


def test_more_than_max_epochs_is_a_fault(batch_of: Made) -> None:
    with pytest.raises(PipelineError, match=r"1\.5 times all there is, more than max_epochs = 1"):
        drawn(Importance(total=3), batch_of, {"a": [0.0, 0.0]})


def test_a_source_without_weights_is_a_fault_with_a_remedy(batch_of: Made) -> None:
    dataset = MemoryDataset((batch_of("a", text=["x"]),))
    with pytest.raises(PipelineError, match="no column 'importance_weight': put score = \"importance\" before it"):
        Importance(share=0.1).prepare(dataset=dataset)


@pytest.mark.parametrize("options", [{}, {"share": 0.1, "total": 5}, {"share": 2}])
def test_one_amount_is_asked_for(options: dict[str, Any]) -> None:
    with pytest.raises(ValidationError, match=r"either share|raise max_epochs"):
        Importance(**options)


def test_it_keeps_the_contract(batch_of: Made) -> None:
    weights = pa.array([None, 0.5, 3.0, 1e-300, 0.0], pa.float64())
    tables = [batch_of(name, text=list("vwxyz"), importance_weight=weights) for name in ("a", "b")]
    report = check(Importance(share=0.5), tables)
    assert [str(fault) for fault in report.faults] == []
    assert [result for result in report.results if result.skipped] == []
