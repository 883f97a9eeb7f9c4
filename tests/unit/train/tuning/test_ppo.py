"""Proximal policy optimisation: the mean reward rises, the model stays near where it was, resuming is exact."""

from __future__ import annotations

import pyarrow as pa
import pytest
from preference_samples import Diary, StopsAt, asked, preferences, rise
from training_samples import dataset

from finery import DataError, Model, UsageError
from finery_plugins.train.ppo import Ppo
from finery_plugins.train.reward import Reward

FIRST = {"check": "regex", "pattern": "iron|slag|bloom"}
QUICK = {"steps": 24, "batch": 32, "rollout": 64, "passes": 2, "answer_tokens": 4, "lr": 5e-3, "kl": 0.02}


def test_the_mean_reward_rises(train, talker: Model, journal: Diary) -> None:
    from transformers import AutoModelForCausalLM

    made = train(Ppo(rules=[FIRST], **QUICK), asked(16), talker, journal)
    before, after = rise(journal)
    assert before < 0.5
    assert after > 0.8
    assert journal.values("reward", "asked") == journal.values("reward")
    loaded = AutoModelForCausalLM.from_pretrained(made.path)
    assert not any("value" in name.split(".")[0] for name in loaded.state_dict())
    assert {path.name for path in made.path.iterdir()} & {"checkpoints", "tokens"} == set()


def test_the_reward_model_of_an_earlier_stage_is_pleased(train, talker: Model, journal: Diary, tmp_path) -> None:
    plugin = Reward(steps=24, batch=8, lr=1e-2, warmup=0.0)
    judge = train(plugin, preferences(40), talker, out=tmp_path / "judge")
    train(Ppo(reward=str(judge.path), **(QUICK | {"steps": 16})), asked(16), talker, journal)
    before, after = rise(journal)
    assert after > before + 1.0


@pytest.mark.parametrize("method", ["full", {"lora": {"rank": 8}}])
def test_the_first_answers_are_the_models_own(train, talker: Model, journal: Diary, method) -> None:
    train(Ppo(method=method, rules=[FIRST], **(QUICK | {"steps": 4, "lr": 1e-2})), asked(16), talker, journal)
    assert journal.values("kl")[1] == pytest.approx(0, abs=1e-4)
    assert journal.values("clipped")[1] == 0


def test_distance_to_the_start_costs(train, talker: Model) -> None:
    apart = []
    for kl in (0.001, 2.0):
        journal = Diary()
        train(Ppo(rules=[FIRST], **(QUICK | {"steps": 16, "kl": kl})), asked(16), talker, journal)
        apart.append(rise(journal, "kl")[1])
    assert apart[1] < apart[0] * 0.7


def test_the_weight_of_the_distance_follows_its_target(train, talker: Model, journal: Diary) -> None:
    train(Ppo(rules=[FIRST], kl_target=0.01, **(QUICK | {"steps": 12})), asked(16), talker, journal)
    weights = list(journal.values("kl_weight").values())
    assert weights[0] == pytest.approx(0.02)
    assert weights[-1] > weights[1]


@pytest.mark.parametrize("method", ["full", {"lora": {"rank": 4, "dropout": 0.1}}])
def test_an_interrupted_training_ends_in_the_same_weights(train, talker: Model, tmp_path, method) -> None:
    more = {"steps": 16, "checkpoint_steps": 3, "batch": 8, "rollout": 16, "kl_target": 0.1}
    plugin = Ppo(method=method, rules=[FIRST], **(QUICK | more))
    known, again = Diary(), Diary()
    whole = train(plugin, asked(16), talker, known, tmp_path / "whole")
    with pytest.raises(RuntimeError, match="stopped"):
        train(plugin, asked(16), talker, StopsAt(step=10), tmp_path / "cut")
    kept = sorted(path.name for path in (tmp_path / "cut" / "checkpoints").glob("checkpoint-*"))
    assert kept == ["checkpoint-4", "checkpoint-8"]
    assert train(plugin, asked(16), talker, again, tmp_path / "cut").fingerprint == whole.fingerprint
    assert again.lost == known.lost
    assert again.values("reward") == known.values("reward")
    assert again.values("kl_weight") == known.values("kl_weight")


def test_steps_say_which_answers_were_learnt_from_and_losses_what_they_earned(train, talker: Model, journal) -> None:
    train(Ppo(rules=[FIRST], **(QUICK | {"steps": 4, "batch": 8, "rollout": 16})), asked(16), talker, journal)
    steps = pa.concat_tables(journal.tables)
    assert steps["step"].to_pylist() == [step for step in range(1, 5) for _ in range(8)]
    first, second = (set(steps["record"].to_pylist()[start : start + 16]) for start in (0, 16))
    assert len(first) == 16
    assert first == second
    told = pa.concat_tables(journal.lost)
    assert set(told["epoch"].to_pylist()) == {1}
    assert -sum(told["loss"].to_pylist()) / 16 == pytest.approx(journal.values("reward")[1])


def test_a_reward_model_cannot_be_tuned_into_a_speaker(train, talker: Model, tmp_path) -> None:
    judge = train(Reward(steps=1, batch=4), preferences(8), talker, out=tmp_path / "judge")
    with pytest.raises(UsageError, match="is a reward model: it answers with numbers: set `model`"):
        train(Ppo(rules=[FIRST]), asked(8), judge)


def test_a_speaker_is_no_judge(train, talker: Model) -> None:
    with pytest.raises(UsageError, match="is no scalar classifier: its architecture is LlamaForCausalLM: name the id"):
        train(Ppo(reward=str(talker.path)), asked(8), talker)


@pytest.mark.parametrize(
    "options, fault",
    [
        ({}, "nothing says what an answer is worth"),
        ({"rules": [FIRST], "rollout": 10, "batch": 4}, "`rollout` is 10, no multiple of the 4 answers of a step"),
        ({"rules": [FIRST], "steps": 1, "epochs": 1.0}, "steps and epochs exclude each other"),
        ({"rules": [FIRST], "kl": 0.0, "kl_target": 1.0}, "`kl_target` adapts `kl`, which is 0"),
    ],
)
def test_options_that_make_no_sense_are_refused(options, fault) -> None:
    with pytest.raises(ValueError, match=fault):
        Ppo(**options)


def test_other_columns_are_named(train, talker: Model) -> None:
    with pytest.raises(DataError, match="source 'a' has the columns text, not prompt, nor messages, nor instruction"):
        train(Ppo(rules=[FIRST]), dataset({"a": {"text": ["iron"]}}), talker)


def test_empty_prompts_are_counted_and_too_many_refused(train, talker: Model) -> None:
    with pytest.raises(DataError, match=r"can learn nothing from 1 of 3 records .record .*: its prompt is empty"):
        train(Ppo(rules=[FIRST], answer_tokens=4), dataset({"a": {"prompt": ["iron?", " ", "slag?"]}}), talker)


def test_prompts_leave_room_for_the_answer(train, talker: Model) -> None:
    with pytest.raises(DataError, match="tokens, where 2 to 10 fit"):
        train(Ppo(rules=[FIRST], answer_tokens=54), asked(8), talker)
