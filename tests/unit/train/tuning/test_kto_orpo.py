"""Answers wanted or not, and odds ratios: the loss falls, records' losses are the step's, resuming is exact."""

from __future__ import annotations

from collections import defaultdict

import pyarrow as pa
import pytest
from preference_samples import Diary, StopsAt, ends, preferences
from training_samples import MemoryDataset, dataset

from finery import DataError, Model, UsageError
from finery_plugins.train.kto import Kto
from finery_plugins.train.orpo import Orpo

QUICK = {"steps": 16, "batch": 8, "lr": 5e-3, "log_steps": 1, "warmup": 0.0}


def judged(count: int) -> MemoryDataset:
    """The preferences as single answers with a label."""
    table = preferences(count).tables["likes"]
    chosen, rejected = table["chosen"].to_pylist(), table["rejected"].to_pylist()
    prompts = [prompt for prompt in table["prompt"].to_pylist() for _ in range(2)]
    said = [answer for pair in zip(chosen, rejected, strict=True) for answer in pair]
    return dataset({"likes": {"prompt": prompts, "completion": said, "label": [True, False] * count}})


def costs(journal: Diary) -> dict[int, float]:
    """The mean loss of the records of each step, each record in one step."""
    told = pa.concat_tables(journal.lost)
    cost = dict(zip(told["record"].to_pylist(), told["loss"].to_pylist(), strict=True))
    steps = defaultdict(set)
    for table in journal.tables:
        for step, record in zip(table["step"].to_pylist(), table["record"].to_pylist(), strict=True):
            steps[step].add(record)
    return {step: sum(cost[record] for record in records) / len(records) for step, records in steps.items()}


@pytest.mark.parametrize("examples", [judged(30), preferences(30)])
def test_wanted_answers_gain_on_unwanted_ones(train, talker: Model, journal: Diary, examples: MemoryDataset) -> None:
    train(Kto(**QUICK), examples, talker, journal)
    first, last = ends(journal, "loss")
    assert first == pytest.approx(0.5, abs=1e-4)
    assert last < 0.47
    assert ends(journal, "rewards/margins")[1] > 0.15


def test_the_answers_own_losses_are_the_steps_loss(train, talker: Model, journal: Diary) -> None:
    plugin = Kto(undesirable=1.5, **(QUICK | {"steps": 4, "batch": 10}))
    train(plugin, judged(20), talker, journal)
    assert costs(journal) == pytest.approx(journal.values("loss"), rel=1e-4)


def test_how_far_the_model_has_moved_needs_two_answers(train, talker: Model) -> None:
    with pytest.raises(UsageError, match="`batch` is 1"):
        train(Kto(batch=1), judged(4), talker)


def test_the_odds_of_chosen_answers_rise_while_they_are_learnt(train, talker: Model, journal: Diary) -> None:
    train(Orpo(**(QUICK | {"beta": 1.0})), preferences(40), talker, journal)
    first, last = ends(journal, "loss")
    assert first > 1.1
    assert last < 0.6
    assert ends(journal, "log_odds_chosen")[1] > 1.0


def test_a_pairs_loss_is_the_steps_where_answers_are_of_one_length(train, talker: Model, journal: Diary) -> None:
    prompts = [f"Iron or slag {k}?" for k in range(1, 10)]
    columns = {"prompt": prompts, "chosen": ["iron"] * 9, "rejected": ["slag slag slag"] * 9}
    train(Orpo(**(QUICK | {"steps": 3, "batch": 3})), dataset({"likes": columns}), talker, journal)
    assert costs(journal) == pytest.approx(journal.values("loss"), rel=1e-4)


@pytest.mark.parametrize("plugin", [Kto, Orpo])
def test_an_interrupted_training_ends_in_the_same_weights(train, talker: Model, tmp_path, plugin) -> None:
    made = plugin(**(QUICK | {"steps": 8, "checkpoint_steps": 3}))
    known, again = Diary(), Diary()
    whole = train(made, preferences(20), talker, known, tmp_path / "whole")
    with pytest.raises(RuntimeError, match="stopped"):
        train(made, preferences(20), talker, StopsAt(step=5), tmp_path / "cut")
    assert train(made, preferences(20), talker, again, tmp_path / "cut").fingerprint == whole.fingerprint
    assert again.lost == known.lost


@pytest.mark.parametrize("plugin, remedy", [(Kto, "unpair = true"), (Orpo, "`ranked` for answers in order")])
def test_other_columns_are_named_with_the_format_that_makes_them(train, talker: Model, plugin, remedy) -> None:
    ranked = dataset({"a": {"instruction": ["iron"], "output": [["a", "b"]]}})
    with pytest.raises(DataError, match=f"source 'a' has the columns instruction, output, not .*{remedy}"):
        train(plugin(), ranked, talker)
