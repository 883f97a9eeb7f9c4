"""Groups of answers compared with each other: the mean reward rises, chance is fixed, resuming is exact."""

from __future__ import annotations

import pyarrow as pa
import pytest
from preference_samples import Diary, StopsAt, asked, preferences, rise
from training_samples import dataset

from finery import Model, PluginError, UsageError
from finery_plugins.train.grpo import Grpo
from finery_plugins.train.reward import Reward
from finery_plugins.train.rloo import Rloo

IRON = {"check": "regex", "pattern": "iron"}
QUICK = {"steps": 14, "batch": 32, "generations": 8, "answer_tokens": 4, "lr": 1e-2, "beta": 0.0}


@pytest.mark.parametrize("kind", [Grpo, Rloo])
def test_the_mean_reward_rises(train, talker: Model, journal: Diary, kind) -> None:
    train(kind(rules=[IRON], **QUICK), asked(16), talker, journal)
    before, after = rise(journal)
    assert before < 0.5
    assert after > 0.8
    assert rise(journal, "reward")[1] == pytest.approx(rise(journal, "rewards/worth/mean")[1])


@pytest.mark.parametrize("kind", [Grpo, Rloo])
def test_an_adapter_learns_beside_a_reference_that_is_the_model_itself(train, talker, journal, kind) -> None:
    more = {"method": {"lora": {"rank": 8}}, "keep_adapter": True, "beta": 0.01, "batch": 64, "steps": 10}
    made = train(kind(rules=[{**IRON, "pattern": "iron|slag|bloom"}], **(QUICK | more)), asked(16), talker, journal)
    before, after = rise(journal)
    assert after > before + 0.2
    assert not (made.path / "adapter" / "ref").exists()
    assert abs(journal.values("kl")[1]) < 1e-4


def test_the_reward_model_of_an_earlier_stage_is_pleased(train, talker: Model, journal: Diary, tmp_path) -> None:
    judge = train(Reward(steps=24, batch=8, lr=1e-2, warmup=0.0), preferences(40), talker, out=tmp_path / "judge")
    train(Grpo(reward=str(judge.path), **QUICK), asked(16), talker, journal)
    before, after = rise(journal)
    assert after > before + 1.0


@pytest.mark.parametrize("kind", [Grpo, Rloo])
@pytest.mark.parametrize("more", [{"iterations": 2}, {"accumulate": 2, "batch": 16}])
def test_an_interrupted_training_ends_in_the_same_weights(train, talker: Model, tmp_path, kind, more) -> None:
    options = {"steps": 8, "checkpoint_steps": 3, "batch": 16, "generations": 4, "beta": 0.05}
    plugin = kind(rules=[IRON], **(QUICK | options | more))
    known, again = Diary(), Diary()
    whole = train(plugin, asked(16), talker, known, tmp_path / "whole")
    with pytest.raises(RuntimeError, match="stopped"):
        train(plugin, asked(16), talker, StopsAt(step=6), tmp_path / "cut")
    assert train(plugin, asked(16), talker, again, tmp_path / "cut").fingerprint == whole.fingerprint
    assert again.lost == known.lost
    assert again.values("reward") == known.values("reward")


def test_steps_say_whose_answers_were_learnt_from_and_losses_what_they_earned(train, talker: Model, journal) -> None:
    plugin = Grpo(rules=[IRON], **(QUICK | {"steps": 4, "iterations": 2, "batch": 16, "generations": 4}))
    train(plugin, asked(8), talker, journal)
    steps = pa.concat_tables(journal.tables)
    assert steps["step"].to_pylist() == [step for step in range(1, 5) for _ in range(16)]
    records = steps["record"].to_pylist()
    assert records[:16] == records[16:32]
    assert len(set(records[:16])) == 4
    told = pa.concat_tables(journal.lost)
    assert (len(told), set(told["epoch"].to_pylist())) == (8, {1})
    rewards = journal.values("reward", "asked")
    assert -sum(told["loss"].to_pylist()) / 8 == pytest.approx((rewards[1] + rewards[3]) / 2)


def test_right_answers_come_with_the_prompts(train, talker: Model, journal: Diary) -> None:
    examples = asked(16, answer=["iron"] * 16)
    train(Grpo(rules=[{"check": "contains"}], **QUICK), examples, talker, journal)
    assert rise(journal)[1] > 0.8


def test_a_missing_right_answer_is_a_fault(train, talker: Model) -> None:
    with pytest.raises(UsageError, match="check 'exact' needs a right answer, which 16 of 16 records lack"):
        train(Grpo(rules=[{"check": "exact"}], **QUICK), asked(16), talker)


def test_a_function_of_ones_own_rewards(train, talker: Model, journal: Diary, tmp_path, monkeypatch) -> None:
    code = "def short(prompt, completion, answer, record):\n    return 1 / max(len(completion), 1)\n"
    (tmp_path / "own_rewards.py").write_text(code + "def nothing(**_):\n    return None\n")
    monkeypatch.syspath_prepend(tmp_path)
    train(Grpo(rules=[{"check": "own_rewards:short"}], **(QUICK | {"steps": 2})), asked(8), talker, journal)
    assert 0 < journal.values("reward")[1] < 1
    with pytest.raises(PluginError, match="'own_rewards:nothing' answers None for record"):
        train(Grpo(rules=[{"check": "own_rewards:nothing"}], **QUICK), asked(8), talker, out=tmp_path / "second")
    with pytest.raises(UsageError, match=r"there is no function 'own_rewards:no': put own_rewards\.py beside"):
        train(Grpo(rules=[{"check": "own_rewards:no"}], **QUICK), asked(8), talker, out=tmp_path / "third")


def test_messages_and_instructions_are_prompts_too(train, talker: Model) -> None:
    talk = [{"role": "user", "content": "Iron?"}, {"role": "assistant", "content": "slag"}]
    for columns in ({"messages": [talk] * 8}, {"instruction": ["Iron?"] * 8, "output": ["slag"] * 8}):
        journal = Diary()
        train(Grpo(rules=[{"check": "exact"}], **(QUICK | {"steps": 1})), dataset({"a": columns}), talker, journal)
        assert journal.values("reward")[1] >= 0


@pytest.mark.parametrize("kind", [Grpo, Rloo])
def test_steps_hold_whole_groups(kind) -> None:
    with pytest.raises(ValueError, match="is 6, no multiple of the 4 `generations` a prompt"):
        kind(rules=[IRON], batch=6, generations=4)
