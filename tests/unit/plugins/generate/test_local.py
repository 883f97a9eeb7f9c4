"""A model in a folder answers by prompt and seed alone, in whatever company, and nothing in the folder is run."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from finery import UsageError
from finery_plugins.generate.chats import Chats, opened
from finery_plugins.generate.errors import Unanswered
from finery_plugins.generate.options import Sampling


def asked(text: str) -> list[dict[str, str]]:
    return [{"role": "user", "content": text}]


def chats(folder: Path, out: Path, **sampling: float) -> Chats:
    return opened(None, str(folder), Sampling(max_tokens=12, **sampling), None, out)  # type: ignore[arg-type]


def test_the_likeliest_tokens_are_those_of_the_library(tiny_model: Path, tmp_path: Path) -> None:
    from transformers import AutoModelForCausalLM, AutoTokenizer

    reply = chats(tiny_model, tmp_path).ask(asked("the mill"), 1)
    tokenizer = AutoTokenizer.from_pretrained(tiny_model)
    model = AutoModelForCausalLM.from_pretrained(tiny_model)
    text = tokenizer.apply_chat_template(asked("the mill"), tokenize=False, add_generation_prompt=True)
    given = tokenizer(text, add_special_tokens=False, return_tensors="pt")
    made = model.generate(**given, max_new_tokens=12, do_sample=False)[0, given["input_ids"].shape[1] :]
    assert reply.text == tokenizer.decode(made, skip_special_tokens=True)
    assert (reply.model, reply.cost) == ("tiny", 0.0)


def test_a_drawn_answer_follows_from_its_seed_in_any_order(tiny_model: Path, tmp_path: Path) -> None:
    first = chats(tiny_model, tmp_path / "a", temperature=1.0)
    forward = {seed: first.ask(asked("water"), seed).text for seed in range(4)}
    second = chats(tiny_model, tmp_path / "b", temperature=1.0)
    backward = {seed: second.ask(asked("water"), seed).text for seed in reversed(range(4))}
    assert forward == backward
    assert len(set(forward.values())) == 4


def test_drawing_follows_the_models_probabilities() -> None:
    import torch

    from finery_plugins.generate.local import warpers

    logits = torch.tensor([[2.0, 1.0, 0.0, -1.0]])
    sampling = Sampling(temperature=1.0)
    drawn = [int(warpers(sampling, seed)(None, logits).argmax()) for seed in range(2000)]
    shares = torch.bincount(torch.tensor(drawn), minlength=4) / 2000
    assert torch.allclose(shares, torch.softmax(logits[0], 0), atol=0.04)  # four standard deviations


def test_a_seed_does_not_matter_where_nothing_is_drawn(tiny_model: Path, tmp_path: Path) -> None:
    greedy = chats(tiny_model, tmp_path)
    assert greedy.ask(asked("water"), 1) == greedy.ask(asked("water"), 2)


def test_a_prompt_that_does_not_fit_is_unanswered(tiny_model: Path, tmp_path: Path) -> None:
    with pytest.raises(Unanswered, match="do not fit into the model's 512"):
        chats(tiny_model, tmp_path).ask(asked("weir " * 600), 1)


def test_pickled_weights_are_refused(tiny_model: Path, tmp_path: Path) -> None:
    folder = tmp_path / "pickled"
    shutil.copytree(tiny_model, folder)
    (folder / "model.safetensors").rename(folder / "pytorch_model.bin")
    with pytest.raises(UsageError, match="no safetensors"):
        chats(folder, tmp_path).ask(asked("water"), 1)


def test_a_model_without_a_chat_template_is_refused(tiny_model: Path, tmp_path: Path) -> None:
    folder = tmp_path / "bare"
    shutil.copytree(tiny_model, folder, ignore=shutil.ignore_patterns("chat_template*"))
    with pytest.raises(UsageError, match="no chat template"):
        chats(folder, tmp_path).ask(asked("water"), 1)


def test_another_model_of_the_same_name_is_asked_anew(tiny_model: Path, tmp_path: Path) -> None:
    from transformers import AutoModelForCausalLM

    reply = chats(tiny_model, tmp_path).ask(asked("water"), 1)
    folder = tmp_path / "other" / "tiny"
    shutil.copytree(tiny_model, folder)
    model = AutoModelForCausalLM.from_pretrained(folder)
    model.lm_head.weight.data.neg_()
    model.save_pretrained(folder)
    again = chats(folder, tmp_path).ask(asked("water"), 1)
    assert again.prompt_id != reply.prompt_id
    assert again.text != reply.text
