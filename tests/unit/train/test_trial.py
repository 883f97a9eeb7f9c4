"""A training tried: what it is said to hold is what it holds, and every objective says what it needs."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from training_samples import MemoryDataset, MemoryJournal, chats, dataset, sentences

from finery import Amount, Model, Network, Stage, UsageError, World
from finery.forecast.compute import work
from finery.forecast.memory import memory
from finery_plugins.train import training
from finery_plugins.train.dpo import Dpo
from finery_plugins.train.electra import Electra
from finery_plugins.train.grpo import Grpo
from finery_plugins.train.kto import Kto
from finery_plugins.train.masked_lm import MaskedLm
from finery_plugins.train.merge import Merge
from finery_plugins.train.orpo import Orpo
from finery_plugins.train.ppo import Ppo
from finery_plugins.train.pretrain import Pretrain
from finery_plugins.train.prune import Prune
from finery_plugins.train.quantise import Quantise
from finery_plugins.train.reward import Reward
from finery_plugins.train.rloo import Rloo
from finery_plugins.train.sft import Sft
from finery_plugins.train.sizes import by_name, network_of, read

STAGE = Stage(id="study", hook="train", plugin="sft", seed=17)
SMALL = Network(2_000_000, 2, 64, 2, 64, 64, 192, 4096, context=128, kind="llama")


def amount(texts: list[str], **more: Any) -> Amount:
    """What a plan knows of some texts."""
    lengths = [float(len(text)) for text in texts]
    return Amount("tales", len(texts), sum(lengths), lengths, texts[:64], **more)


def watched(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The peaks of the allocator of all trainings from now on, the weights that were there before among them."""
    from torch.profiler import ProfilerActivity, profile

    peaks: list[float] = []
    plain = training.fit

    def fit(model: Any, *arguments: Any) -> None:
        held = [weight.untyped_storage() for weight in model.parameters()]
        before = sum({memory.data_ptr(): memory.nbytes() for memory in held}.values())
        with profile(activities=[ProfilerActivity.CPU], profile_memory=True) as profiler:
            plain(model, *arguments)
        events = [event for event in profiler.profiler.kineto_results.events() if event.name() == "[memory]"]
        sizes = [event.nbytes() for event in sorted(events, key=lambda event: event.start_ns())]
        peaks.append(before + float(np.cumsum(sizes).max()))

    monkeypatch.setattr(training, "fit", fit)
    return peaks


@pytest.mark.parametrize("more", [{}, {"accumulate": 2, "gradient_checkpointing": True}])
def test_the_peak_is_what_was_said_before(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, base: Model, more: Any
) -> None:
    texts = sentences(160, length=40)
    plugin = Pretrain(context=64, batch=64, steps=2, **more)
    asked = plugin.demand([amount(texts)], base, None, World(), STAGE)
    traced = plugin.trial(None, asked, base, tmp_path, World(), STAGE, False)
    peaks = watched(monkeypatch)
    plugin.train(dataset({"tales": {"text": texts}}), base, tmp_path / "out", World(), STAGE, MemoryJournal())
    assert traced.peak_bytes == pytest.approx(peaks[-1], rel=0.05)
    assert memory(asked).peak == pytest.approx(peaks[-1], rel=0.15)
    assert sum(traced.parts.values()) == pytest.approx(traced.peak_bytes)


SHAPE: Any = {"layers": 2, "width": 64, "heads": 4, "vocabulary": 512, "context": 64, "batch": 32, "steps": 2}


@pytest.mark.parametrize(
    "plugin",
    [MaskedLm(**SHAPE), Electra(**SHAPE), Electra(**SHAPE, dropout=0.0), Pretrain(**SHAPE, architecture="gpt2")],
)
def test_the_closed_form_knows_what_leaving_activations_out_takes(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, plugin: Any
) -> None:
    texts = sentences(200, length=60)
    asked = plugin.demand([amount(texts)], None, None, World(), STAGE)
    peaks = watched(monkeypatch)
    plugin.train(dataset({"tales": {"text": texts}}), None, tmp_path / "out", World(), STAGE, MemoryJournal())
    assert memory(asked).peak == pytest.approx(peaks[-1], rel=0.15)


