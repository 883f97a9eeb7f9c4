"""Pruning: exactly the share that was asked for goes, the least of it, and what is cut out leaves smaller matrices."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError
from weight_samples import answer

from finery import Model, UsageError
from finery_plugins.train.architecture import loaded_model
from finery_plugins.train.magnitude import smallest
from finery_plugins.train.prune import Prune

Numbers = st.lists(st.lists(st.sampled_from([-2.0, -1.0, -0.5, 0.0, 0.5, 1.0, 3.0]), max_size=6), min_size=1)


def reference(tensors: list[list[float]], count: int) -> list[list[bool]]:
    """The same in plain Python: places ordered by magnitude, then by where they stand."""
    places = [(abs(x), i, j) for i, tensor in enumerate(tensors) for j, x in enumerate(tensor)]
    chosen = {(i, j) for _, i, j in sorted(places)[:count]}
    return [[(i, j) in chosen for j in range(len(tensor))] for i, tensor in enumerate(tensors)]


@given(tensors=Numbers, share=st.floats(0, 1))
def test_the_smallest_are_those_of_plain_python(tensors: list[list[float]], share: float) -> None:
    import torch

    count = round(share * sum(map(len, tensors)))
    masks = smallest([torch.tensor(tensor) for tensor in tensors], count)
    assert [mask.tolist() for mask in masks] == reference(tensors, count)


def matrices(model: Model) -> dict[str, object]:
    """The weights of the blocks' matrices."""
    return {n: p.detach() for n, p in loaded_model(model, "test").named_parameters() if "_proj" in n}


@pytest.mark.parametrize("share", [0.1, 0.5, 0.9])
def test_the_share_of_zeros_is_exact_over_all(change, base: Model, share: float) -> None:
    found, told = change(Prune(share=share), base)
    weights = matrices(found).values()
    total = sum(w.numel() for w in weights)
    assert sum(int((w == 0).sum()) for w in weights) == round(share * total)
    assert told["pruned_share"] == pytest.approx(share, abs=1 / total)
    assert told["parameters_after"] == told["parameters_before"]


def test_the_share_of_zeros_is_exact_in_each_matrix(change, base: Model) -> None:
    found, _ = change(Prune(share=0.3, scope="layer"), base)
    assert all(int((w == 0).sum()) == round(0.3 * w.numel()) for w in matrices(found).values())


def test_over_all_the_smallest_go_wherever_they_stand(change, base: Model) -> None:
    found, _ = change(Prune(share=0.4), base)
    before, after = matrices(base), matrices(found)
    gone = max(float(before[n][after[n] == 0].abs().max()) for n in before)
    left = min(float(before[n][after[n] != 0].abs().min()) for n in before)
    assert gone <= left
    assert len({int((w == 0).sum()) / w.numel() for w in after.values()}) > 2


def test_embeddings_and_norms_stay(change, base: Model) -> None:
    found, _ = change(Prune(share=0.5), base)
    before, after = (dict(loaded_model(model, "test").named_parameters()) for model in (base, found))
    others = [n for n in before if "_proj" not in n]
    assert len(others) == 6
    assert all((before[n] == after[n]).all() for n in others)


@pytest.mark.parametrize("architecture", ["llama", "gpt2", "gpt_neox", "qwen3"])
def test_channels_are_cut_out_of_every_block(change, made: Callable[..., Model], architecture: str) -> None:
    model = made(architecture=architecture)
    found, told = change(Prune(what="channels", share=0.25), model)
    before, after = (json.loads((m.path / "config.json").read_text()) for m in (model, found))
    name = "n_inner" if architecture == "gpt2" else "intermediate_size"
    wide = before[name] or 4 * 64
    assert after[name] == wide - round(0.25 * wide)
    assert told["parameters_after"] < 0.9 * told["parameters_before"]
    assert told["bytes_after"] < 0.95 * told["bytes_before"]
    assert told["pruned_share"] == 0.25
    assert told["loss_rise"] < 0.5


