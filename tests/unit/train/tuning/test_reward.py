"""The reward model: pairs in the right order, whatever shape they come in; what is held out is scored."""

from __future__ import annotations

import json

import pyarrow as pa
import pytest
from preference_samples import Diary, StopsAt, ends, preferences, questions
from training_samples import WORDS, MemoryDataset, dataset

from finery import DataError, Model, UsageError
from finery_plugins.train.reward import Reward

QUICK = {"steps": 16, "batch": 8, "lr": 5e-3, "log_steps": 1, "warmup": 0.0}


def ranked(count: int) -> MemoryDataset:
    """Answers of three words, the earlier the better."""
    outputs = [[WORDS[k % 3], WORDS[3 + k % 3], WORDS[7 + k % 3]] for k in range(count)]
    return dataset({"ranks": {"instruction": questions(count), "output": outputs}})


def held(count: int) -> MemoryDataset:
    """Preferences, the last quarter held out."""
    return preferences(count, split=["train" if k < count * 3 // 4 else "test" for k in range(count)])


@pytest.mark.parametrize("method", ["full", {"lora": {"rank": 8}}, {"adapter": {"width": 32}}])
def test_held_out_pairs_are_put_in_order(train, talker: Model, journal: Diary, method) -> None:
    from transformers import AutoModelForSequenceClassification, AutoTokenizer

    made = train(Reward(method=method, **(QUICK | {"lr": 2e-2, "steps": 40})), held(40), talker, journal)
    assert journal.values("held_out_accuracy")[None] >= 0.9
    assert journal.values("held_out_accuracy", "likes")[None] >= 0.9
    loaded = AutoModelForSequenceClassification.from_pretrained(made.path)
    assert loaded.config.num_labels == 1
    assert AutoTokenizer.from_pretrained(made.path).chat_template
    assert {path.name for path in made.path.iterdir()} & {"checkpoints", "tokens", "held"} == set()


def test_held_out_pairs_are_not_trained_on_and_their_losses_told(train, talker: Model, journal: Diary) -> None:
    train(Reward(**QUICK), held(40), talker, journal)
    trained = set(pa.concat_tables(journal.tables)["record"].to_pylist())
    told = pa.concat_tables(journal.lost)
    untrained = {
        record
        for record, epoch in zip(told["record"].to_pylist(), told["epoch"].to_pylist(), strict=True)
        if epoch == 0
    }
    assert (len(trained), len(untrained), trained & untrained) == (30, 10, set())


def test_without_a_split_nothing_is_held_out(train, talker: Model, journal: Diary) -> None:
    train(Reward(**(QUICK | {"steps": 2})), preferences(16), talker, journal)
    assert journal.values("held_out_accuracy") == {}


@pytest.mark.parametrize("pairs, count", [("all", 3), ("adjacent", 2), ("best", 2)])
def test_all_pairs_of_a_list_are_in_one_step(train, talker: Model, journal: Diary, pairs: str, count: int) -> None:
    train(Reward(pairs=pairs, **(QUICK | {"steps": 4, "batch": 4})), ranked(16), talker, journal)
    steps = pa.concat_tables(journal.tables)
    told = steps.group_by("step").aggregate([("length", "count")])
    assert told["length_count"].to_pylist() == [4 * 2 * count] * 4
    assert len(set(steps["record"].to_pylist())) == 16


def test_the_pairs_of_a_list_can_be_rows_of_their_own(train, talker: Model, journal: Diary) -> None:
    train(Reward(together=False, **(QUICK | {"steps": 12, "batch": 4})), ranked(16), talker, journal)
    steps = pa.concat_tables(journal.tables)
    assert len(steps) == 16 * 3 * 2
    assert ends(journal, "accuracy")[1] >= 0.75


def test_a_margin_asks_for_more(train, talker: Model) -> None:
    losses = []
    for margin in (0.0, 2.0):
        journal = Diary()
        train(Reward(margin="much", **(QUICK | {"steps": 1})), preferences(8, much=[margin] * 8), talker, journal)
        losses.append(journal.values("loss")[1])
    assert losses[1] > losses[0] + 1.0


def test_centring_keeps_scores_about_zero(train, talker: Model) -> None:
    means = []
    for centre in (None, 1.0):
        journal = Diary()
        train(Reward(centre=centre, **QUICK), preferences(40), talker, journal)
        means.append(abs(ends(journal, "mean_reward")[1]))
    assert means[1] < 0.5 < max(means[0], 0.6)


def test_an_interrupted_training_ends_in_the_same_weights(train, talker: Model, tmp_path) -> None:
    for method in ("full", {"lora": {"rank": 4}}):
        plugin = Reward(method=method, **(QUICK | {"steps": 8, "checkpoint_steps": 3}))
        name, known, again = str(method)[:4], Diary(), Diary()
        whole = train(plugin, ranked(20), talker, known, tmp_path / f"whole-{name}")
        with pytest.raises(RuntimeError, match="stopped"):
            train(plugin, ranked(20), talker, StopsAt(step=5), tmp_path / f"cut-{name}")
        assert train(plugin, ranked(20), talker, again, tmp_path / f"cut-{name}").fingerprint == whole.fingerprint
        assert again.lost == known.lost


def test_a_reward_model_may_be_trained_on(train, talker: Model, tmp_path) -> None:
    first = train(Reward(**QUICK), preferences(30), talker, out=tmp_path / "first")
    journal = Diary()
    train(Reward(**(QUICK | {"lr": 1e-6, "steps": 1})), preferences(30), first, journal, tmp_path / "second")
    assert journal.values("accuracy")[1] == 1.0
    assert json.loads((first.path / "config.json").read_text())["architectures"] == ["LlamaForSequenceClassification"]


def test_a_missing_margin_column_is_named(train, talker: Model) -> None:
    with pytest.raises(UsageError, match="source 'likes' has no column 'much'"):
        train(Reward(margin="much"), preferences(8), talker)


def test_other_columns_are_named_with_the_format_that_makes_them(train, talker: Model) -> None:
    with pytest.raises(DataError, match=r"not prompt \+ chosen \+ rejected, nor instruction \+ output.*`format = "):
        train(Reward(), dataset({"a": {"text": ["iron"]}}), talker)


def test_a_list_of_one_answer_teaches_nothing(train, talker: Model) -> None:
    lists = dataset({"a": {"instruction": ["iron?"], "output": [["slag"]]}})
    with pytest.raises(DataError, match=r"from 1 of 1 records .record [^:]*: it has no two"):
        train(Reward(), lists, talker)