def test_a_probe_takes_three_steps(base: Model, tmp_path: Path) -> None:
    examples: MemoryDataset = dataset({"talks": {"messages": chats(24)}})
    plugin = Sft(batch=4, context=64, epochs=9, folds=2)
    asked = plugin.demand([amount(["a word"] * 24)], base, None, World(), STAGE)
    found = plugin.trial(examples, asked, base, tmp_path, World(), STAGE, True)
    assert found.steps == 3
    assert found.seconds is not None and found.seconds > 0
    assert found.peak_bytes >= 4 * asked.network.parameters


def test_sizes_are_read_from_a_folder_and_guessed_from_a_name(base: Model) -> None:
    found = read(base.path, "test")
    assert (found.layers, found.width, found.heads, found.context, found.is_chat) == (2, 32, 2, 64, True)
    assert found.parameters == found.vocabulary * 32 + 2 * (4 * 32 * 32 + 3 * 32 * 96 + 2 * 32) + 32
    guess = by_name("Qwen/Qwen2.5-7B-Instruct")
    assert guess is not None and guess.parameters == 7e9 and guess.is_chat and 28 <= guess.layers <= 40
    with pytest.raises(UsageError, match="not on this machine"):
        network_of(Model(Path("acme/unknown"), "acme/unknown", ""), "test")


@pytest.mark.parametrize(
    ("plugin", "aim"),
    [
        (Pretrain(steps=5), "continue"),
        (Sft(steps=5), "tune"),
        (MaskedLm(steps=5), "continue"),
        (Electra(steps=5), "continue"),
        (Dpo(steps=5), "prefer"),
        (Kto(steps=5), "prefer"),
        (Orpo(steps=5), "prefer"),
        (Reward(steps=5), "reward"),
        (Grpo(steps=5, reward="judge"), "reinforce"),
        (Rloo(steps=5, reward="judge"), "reinforce"),
        (Ppo(steps=5, reward="judge", rollout=16), "reinforce"),
    ],
)
def test_every_objective_says_what_it_needs(plugin: Any, aim: str) -> None:
    model = Model(Path("nowhere"), "earlier", "")
    asked = plugin.demand([amount(sentences(200), splits={"train": 0.5})], model, SMALL, World(), STAGE)
    assert (asked.aim, asked.steps, replace(asked.network, active=None), asked.records) == (aim, 5, SMALL, 100)
    held = memory(asked)
    assert held.peak > held.weights + held.states
    # What its losses hold at once decides whether a vocabulary counts: ours are worked out in chunks, TRL's are not.
    assert (asked.logits is None) == (aim in ("prefer", "reward", "reinforce"))


def test_a_split_and_a_budget_make_steps() -> None:
    texts = sentences(400)
    whole = Sft(batch=4, epochs=2).demand([amount(texts)], Model(Path("x"), "x", ""), SMALL, World(), STAGE)
    half = Sft(batch=4, epochs=2).demand(
        [amount(texts, splits={"train": 0.5, "test": 0.5})], Model(Path("x"), "x", ""), SMALL, World(), STAGE
    )
    assert half.steps == pytest.approx(whole.steps / 2, abs=1)
    assert whole.epochs == pytest.approx(2)


@pytest.mark.parametrize(
    ("plugin", "models"),
    [
        (Merge(others=["a", "b"]), 3),
        (Merge(others=["a", "b"], how="ties"), 8),
        (Merge(adapter="a"), 2),
        (Prune(share=0.5, what="heads"), 2),
        (Prune(share=0.5), 4),
        (Prune(share=0.5, scope="layer"), 2),
        (Quantise(), 1.7),
        (Merge(adapter="a", limit=0), 1),
    ],
)
def test_a_change_of_weights_says_how_many_models_it_holds(plugin: Any, models: float) -> None:
    model = Model(Path("nowhere"), "earlier", "")
    texts = sentences(500)
    asked = plugin.demand([amount(texts, splits={"validation": 0.5})], model, SMALL, World(), STAGE)
    held = memory(asked)
    assert (asked.aim, asked.records, asked.learning) == ("change", min(plugin.limit, 250), 0)
    assert held.weights + held.buffers == pytest.approx(models * 4 * SMALL.parameters)
    assert (held.gradients, held.states, held.activations) == (0, 0, 0)
    # Both models look at each token once.
    assert work(asked).total == pytest.approx(2 * work(replace(asked, looks=0)).total)
