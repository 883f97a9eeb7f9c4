"""A tiny model that answers in words, for the tests of preference and reinforcement training."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

sys.path.insert(0, str(Path(__file__).parent))
sys.path.insert(0, str(Path(__file__).parents[1]))

from preference_samples import Diary, questions
from training_samples import WORDS, MemoryDataset, sentences

from finery import Model, Stage, World

STEPS, ROWS = 40, 32


@pytest.fixture(scope="session")
def talker(tmp_path_factory: pytest.TempPathFactory) -> Model:
    """A causal model that has learnt to answer every question with one or two of the ten words, at random."""
    import torch
    from transformers import LlamaConfig, LlamaForCausalLM

    from finery_plugins.train.architecture import left_model
    from finery_plugins.train.conversation import turn_ends
    from finery_plugins.train.policy import stops
    from finery_plugins.train.site import quieten
    from finery_plugins.train.tokenizer import trained_tokenizer

    quieten(1)
    torch.manual_seed(1)
    asked = questions(ROWS)
    tokenizer = trained_tokenizer([*sentences(40), *asked], 340, 64)
    special = {name: getattr(tokenizer, name) for name in ("bos_token_id", "eos_token_id", "pad_token_id")}
    sizes = {"hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 2, "num_attention_heads": 2}
    config = LlamaConfig(
        vocab_size=len(tokenizer), max_position_embeddings=64, tie_word_embeddings=True, **sizes, **special
    )
    network = LlamaForCausalLM(config)
    optimizer = torch.optim.AdamW(network.parameters(), lr=1e-2)
    for step in range(STEPS):
        words = [WORDS[(k * 7 + step * 3 + k * step) % 10] for k in range(ROWS)]
        said = [f"{word} {WORDS[(k + step) % 10]}" if k % 2 else word for k, word in enumerate(words)]
        turns = [
            [{"role": "user", "content": question}, {"role": "assistant", "content": answer}]
            for question, answer in zip(asked, said, strict=True)
        ]
        texts = [tokenizer.apply_chat_template(talk, tokenize=False) for talk in turns]
        made = tokenizer(texts, add_special_tokens=False, padding=True, return_tensors="pt")
        labels = made["input_ids"].masked_fill(made["attention_mask"] == 0, -100)
        network(**made, labels=labels).loss.backward()
        optimizer.step()
        optimizer.zero_grad()
    stops(network, tokenizer)
    assert turn_ends(tokenizer)
    return left_model(network, tokenizer, tmp_path_factory.mktemp("talker"), "talker", None)


@pytest.fixture
def journal() -> Diary:
    return Diary()


@pytest.fixture
def train(tmp_path: Path, stage: Stage) -> Callable[..., Model]:
    """Train with a plugin: `train(plugin, examples, model, journal=None, out=None)`."""

    def run(
        plugin: Any, examples: MemoryDataset, model: Model | None, journal: Diary | None = None, out: Path | None = None
    ) -> Model:
        return plugin.train(examples, model, out or tmp_path / "out", World(threads=1), stage, journal or Diary())

    return run
