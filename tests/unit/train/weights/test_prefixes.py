"""Models with a learnt prefix: it goes along where it can, and is refused where it cannot."""

from __future__ import annotations

import pytest
from training_samples import MemoryJournal, chats, dataset

from finery import Model, Stage, UsageError, World
from finery_plugins.train.architecture import loaded_model
from finery_plugins.train.merge import Merge
from finery_plugins.train.prune import Prune
from finery_plugins.train.quantise import Quantise
from finery_plugins.train.sft import Sft


@pytest.fixture(scope="module")
def prefixed(base: Model, stage: Stage, tmp_path_factory: pytest.TempPathFactory) -> Model:
    """The base with a prefix that was trained a little."""
    plugin = Sft(method={"prefix": {"length": 4}}, packing=False, steps=5, batch=8, lr=0.3)
    talks = dataset({"talks": {"messages": chats(20)}})
    return plugin.train(talks, base, tmp_path_factory.mktemp("prefixed"), World(), stage, MemoryJournal())


def answer(model: Model):
    """The logits for eight tokens, prefix included."""
    import torch

    with torch.no_grad():
        return loaded_model(model, "test").eval()(input_ids=torch.tensor([[5, 9, 33, 7, 300, 41, 8, 2]])).logits[0]


@pytest.mark.parametrize("plugin", [Prune(share=0.05), Quantise(to="int8")], ids=["prune", "quantise"])
def test_a_prefix_goes_along(change, prefixed: Model, base: Model, plugin) -> None:
    found, told = change(plugin, prefixed)
    assert (found.path / "prefix" / "adapter_model.safetensors").is_file()
    near, far = ((answer(found) - answer(model)).abs().mean() for model in (prefixed, base))
    assert near < 0.5 * far
    assert told["top1_agreement"] > 0.85


def test_a_prefix_stands_in_the_way_of_cuts_and_means(change, prefixed: Model, base: Model) -> None:
    with pytest.raises(UsageError, match="has a prefix, which is as wide as its heads"):
        change(Prune(what="heads", share=0.5), prefixed)
    with pytest.raises(UsageError, match="has a prefix, which has no mean with others"):
        change(Merge(others=[str(base.path)]), prefixed)
    with pytest.raises(UsageError, match=r"the model at .* has a prefix"):
        change(Merge(others=[str(prefixed.path)]), base)


def test_a_prefix_speaks_in_a_chat(prefixed: Model, base: Model) -> None:
    import torch

    from finery.chat.speaker import Drawing, load

    with torch.no_grad():
        ids = torch.tensor([[5, 9, 33, 7]])
        heard = load("prefixed", str(prefixed.path), False)
        assert torch.allclose(heard.network(input_ids=ids).logits, loaded_model(prefixed, "test")(input_ids=ids).logits)
    answer = heard.answer([{"role": "user", "content": "What follows iron?"}], Drawing(6, 0), 0, lambda _: None)
    assert answer.tokens
