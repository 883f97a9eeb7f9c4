"""Methods: each trains what it says and nothing else, learns, and leaves a folder that answers as the trained model
did."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
from pydantic import ValidationError
from training_samples import MemoryDataset, MemoryJournal, chats, dataset, sentences

from finery import Model, Stage, UsageError, World
from finery_plugins.train.architecture import loaded_model
from finery_plugins.train.course import prepared
from finery_plugins.train.method import merged
from finery_plugins.train.pretrain import Pretrain
from finery_plugins.train.sft import Sft
from finery_plugins.train.site import Site

ADAPTERS = {
    "lora": {"lora": {"rank": 4}},
    "dora": {"dora": {"rank": 4}},
    "qlora": {"qlora": {"rank": 4}},
    "ia3": {"ia3": {}},
    "adapter": {"adapter": {"width": 24}},
    "prefix": {"prefix": {"length": 4}},
}
FREEZES = {
    "layers": {"freeze": {"layers": 1}},
    "embeddings": {"freeze": {"embeddings": True}},
    "names": {"freeze": {"names": ["*.self_attn.*"]}},
}
QUICK = {"steps": 30, "batch": 8, "lr": 2e-2, "log_steps": 5}


@pytest.fixture
def talks() -> MemoryDataset:
    return dataset({"talks": {"messages": chats(40)}})


@pytest.fixture
def site(tmp_path: Path, stage: Stage) -> Site:
    return Site(tmp_path, World(), stage, MemoryJournal())


def network_of(plugin: Sft, model: Model, site: Site):
    """The network that a plugin trains."""
    return prepared(model, plugin.method, None, None, site)


def shaken(network):
    """The network with everything that is trained moved at random: adapters start by saying nothing."""
    import torch

    torch.manual_seed(3)
    with torch.no_grad():
        for parameter in network.parameters():
            if parameter.requires_grad:
                parameter.add_(torch.randn_like(parameter) * 0.05)
    return network.eval()


def answer(network):
    """What a network answers to eight tokens."""
    import torch

    with torch.no_grad():
        return network(input_ids=torch.tensor([[5, 9, 33, 7, 300, 41, 8, 2]])).logits


@pytest.mark.parametrize("name", ["lora", "dora", "qlora", "ia3", "adapter"])
def test_merged_answers_as_unmerged(base: Model, site: Site, name: str) -> None:
    import torch

    plugin = Sft(method=ADAPTERS[name])
    network = shaken(network_of(plugin, base, site))
    trained, start = answer(network), answer(loaded_model(base, "test"))
    plain = merged(network, plugin.method, None).eval()
    assert (trained - start).abs().max() > 1e-2
    assert torch.allclose(answer(plain), trained, atol=1e-4)
    assert type(plain) is type(loaded_model(base, "test"))


@pytest.mark.parametrize("name", ["lora", "dora", "ia3", "adapter"])
def test_an_adapter_starts_from_the_models_own_answers(base: Model, site: Site, name: str) -> None:
    import torch

    network = network_of(Sft(method=ADAPTERS[name]), base, site).eval()
    assert torch.allclose(answer(network), answer(loaded_model(base, "test")), atol=1e-5)


def test_qlora_holds_weights_in_four_bits(base: Model, site: Site) -> None:
    import torch

    before = answer(loaded_model(base, "test"))
    network = network_of(Sft(method=ADAPTERS["qlora"]), base, site).eval()
    # Weights of 32 columns lose more in 4 bits than those of a model of use.
    assert 0 < (answer(network) - before).abs().mean() < 0.5 * before.abs().mean()
    held = [part for label, part in network.named_parameters() if "base_layer.weight" in label]
    assert len(held) == 14
    assert {part.dtype for part in held} == {torch.uint8}


@pytest.mark.parametrize("name", ADAPTERS)
def test_an_adapter_is_all_that_is_trained(base: Model, site: Site, name: str) -> None:
    network = network_of(Sft(method=ADAPTERS[name]), base, site)
    words = ("lora_", "ia3_", "beside", "prompt_encoder")
    trained = [label for label, part in network.named_parameters() if part.requires_grad]
    assert trained
    assert all(any(word in label for word in words) for label in trained)


@pytest.mark.parametrize("name", ["full", *ADAPTERS, *FREEZES])
def test_every_method_learns_and_its_folder_loads(train, talks, base: Model, name: str) -> None:
    import torch

    journal = MemoryJournal()
    method = {"full": "full", **ADAPTERS, **FREEZES}[name]
    quick = QUICK | {"prefix": {"packing": False, "lr": 0.3}, "ia3": {"lr": 0.3}}.get(name, {})
    model = train(Sft(method=method, **quick), talks, base, journal)
    losses = list(journal.values("loss").values())
    assert losses[-1] < 0.75 * losses[0]
    network = loaded_model(model, "test").eval()
    from transformers import AutoModelForCausalLM

    plain = AutoModelForCausalLM.from_pretrained(model.path)
    assert torch.allclose(answer(plain), answer(network)) == (name != "prefix")
    assert not list(model.path.glob("*.bin"))


@pytest.mark.parametrize(
    ("name", "still"), [("layers", "layers.0."), ("embeddings", "embed_tokens"), ("names", "self_attn")]
)
def test_what_is_frozen_stays(train, talks, base: Model, name: str, still: str) -> None:
    from safetensors.torch import load_file

    model = train(Sft(method=FREEZES[name], **QUICK | {"steps": 3}), talks, base)
    before, after = (load_file(folder / "model.safetensors") for folder in (base.path, model.path))
    moved = {label for label in before if (before[label] != after[label]).any()}
    assert moved
    assert moved == {label for label in before if still not in label}


def test_an_adapter_makes_the_feedforward_layers_wider(train, talks, base: Model) -> None:
    model = train(Sft(method=ADAPTERS["adapter"], **QUICK | {"steps": 2}), talks, base)
    old, new = (json.loads((folder / "config.json").read_text()) for folder in (base.path, model.path))
    assert new["intermediate_size"] == old["intermediate_size"] + 24


@pytest.mark.parametrize("architecture", ["gpt2", "gpt_neox", "qwen3"])
def test_an_adapter_folds_into_other_architectures(train, site: Site, architecture: str) -> None:
    import torch

    small = {"layers": 2, "width": 32, "heads": 2, "vocabulary": 400, "context": 64, "steps": 1}
    model = train(Pretrain(architecture=architecture, **small), dataset({"forge": {"text": sentences(20)}}))
    plugin = Sft(method=ADAPTERS["adapter"])
    network = shaken(network_of(plugin, model, site))
    trained = answer(network)
    merged(network, plugin.method, None).save_pretrained(site.out / "wide")
    wide = loaded_model(replace(model, path=site.out / "wide"), "test").eval()
    assert torch.allclose(answer(wide), trained, atol=1e-5)


@pytest.mark.filterwarnings("ignore:.is_gradient_checkpointing:FutureWarning")
def test_a_prefix_is_left_beside_its_base_and_loaded_with_it(train, talks, base: Model, site: Site) -> None:
    import torch
    from peft import PeftModel
    from safetensors.torch import load_file

    plugin = Sft(method=ADAPTERS["prefix"], packing=False, **QUICK)
    model = train(plugin, talks, base)
    before, after = (load_file(folder / "model.safetensors") for folder in (base.path, model.path))
    assert all((before[label] == after[label]).all() for label in before)
    network = loaded_model(model, "test").eval()
    by_hand = PeftModel.from_pretrained(loaded_model(base, "test"), model.path / "prefix").eval()
    assert torch.allclose(answer(network), answer(by_hand))
    assert (answer(network) - answer(loaded_model(base, "test"))).abs().max() > 1e-2
    assert model.fingerprint != base.fingerprint


def test_a_prefix_is_trained_further_as_a_prefix_alone(train, talks, base: Model, tmp_path: Path) -> None:
    plugin = Sft(method=ADAPTERS["prefix"], packing=False, **QUICK)
    first, then = MemoryJournal(), MemoryJournal()
    model = train(plugin, talks, base, first, out=tmp_path / "first")
    train(plugin, talks, model, then, out=tmp_path / "then")
    assert then.values("loss")[5] < first.values("loss")[5]
    with pytest.raises(UsageError, match="the model has a prefix, which no other method can train on"):
        train(Sft(packing=False, steps=1), talks, model, out=tmp_path / "full")
    with pytest.raises(UsageError, match="prefix takes 4 positions, not 5: set `length = 4`"):
        train(Sft(method={"prefix": {"length": 5}}, packing=False, steps=1), talks, model, out=tmp_path / "five")


def test_a_prefix_lets_packed_documents_see_each_other(train, talks, base: Model) -> None:
    with pytest.raises(UsageError, match=r"lets packed documents see each other.*set `packing = false`"):
        train(Sft(method=ADAPTERS["prefix"], steps=1), talks, base)


@pytest.mark.parametrize("name", ["dora", "qlora", "adapter", "prefix", "layers"])
def test_an_interrupted_method_ends_in_the_same_weights(train, talks, base: Model, tmp_path: Path, name: str) -> None:
    class StopsAt(MemoryJournal):
        def progress(self, done: float, total: float, unit: str) -> None:
            if unit == "steps" and done == 5:
                raise RuntimeError("stopped")

    method = {**ADAPTERS, **FREEZES}[name]
    plugin = Sft(method=method, steps=6, batch=4, checkpoint_steps=4, lr=1e-2, packing=name != "prefix")
    whole = train(plugin, talks, base, out=tmp_path / "whole")
    with pytest.raises(RuntimeError, match="stopped"):
        train(plugin, talks, base, StopsAt(), tmp_path / "cut")
    assert train(plugin, talks, base, out=tmp_path / "cut").fingerprint == whole.fingerprint


@pytest.mark.parametrize(
    ("method", "fault"),
    [
        ({"freeze": {"layers": 3}}, "`freeze` names 3 layers, the model has 2: at most 2"),
        ({"freeze": {"names": ["*.attn.*"]}}, r"no parameter is called '\*\.attn\.\*': names are such as model\."),
        ({"freeze": {"names": ["*"]}}, "leaves nothing to train"),
        ({"ia3": {"targets": ["k_prj"]}}, "cannot adapt k_prj"),
    ],
)
def test_what_a_model_lacks_is_named(train, talks, base: Model, method, fault: str) -> None:
    with pytest.raises(UsageError, match=fault):
        train(Sft(method=method, steps=1), talks, base)


@pytest.mark.parametrize(
    "method",
    [
        {"freeze": {}},
        {"lora": {"rank": 0}},
        {"prefix": {"length": 0}},
        {"adapter": {"width": 0}},
        {"ia3": {"targets": ["k_proj"], "feedforward": ["down_proj"]}},
        {"lora": {}, "ia3": {}},
        "half",
    ],
)
def test_a_method_that_cannot_be_is_refused(method) -> None:
    with pytest.raises(ValidationError):
        Sft(method=method)


def test_a_model_from_scratch_has_no_part_to_train(train) -> None:
    with pytest.raises(UsageError, match="method `lora` trains a part of a model, and there is none yet"):
        train(Pretrain(method={"lora": {}}, steps=1), dataset({"forge": {"text": sentences(20)}}))


def test_going_on_from_a_model_takes_a_method(train, base: Model, journal: MemoryJournal) -> None:
    plugin = Pretrain(method=ADAPTERS["lora"], steps=10, batch=8, lr=2e-2, log_steps=5)
    train(plugin, dataset({"forge": {"text": sentences(60)}}), base, journal)
    losses = list(journal.values("loss").values())
    assert losses[-1] < losses[0]
