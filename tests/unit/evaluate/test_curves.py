"""Curves: each planted fault of a training is named in words, with its steps and the records of them."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from evaluation_samples import Evaluator, rows_of
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError
from training_samples import MemoryDataset, dataset, sentences

from finery import Model, Stage, UsageError
from finery.journal import FileJournal
from finery_plugins.evaluate.curves import Curves
from finery_plugins.evaluate.findings import Bounds, findings, smooth
from finery_plugins.evaluate.journals import Curve, Metrics, metrics_in

STEPS = 60
Rows = list[dict[str, Any]]


class Training:
    """A folder as a train stage leaves it, with a journal to write into."""

    def __init__(self, folder: Path, base: str | None = "base") -> None:
        out = folder / "out"
        out.mkdir(parents=True)
        (out / "config.json").write_text('{"vocab_size": 1000}', encoding="utf-8")
        self.model = Model(out, "tune", "f", base)
        self.folder = folder
        self.journal = self.attempt()

    def attempt(self) -> FileJournal:
        stage = Stage(id="tune", hook="train", plugin="sft", seed=1)
        self.journal = FileJournal(self.folder, stage, SimpleNamespace(metric=lambda **_: None))
        return self.journal

    def curve(self, name: str, values: Any, source: str | None = None) -> None:
        for step, value in enumerate(values, 1):
            self.journal.metric(name, value, step, source)

    def steps(self, step_ids: list[pa.Array]) -> None:
        ids = pa.concat_arrays([one.cast(pa.binary(16)) for one in step_ids])
        steps = np.concatenate([np.full(len(one), step) for step, one in enumerate(step_ids, 1)])
        told = {"step": steps, "rank": np.zeros(len(ids), int), "start": np.zeros(len(ids), int)}
        record = pa.ExtensionArray.from_storage(pa.uuid(), ids)
        self.journal.steps(pa.table({**told, "record": record, "length": np.full(len(ids), 9)}))


@pytest.fixture
def training(tmp_path: Path) -> Training:
    return Training(tmp_path / "artifact")


@pytest.fixture
def read(training: Training, tmp_path: Path) -> Callable[..., Rows]:
    def call(examples: MemoryDataset | None = None, **options: Any) -> Rows:
        training.journal.close()
        return rows_of(Evaluator(tmp_path / "out")(Curves(**options), training.model, examples))

    return call


def falling(start: float = 3.0, end: float = 1.5, count: int = STEPS) -> np.ndarray:
    return end + (start - end) * np.exp(-np.arange(count) / 15)


def told(rows: Rows) -> list[tuple[str, str]]:
    return [(row["tags"][0], row["source"]) for row in rows]


def ids_of(data: MemoryDataset, source: str) -> pa.Array:
    return data.tables[source]["id"].combine_chunks()


def test_a_healthy_training_has_no_findings(training: Training, read: Callable[..., Rows]) -> None:
    training.curve("loss", falling() + 0.02 * np.sin(np.arange(STEPS)))
    training.curve("grad_norm", 1 + 0.1 * np.sin(np.arange(STEPS)))
    training.curve("learning_rate", [*np.linspace(0, 1e-4, 10), *np.linspace(1e-4, 0, 50)])
    assert read() == []


def test_a_high_first_loss_names_the_sources_behind_it_and_their_records(
    training: Training, read: Callable[..., Rows]
) -> None:
    data = dataset({"known": {"text": sentences(3)}, "strange": {"text": sentences(3, 50)}})
    training.curve("loss", falling(6.0))
    training.curve("loss", falling(2.5), "known")
    training.curve("loss", falling(9.5), "strange")
    training.steps([pa.concat_arrays([ids_of(data, name).cast(pa.binary(16)) for name in data.sources])])
    rows = read(data)
    assert told(rows) == [("high-first-loss", ""), ("high-first-loss", "strange")]
    assert "'strange' 9.50" in rows[0]["answer"]
    assert rows[0]["details"]["of_records"] == 6
    named = {one["record"] for one in rows[1]["details"]["records"]}
    assert named == {str(one) for one in ids_of(data, "strange").to_pylist()}


def test_a_model_from_scratch_may_start_at_the_logarithm_of_its_vocabulary(tmp_path: Path) -> None:
    for number, (start, kinds) in enumerate([(math.log(1000), []), (12.0, [("high-first-loss", "")])]):
        training = Training(tmp_path / str(number), base=None)
        training.curve("loss", falling(start))
        training.journal.close()
        assert told(rows_of(Evaluator(tmp_path / f"out{number}")(Curves(), training.model))) == kinds


def test_over_fit_facts_are_named_by_their_loss(training: Training, read: Callable[..., Rows]) -> None:
    data = dataset({"facts": {"text": sentences(4)}, "rest": {"text": sentences(4, 50)}})
    training.curve("loss", falling())
    training.curve("loss", falling(3.0, 0.1), "facts")
    training.curve("loss", falling(), "rest")
    facts, rest = ids_of(data, "facts"), ids_of(data, "rest")
    for epoch, losses in [(1, [2.0] * 8), (2, [0.3, 0.02, 0.1, 0.9, 0.2, 1.5, 1.5, 1.5])]:
        ids = pa.ExtensionArray.from_storage(
            pa.uuid(), pa.concat_arrays([one.cast(pa.binary(16)) for one in (facts, rest)])
        )
        training.journal.losses(pa.table({"record": ids, "epoch": [epoch] * 8, "loss": losses, "tokens": [5] * 8}))
    (row,) = read(data)
    assert (row["tags"], row["source"]) == (["over-fit"], "facts")
    order = [str(facts[at].as_py()) for at in (1, 2, 0)]
    assert [one["record"] for one in row["details"]["records"]] == order
    assert (row["details"]["of_records"], row["details"]["trained_records"]) == (3, 4)
    assert row["details"]["last_step"] == STEPS


def test_a_source_of_noise_is_not_learnt(training: Training, read: Callable[..., Rows]) -> None:
    training.curve("loss", falling())
    training.curve("loss", falling(3.0, 1.0), "prose")
    training.curve("loss", falling(3.0, 1.2), "chat")
    training.curve("loss", 3.4 + 0.02 * np.sin(np.arange(STEPS)), "noise")
    rows = read()
    assert told(rows) == [("not-learnt", "noise")]
    assert "'noise' stays at 3.4" in rows[0]["answer"]


def test_a_jump_where_an_epoch_begins_is_found_with_its_step(training: Training, read: Callable[..., Rows]) -> None:
    data = dataset({"general": {"text": sentences(40)}})
    ids = ids_of(data, "general")
    training.curve("loss", [2.0] * 20 + [1.5] * 20 + [0.9] * 20)
    training.steps([ids.slice(2 * (step % 20), 2) for step in range(STEPS)])
    rows = read(data)
    assert [(row["tags"][0], row["details"]["first_step"]) for row in rows] == [("epoch-jump", 21), ("epoch-jump", 41)]
    assert "epoch 2 begins (step 21)" in rows[0]["answer"]
    assert {one["record"] for one in rows[0]["details"]["records"]} == {str(one) for one in ids[:2].to_pylist()}


def test_a_fall_that_no_border_explains_is_no_jump(training: Training, read: Callable[..., Rows]) -> None:
    ids = ids_of(dataset({"general": {"text": sentences(40)}}), "general")
    training.curve("loss", np.linspace(3.0, 1.5, STEPS))
    training.steps([ids.slice(2 * (step % 20), 2) for step in range(STEPS)])
    assert read() == []


def test_spikes_of_gradient_and_loss_name_their_steps(training: Training, read: Callable[..., Rows]) -> None:
    norms, losses = np.ones(STEPS), falling()
    norms[30:32], losses[40] = 20, 9
    training.curve("loss", losses)
    training.curve("grad_norm", norms)
    rows = read()
    assert [(row["tags"][0], row["details"]["first_step"], row["details"]["last_step"]) for row in rows] == [
        ("gradient-spike", 31, 32),
        ("loss-spike", 41, 41),
    ]
    assert rows[0]["score"] == 20


def test_divergence_and_no_number_are_found(training: Training, read: Callable[..., Rows]) -> None:
    training.curve("loss", falling())
    training.curve("loss", [*falling(count=30), *np.linspace(1.8, 2.6, 30)], "poems")
    training.curve("loss", [*falling(count=58), math.nan, math.nan], "code")
    assert told(read()) == [("diverges", "poems"), ("not-finite", "code")]


def test_held_out_loss_that_rises_is_found(training: Training, read: Callable[..., Rows]) -> None:
    training.curve("loss", falling())
    for step, value in [(10, 2.0), (20, 1.8), (30, 1.9), (40, 2.4)]:
        training.journal.metric("held_out_loss", value, step, "general")
    (row,) = read()
    assert (row["tags"], row["details"]["first_step"]) == (["held-out-rises"], 21)


def test_learning_rates_that_rise_again_or_are_nothing_are_found(tmp_path: Path) -> None:
    rates = {"rate-rises": [1e-4, 9e-5, 8e-5, 9e-4, 1e-5], "no-rate": [0.0] * 5}
    for kind, values in rates.items():
        training = Training(tmp_path / kind)
        training.curve("loss", falling(count=5))
        training.curve("learning_rate", values)
        training.journal.close()
        assert told(rows_of(Evaluator(tmp_path / f"out-{kind}")(Curves(), training.model))) == [(kind, "")]


def test_the_last_attempt_counts(training: Training) -> None:
    training.curve("loss", [9.0] * 5)
    training.journal.close()
    training.attempt()
    training.curve("loss", [1.0] * 3)
    training.journal.file.write('{"name": "lo')
    training.journal.close()
    assert metrics_in(training.folder).curve("loss").values.tolist() == [1, 1, 1, 9, 9]


def test_metrics_count_findings_by_kind_and_notes_say_them(training: Training, tmp_path: Path) -> None:
    training.curve("loss", falling(6.0))
    training.journal.close()
    evaluator = Evaluator(tmp_path / "out")
    found = evaluator(Curves(), training.model)
    assert found.metrics == {"findings": 1, "findings/high-first-loss": 1}
    assert evaluator.journal.notes[0].startswith("high-first-loss: the first loss is 6.00")
    found.items.read_all()
    assert not list(evaluator.out.iterdir())


def test_a_model_without_a_training_is_refused(tmp_path: Path, evaluate: Evaluator) -> None:
    with pytest.raises(UsageError, match="finds no loss beside model 'hub'"):
        evaluate(Curves(), Model(tmp_path / "x" / "out", "hub", "f"))
    with pytest.raises(UsageError, match="has no model"):
        evaluate(Curves())


def test_bounds_are_options(training: Training, read: Callable[..., Rows]) -> None:
    training.curve("loss", falling(6.0))
    assert read(bounds={"first_loss": 7.0}) == []
    with pytest.raises(ValidationError, match="low_los"):
        Curves(bounds={"low_los": 1})


@given(st.lists(st.floats(0, 50) | st.just(math.nan), max_size=40), st.integers(2, 9))
def test_any_curve_can_be_read(values: list[float], window: int) -> None:
    told = Curve(np.arange(1, len(values) + 1), np.array(values, float))
    metrics = Metrics({(name, None): told for name in ("loss", "grad_norm", "learning_rate", "held_out_loss")})
    for one in findings(metrics, Bounds(window=window), None, [(2, 5), (3, 20)]):
        assert one.said
        assert one.first <= one.last


@given(st.lists(st.floats(0, 50), min_size=1, max_size=30), st.integers(1, 9))
def test_smoothing_is_the_median_of_those_before(values: list[float], window: int) -> None:
    plain = [float(np.median(values[max(0, at - window + 1) : at + 1])) for at in range(len(values))]
    assert smooth(np.array(values), window).tolist() == plain
