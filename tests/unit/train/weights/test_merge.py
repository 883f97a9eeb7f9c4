"""Merging: adapters into weights without a change of answers, and models into one by the formulas of their papers."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError
from training_samples import dataset, sentences
from weight_samples import answer

from finery import DataError, Model, UsageError
from finery_plugins.train.architecture import loaded_model
from finery_plugins.train.combining import linear, slerp, ties
from finery_plugins.train.merge import Merge, beside
from finery_plugins.train.method import DoraMethod, Ia3Method, LoraMethod
from finery_plugins.train.method import settings as peft_settings

METHODS = {
    "lora": LoraMethod(lora={"rank": 4}),
    "dora": DoraMethod(dora={"rank": 4}),
    "ia3": Ia3Method(ia3={}),
    "queries": LoraMethod(lora={"rank": 4, "targets": ["q_proj"]}),
}


def adapter(base: Model, folder: Path, name: str = "lora") -> Path:
    """An adapter that changes what the model answers, in a folder."""
    import torch
    from peft import get_peft_model

    network = get_peft_model(loaded_model(base, "test"), peft_settings(METHODS[name], "test", "CAUSAL_LM"))
    torch.manual_seed(3)
    with torch.no_grad():
        for parameter in network.parameters():
            if parameter.requires_grad:
                parameter.add_(torch.randn_like(parameter) * 0.1)
    network.save_pretrained(folder, save_embedding_layers=False)
    return folder


def weights(model: Model) -> dict[str, object]:
    """The parameters of a model."""
    return {name: part.detach() for name, part in loaded_model(model, "test").named_parameters()}


@pytest.fixture(scope="module")
def siblings(made: Callable[..., Model], base: Model) -> list[Model]:
    """Two models that were tuned from the base on other texts."""
    return [made(salt=salt, model=base, steps=10, lr=5e-3) for salt in (3, 7)]


@pytest.mark.filterwarnings("ignore:.is_gradient_checkpointing:FutureWarning")
@pytest.mark.parametrize("name", METHODS)
def test_merged_answers_as_unmerged(change, base: Model, tmp_path: Path, name: str) -> None:
    import torch

    folder = adapter(base, tmp_path / "adapter", name)
    found, told = change(Merge(adapter=str(folder), max_loss_rise=1e-5), base)
    network = beside(loaded_model(base, "test"), folder, "test").eval()
    with torch.no_grad():
        unmerged = network(input_ids=torch.tensor([[5, 9, 33, 7, 300, 41, 8, 2]])).logits[0]
    change_of_logits = (unmerged - answer(base)).abs().max()
    assert change_of_logits > 0.1
    # Both round in float32, and by the more the more the adapter changes.
    assert (answer(found) - unmerged).abs().max() < 5e-6 * max(1, change_of_logits)
    assert told["largest_logit_difference"] < 1e-4
    assert told["top1_agreement"] == 1
    assert not (found.path / "adapter_config.json").exists()


@pytest.mark.filterwarnings("ignore:.is_gradient_checkpointing:FutureWarning")
def test_the_adapter_that_a_stage_kept_is_found_in_its_folder(change, base: Model, tmp_path: Path) -> None:
    adapter(base, tmp_path / "stage" / "adapter")
    found, told = change(Merge(adapter=str(tmp_path / "stage")), base)
    assert told["largest_logit_difference"] < 1e-4
    assert found.fingerprint != base.fingerprint


@pytest.mark.filterwarnings("ignore:.is_gradient_checkpointing:FutureWarning")
def test_an_adapter_of_another_model_is_refused(change, made, base: Model, tmp_path: Path) -> None:
    wide = made(width=96)
    with pytest.raises(UsageError, match="does not fit the model: name the model that it was trained beside"):
        change(Merge(adapter=str(adapter(wide, tmp_path / "wide"))), base)
    deep = made(layers=3)
    with pytest.raises(UsageError, match="does not fit the model"):
        change(Merge(adapter=str(adapter(base, tmp_path / "shallow", "queries"))), deep)


@pytest.mark.filterwarnings("ignore:.is_gradient_checkpointing:FutureWarning")
def test_what_is_no_adapter_of_weights_is_refused(change, base: Model, tmp_path: Path) -> None:
    folder = adapter(base, tmp_path / "adapter")
    config = folder / "adapter_config.json"
    config.write_text(config.read_text().replace('"LORA"', '"PREFIX_TUNING"'))
    with pytest.raises(UsageError, match="PREFIX_TUNING stands before the text"):
        change(Merge(adapter=str(folder)), base)
    (folder / "adapter_model.safetensors").rename(folder / "adapter_model.bin")
    with pytest.raises(UsageError, match="pickled weights can run code"):
        change(Merge(adapter=str(folder)), base)


def test_the_mean_of_models_is_that_of_their_weights(change, base: Model, siblings: list[Model]) -> None:
    found, _ = change(Merge(others=[str(m.path) for m in siblings], shares=[2, 1, 1]), base)
    parts, made = [weights(m) for m in (base, *siblings)], weights(found)
    for name in made:
        mean = (2 * parts[0][name] + parts[1][name] + parts[2][name]) / 4
        assert (made[name] - mean).abs().max() < 1e-6


def test_a_mean_of_tuned_models_is_no_worse_than_the_worst(change, base: Model, siblings: list[Model]) -> None:
    _, told = change(Merge(others=[str(siblings[1].path)]), siblings[0])
    _, other = change(Merge(others=[str(siblings[0].path)]), siblings[1], out="other")
    assert told["loss_after"] == pytest.approx(other["loss_after"], abs=1e-5)
    assert told["loss_after"] <= max(told["loss_before"], other["loss_before"]) + 0.01


@pytest.mark.parametrize(("position", "which"), [(0.0, 0), (1.0, 1)])
def test_the_ends_of_the_arc_are_the_models(change, siblings: list[Model], position: float, which: int) -> None:
    import torch

    found, _ = change(Merge(others=[str(siblings[1].path)], how="slerp", position=position), siblings[0])
    assert torch.allclose(answer(found), answer(siblings[which]), atol=1e-4)


def test_ties_of_one_model_whole_is_that_model(change, base: Model, siblings: list[Model]) -> None:
    import torch

    found, _ = change(Merge(others=[str(siblings[0].path)], how="ties", density=1.0), base)
    assert torch.allclose(answer(found), answer(siblings[0]), atol=1e-4)


def test_ties_moves_the_base_where_it_was_tuned_most(change, base: Model, siblings: list[Model]) -> None:
    import torch

    found, _ = change(Merge(others=[str(m.path) for m in siblings], how="ties"), base)
    before, after = weights(base), weights(found)
    moved = sum(int((before[n] != after[n]).sum()) for n in before) / sum(w.numel() for w in before.values())
    assert 0.15 < moved < 0.41
    for model in siblings:
        far = torch.cat([(weights(model)[n] - before[n]).abs().flatten() for n in before])
        assert far[torch.cat([(after[n] != before[n]).flatten() for n in before])].mean() > 1.5 * far.mean()


Vector = st.lists(st.floats(-4, 4, width=32), min_size=6, max_size=6)


@given(vectors=st.lists(Vector, min_size=2, max_size=4), density=st.sampled_from([0.2, 0.5, 1.0]))
def test_ties_is_the_papers_in_plain_numpy(vectors: list[list[float]], density: float) -> None:
    import torch

    base, *tuned = [np.array(vector) for vector in vectors]
    differences = [vector - base for vector in tuned]
    for difference in differences:
        order = np.argsort(np.abs(difference), kind="stable")
        difference[order[: round((1 - density) * len(difference))]] = 0
    expected = base.copy()
    for place in range(len(base)):
        values = [difference[place] for difference in differences]
        sign = np.sign(sum(values))
        agreeing = [value for value in values if np.sign(value) == sign != 0]
        expected[place] += 0.5 * sum(agreeing) / max(len(agreeing), 1)
    models = [{"w": torch.tensor(vector)} for vector in (base, *tuned)]
    made = dict(ties(models[0], models[1:], [1.0] * len(tuned), density, 0.5))["w"].numpy()
    # Magnitudes are compared in 32 bits: where two differ by less, either may go.
    close = [np.diff(np.sort(np.abs(vector - base))) for vector in tuned]
    if all((gap == 0).any() or (gap > 1e-5).all() for gap in close):
        assert np.allclose(made, expected, atol=1e-6) or any((gap == 0).any() for gap in close)


@given(left=Vector, right=Vector, position=st.floats(0, 1))
def test_an_arc_between_vectors_of_one_length_keeps_it(left, right, position: float) -> None:
    import torch

    pair = [torch.tensor(vector, dtype=torch.float64) for vector in (left, right)]
    if min(float(vector.norm()) for vector in pair) < 1e-3:
        return
    units = [vector / vector.norm() for vector in pair]
    if abs(float((units[0] * units[1]).sum())) > 0.999:
        return
    made = dict(slerp({"w": units[0]}, {"w": units[1]}, position))["w"]
    assert float(made.norm()) == pytest.approx(1, abs=1e-6)
    angle = math.acos(float((units[0] * units[1]).sum()))
    assert math.acos(min(1.0, float((units[0] * made).sum()))) == pytest.approx(position * angle, abs=1e-3)


def test_shares_count_for_their_part_of_the_sum() -> None:
    import torch

    models = [{"w": torch.tensor([x])} for x in (1.0, 5.0)]
    assert float(dict(linear(models, [3, 1]))["w"]) == pytest.approx(2.0)


def test_models_of_another_kind_are_refused(change, made: Callable[..., Model], base: Model) -> None:
    wide = made(width=96)
    with pytest.raises(UsageError, match=r"is not of the kind of '.*': 'model.embed_tokens.weight' is \d+x96 and not"):
        change(Merge(others=[str(wide.path)]), base)


def test_models_with_other_tokens_are_refused(change, base: Model, stage, tmp_path: Path) -> None:
    from finery import World
    from finery.testing import MemoryJournal
    from finery_plugins.train.pretrain import Pretrain

    plugin = Pretrain(layers=2, width=64, heads=4, vocabulary=len(weights(base)["model.embed_tokens.weight"]), steps=1)
    words = [text.upper() for text in sentences(60)]
    other = plugin.train(dataset({"a": {"text": words}}), None, tmp_path / "other", World(), stage, MemoryJournal())
    with pytest.raises(UsageError, match="has other tokens than"):
        change(Merge(others=[str(other.path)]), base)


def test_no_model_no_folder_and_no_causal_model_are_refused(change, base: Model, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="has no model to tune"):
        change(Merge(others=["a"]), None)
    with pytest.raises(UsageError, match="there is no model at"):
        change(Merge(others=[str(tmp_path / "no where")]), base)
    config = base.path / "config.json"
    folder = tmp_path / "judge"
    folder.mkdir()
    for path in base.path.iterdir():
        if path.is_file():
            (folder / path.name).write_bytes(path.read_bytes())
    text = config.read_text().replace("LlamaForCausalLM", "LlamaForSequenceClassification")
    (folder / "config.json").write_text(text)
    with pytest.raises(UsageError, match="is no causal language model: its architecture is LlamaForSequence"):
        change(Merge(others=[str(base.path)]), Model(folder, "judge", ""))


def test_a_merge_that_costs_too_much_fails(change, made: Callable[..., Model], base: Model) -> None:
    stranger = made(seed=5)
    with pytest.raises(DataError, match="nats a token: change less of the model"):
        change(Merge(others=[str(stranger.path)], max_loss_rise=0.01), base)


@pytest.mark.parametrize(
    ("options", "fault"),
    [
        ({}, "give `adapter`, or `others`, and not both"),
        ({"adapter": "a", "others": ["b"]}, "and not both"),
        ({"others": ["b", "c"], "how": "slerp"}, "`slerp` lies between two models"),
        ({"others": ["b"], "shares": [1.0]}, "`shares` has 1 numbers: 2 are wanted here"),
        ({"others": ["b"], "how": "slerp", "shares": [1.0]}, "`slerp` takes `position` instead"),
        ({"others": ["b", "c"], "how": "ties", "shares": [1.0]}, "2 are wanted here"),
    ],
)
def test_options_that_do_not_fit_each_other_are_refused(options, fault: str) -> None:
    with pytest.raises(ValidationError, match=fault):
        Merge(**options)


def test_several_workers_are_refused(base: Model, stage, tmp_path: Path) -> None:
    from finery import World
    from finery.testing import MemoryJournal

    with pytest.raises(UsageError, match="was asked to train on 2 workers"):
        Merge(others=["a"]).train(dataset({}), base, tmp_path, World(rank=0, size=2), stage, MemoryJournal())