def silent(model: Model, what: str, units: list[int], folder) -> Model:
    """A copy of a Llama in which nothing comes out of some channels, or heads of 16, and their weights are least."""
    import torch
    from transformers import AutoTokenizer

    network = loaded_model(model, "test")
    width = 1 if what == "channels" else 16
    with torch.no_grad():
        for layer in network.model.layers:
            opens = [layer.mlp.gate_proj, layer.mlp.up_proj]
            closes = layer.mlp.down_proj
            if what == "heads":
                opens = [layer.self_attn.q_proj, layer.self_attn.k_proj, layer.self_attn.v_proj]
                closes = layer.self_attn.o_proj
            for unit in units:
                rows = slice(unit * width, (unit + 1) * width)
                closes.weight[:, rows] = 0
                for matrix in opens:
                    matrix.weight[rows] *= 1e-3
    network.save_pretrained(folder)
    AutoTokenizer.from_pretrained(model.path).save_pretrained(folder)
    return Model(folder, "silent", "")


@pytest.mark.parametrize(("what", "units", "share"), [("channels", [3, 50], 2 / 192), ("heads", [1, 2], 0.5)])
def test_units_that_say_nothing_go_first_and_are_not_missed(
    change, base: Model, tmp_path, what: str, units: list[int], share: float
) -> None:
    import torch

    model = silent(base, what, units, tmp_path / "silent")
    found, told = change(Prune(what=what, share=share, max_loss_rise=1e-5), model)
    assert torch.allclose(answer(found), answer(model), atol=1e-5)
    assert told["largest_logit_difference"] < 1e-4
    assert told["top1_agreement"] == 1


def test_heads_are_cut_out_in_groups_that_share_keys(change, made: Callable[..., Model]) -> None:
    model = made(architecture="qwen3", width=96, heads=6, config={"num_key_value_heads": 3})
    found, told = change(Prune(what="heads", share=0.4), model)
    config = json.loads((found.path / "config.json").read_text())
    assert (config["num_attention_heads"], config["num_key_value_heads"], config["head_dim"]) == (4, 2, 16)
    weights = dict(loaded_model(found, "test").named_parameters())
    assert tuple(weights["model.layers.0.self_attn.q_proj.weight"].shape) == (64, 96)
    assert tuple(weights["model.layers.1.self_attn.v_proj.weight"].shape) == (32, 96)
    assert told["pruned_share"] == pytest.approx(1 / 3)
    assert told["bytes_after"] < told["bytes_before"]


def test_a_cut_model_generates(change, base: Model) -> None:
    from transformers import AutoModelForCausalLM, AutoTokenizer

    found, _ = change(Prune(what="heads", share=0.5), base)
    network, words = (kind.from_pretrained(found.path) for kind in (AutoModelForCausalLM, AutoTokenizer))
    made = network.generate(**words("iron forge", return_tensors="pt"), max_new_tokens=5, do_sample=False)
    assert made.shape[1] > words("iron forge", return_tensors="pt")["input_ids"].shape[1]


@pytest.mark.parametrize(
    ("architecture", "options", "fault"),
    [
        ("llama", {"what": "heads", "share": 0.25}, r"'llama' cannot say num_attention_heads = 3.*not a multiple"),
        ("gpt2", {"what": "heads", "share": 0.5}, "finds no q_proj, k_proj, v_proj, o_proj in each block of 'gpt2'"),
        ("llama", {"what": "heads", "share": 0.05}, "0 of the 4 heads of a layer: at least one must go"),
        ("llama", {"what": "heads", "share": 0.95}, "4 of the 4 heads of a layer"),
    ],
)
def test_what_an_architecture_has_no_room_for_is_refused(
    change, made: Callable[..., Model], architecture: str, options, fault: str
) -> None:
    with pytest.raises(UsageError, match=fault):
        change(Prune(**options), made(architecture=architecture))


def test_a_scope_is_for_weights_alone() -> None:
    with pytest.raises(ValidationError, match='`scope` is for `what = "weights"`'):
        Prune(what="heads", share=0.5, scope="layer")
