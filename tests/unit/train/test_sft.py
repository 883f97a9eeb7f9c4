"""Supervised tuning: the loss is taken on answers and their ends alone, and both methods learn."""

from __future__ import annotations

import json
from itertools import pairwise

import pytest
from training_samples import MemoryDataset, MemoryJournal, chats, dataset

from finery import DataError, Model, UsageError
from finery_plugins.train.conversation import renderings, spelled, turn_ends
from finery_plugins.train.sft import Sft
from finery_plugins.train.tokenizer import TURN_ENDS, loaded_tokenizer

TALK = [
    {"role": "system", "content": "Be brief."},
    {"role": "user", "content": "What follows iron?"},
    {"role": "assistant", "content": "slag"},
    {"role": "user", "content": "And then?"},
    {"role": "assistant", "content": "two words"},
]
# A template that drops the reasoning of earlier turns, as Qwen 3 does.
FORGETFUL = (
    "{% for m in messages %}"
    "{% if m.role == 'assistant' and not loop.last %}{{ '<|im_start|>assistant\n' + m.content.split('|')[-1] }}"
    "{% else %}{{ '<|im_start|>' + m.role + '\n' + m.content }}{% endif %}"
    "{{ '<|im_end|>\n' }}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}"
)


@pytest.fixture(scope="session")
def tokenizer(base: Model):
    return loaded_tokenizer(base, "test")


@pytest.fixture
def talks() -> MemoryDataset:
    return dataset({"talks": {"messages": chats(40)}})


def trained(tokenizer, messages) -> list[str]:
    """The text that a loss is taken on, stretch by stretch."""
    found = []
    for rendering in renderings(tokenizer, messages):
        spelling = spelled(tokenizer, rendering)
        stretch: list[int] = []
        for token, flag in zip([*spelling.ids, -1], [*spelling.is_answer, False], strict=True):
            if flag:
                stretch.append(token)
            elif stretch:
                found.append(tokenizer.decode(stretch))
                stretch = []
    return found


def test_answers_and_their_ends_are_trained_and_nothing_else(tokenizer) -> None:
    assert trained(tokenizer, TALK) == [f"slag{TURN_ENDS}", f"two words{TURN_ENDS}"]


def test_a_conversation_is_rendered_once_where_the_template_allows(tokenizer) -> None:
    (rendering,) = renderings(tokenizer, TALK)
    assert rendering.text == tokenizer.apply_chat_template(TALK, tokenize=False)


def test_the_prompt_before_an_answer_is_what_the_model_is_asked_with(tokenizer) -> None:
    (rendering,) = renderings(tokenizer, TALK)
    for (start, _), end in zip(rendering.answers, (2, 4), strict=True):
        asked = tokenizer.apply_chat_template(TALK[:end], tokenize=False, add_generation_prompt=True)
        assert rendering.text[:start] == asked


def test_a_template_that_rewrites_earlier_turns_gives_a_rendering_for_each(tokenizer, monkeypatch) -> None:
    monkeypatch.setattr(tokenizer, "chat_template", FORGETFUL)
    talk = [*TALK[:2], {"role": "assistant", "content": "hm|slag"}, *TALK[3:]]
    assert trained(tokenizer, talk) == [f"hm|slag{TURN_ENDS}", f"two words{TURN_ENDS}"]
    first, second = renderings(tokenizer, talk)
    assert "hm|" in first.text
    assert "hm|" not in second.text


def test_a_template_without_an_end_gets_the_end_of_text_right_behind_the_answer(tokenizer, monkeypatch) -> None:
    bare = "{% for m in messages %}{{ m.role + ': ' + m.content + '\n' }}{% endfor %}"
    monkeypatch.setattr(tokenizer, "chat_template", bare + "{% if add_generation_prompt %}assistant: {% endif %}")
    assert trained(tokenizer, TALK[:3]) == [f" slag{tokenizer.eos_token}"]
    assert turn_ends(tokenizer) == {tokenizer.eos_token_id}


def test_a_conversation_without_an_answer_has_nothing_to_train(tokenizer) -> None:
    assert list(renderings(tokenizer, TALK[:2])) == []


def test_full_tuning_learns_the_answers(train, talks, base: Model, journal: MemoryJournal) -> None:
    model = train(Sft(steps=60, lr=1e-2, batch=8), talks, base, journal)
    losses = list(journal.values("loss").values())
    assert losses[0] > 3
    assert losses[-1] < 0.8
    assert model.base == base.name
    stops = json.loads((model.path / "generation_config.json").read_text())["eos_token_id"]
    assert len(stops) == 2


def test_an_adapter_learns_other_answers(train, talks, base: Model, journal: MemoryJournal, tmp_path) -> None:
    tuned = train(Sft(steps=60, lr=1e-2, batch=8), talks, base, out=tmp_path / "tuned")
    others = dataset({"talks": {"messages": chats(40, shift=4)}})
    train(Sft(method={"lora": {"rank": 16}}, steps=80, lr=1e-2, batch=8), others, tuned, journal)
    losses = list(journal.values("loss").values())
    assert losses[0] > 1.0
    assert losses[-1] < 0.8


@pytest.mark.filterwarnings("ignore:.*is_gradient_checkpointing:FutureWarning")
def test_an_adapter_is_folded_in_and_kept_when_asked(train, talks, base: Model, tmp_path) -> None:
    from peft import PeftModel
    from safetensors.torch import load_file
    from transformers import AutoModelForCausalLM

    plugin = Sft(method={"lora": {"rank": 4}}, keep_adapter=True, steps=3, batch=4)
    model = train(plugin, talks, base)
    plain = load_file(model.path / "model.safetensors")
    adapted = PeftModel.from_pretrained(AutoModelForCausalLM.from_pretrained(base.path), model.path / "adapter")
    merged = adapted.merge_and_unload().state_dict()
    assert all((merged[name] - weight).abs().max() < 1e-5 for name, weight in plain.items())
    assert not any("lora" in name for name in plain)


def test_an_interrupted_adapter_ends_in_the_same_weights(train, talks, base: Model, tmp_path) -> None:
    class StopsAt(MemoryJournal):
        def progress(self, done: float, total: float, unit: str) -> None:
            if unit == "steps" and done == 5:
                raise RuntimeError("stopped")

    plugin = Sft(method={"lora": {"rank": 4, "dropout": 0.1}}, steps=8, batch=4, checkpoint_steps=4)
    whole = train(plugin, talks, base, out=tmp_path / "whole")
    with pytest.raises(RuntimeError, match="stopped"):
        train(plugin, talks, base, StopsAt(), tmp_path / "cut")
    assert train(plugin, talks, base, out=tmp_path / "cut").fingerprint == whole.fingerprint


def test_unknown_targets_are_named(train, talks, base: Model) -> None:
    with pytest.raises(UsageError, match="cannot adapt q_prj"):
        train(Sft(method={"lora": {"targets": ["q_prj"]}}, steps=1), talks, base)


def test_without_a_model_there_is_nothing_to_tune(train, talks) -> None:
    with pytest.raises(UsageError, match="has no model to tune"):
        train(Sft(), talks)


def test_text_is_sent_to_the_chat_format(train, base: Model) -> None:
    with pytest.raises(DataError, match='no `messages` column: put `format = "chat"` before it'):
        train(Sft(), dataset({"forge": {"text": ["iron"]}}), base)


def test_a_tokenizer_without_a_template_is_refused(train, talks, base: Model, tmp_path) -> None:
    import shutil

    copy = shutil.copytree(base.path, tmp_path / "copy")
    (copy / "chat_template.jinja").unlink()
    with pytest.raises(UsageError, match="tokenizer has no chat template"):
        train(Sft(), talks, Model(path=copy, name="copy", fingerprint=""))


def test_conversations_beyond_the_context_are_counted_and_too_many_refused(train, base: Model, journal) -> None:
    long = [{"role": "user", "content": "iron " * 400}, {"role": "assistant", "content": "slag"}]
    with pytest.raises(DataError, match=r"can learn nothing from 2 of 40 .*no answer stands within `context` tokens"):
        train(Sft(steps=1), dataset({"talks": {"messages": [*chats(38), long, [*long, TALK[1]]]}}), base, journal)
    assert journal.values("conversations_unusable") == {None: 2}


def test_the_learning_rate_follows_the_method(train, talks, base: Model) -> None:
    rates = []
    for method in ("full", {"lora": {}}):
        journal = MemoryJournal()
        train(Sft(method=method, steps=1, log_steps=1, warmup=0), talks, base, journal)
        rates.append(journal.values("learning_rate")[1])
    assert rates == [2e-5, 2e-4]
    assert all(a < b for a, b in pairwise(rates))
