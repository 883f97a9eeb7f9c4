"""Quantising: smaller folders that load as they are, and answer nearly as before."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from pydantic import ValidationError
from training_samples import dataset
from weight_samples import answer

from finery import DataError, Model, UsageError
from finery_plugins.train.quantise import Quantise

KINDS = {"int8": 0.97, "int8-dynamic": 0.97, "nf4": 0.85, "fp4": 0.85}
"""The least share of tokens for which the likeliest next one stays, in a model of 64 columns; wider ones lose less."""


@pytest.mark.parametrize("kind", KINDS)
def test_the_folder_is_smaller_and_agrees(change, base: Model, kind: str) -> None:
    found, told = change(Quantise(to=kind), base)
    assert told["bytes_after"] < 0.5 * told["bytes_before"]
    assert told["bytes_before"] == (base.path / "model.safetensors").stat().st_size
    assert told["bytes_after"] == (found.path / "model.safetensors").stat().st_size
    assert told["top1_agreement"] >= KINDS[kind]
    assert abs(told["loss_rise"]) < 0.1
    assert told["loss_rise"] == pytest.approx(told["loss_after"] - told["loss_before"])


@pytest.mark.parametrize("kind", KINDS)
def test_the_folder_loads_in_few_bits_with_from_pretrained(change, base: Model, kind: str) -> None:
    import torch

    found, _ = change(Quantise(to=kind), base)
    settings = json.loads((found.path / "config.json").read_text())["quantization_config"]
    assert settings["quant_method"] == ("torchao" if kind.startswith("int8") else "bitsandbytes")
    apart = (answer(found) - answer(base)).abs().max()
    assert 0 < apart < 3
    assert not torch.equal(answer(found), answer(base))
    assert not list(found.path.glob("*.bin"))


def test_equal_models_give_equal_bytes(change, base: Model) -> None:
    first, _ = change(Quantise(to="nf4"), base, out="first")
    second, _ = change(Quantise(to="nf4"), base, out="second")
    assert first.fingerprint == second.fingerprint
    assert first.fingerprint != base.fingerprint


def test_what_is_kept_stays_bit_for_bit(change, base: Model) -> None:
    from safetensors.torch import load_file

    found, _ = change(Quantise(to="int8", keep=["down_proj"]), base)
    before, after = (load_file(model.path / "model.safetensors") for model in (base, found))
    same = {name for name in before if name in after}
    assert {name for name in before if "down_proj" in name} < same
    assert not {name for name in same if "q_proj" in name or "up_proj" in name}
    assert all((before[name] == after[name]).all() for name in same)


def test_a_model_in_16_bits_is_quantised_from_those(change, base: Model, tmp_path) -> None:
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    AutoModelForCausalLM.from_pretrained(base.path, dtype=torch.bfloat16).save_pretrained(tmp_path / "half")
    AutoTokenizer.from_pretrained(base.path).save_pretrained(tmp_path / "half")
    half = replace(base, path=tmp_path / "half")
    found, told = change(Quantise(to="int8"), half)
    assert told["bytes_after"] < 0.85 * told["bytes_before"] < 0.6 * 2 * told["bytes_before"]
    assert told["top1_agreement"] > 0.95
    assert json.loads((found.path / "config.json").read_text())["dtype"] == "bfloat16"


@pytest.mark.parametrize(
    ("options", "fault"),
    [
        ({"keep": ["q_prj"]}, r"no matrix is called anything with 'q_prj': names are such as model\.layers\.0"),
        ({"keep": ["_proj"]}, "`keep` leaves none to store: name fewer"),
    ],
)
def test_names_that_do_not_fit_are_refused(change, base: Model, options, fault: str) -> None:
    with pytest.raises(UsageError, match=fault):
        change(Quantise(**options), base)


def test_what_is_quantised_is_not_quantised_again(change, base: Model) -> None:
    found, _ = change(Quantise(), base)
    with pytest.raises(UsageError, match="quantised already: start from the model that it was made of"):
        change(Quantise(to="nf4"), found, out="again")


def test_scales_of_scales_are_for_four_bits() -> None:
    with pytest.raises(ValidationError, match="`double` is for 4 bits, not for `int8`"):
        Quantise(to="int8", double=False)


def test_scales_in_eight_bits_take_less_room(change, base: Model) -> None:
    sizes = [change(Quantise(to="nf4", double=on), base, out=str(on))[1]["bytes_after"] for on in (True, False)]
    tensors = 14 * 1024  # those of scales of scales, and their names, weigh more than they save in a tiny model
    assert sizes[0] < sizes[1] + tensors


def test_a_rise_over_the_bound_fails_and_leaves_nothing(change, base: Model, tmp_path) -> None:
    with pytest.raises(DataError, match=r"the loss rose from \d\.\d+ to \d\.\d+ nats a token: change less"):
        change(Quantise(to="nf4", max_loss_rise=0.0), base)
    assert not (tmp_path / "changed").exists()


def test_a_bound_without_records_to_compare_on_is_refused(change, base: Model) -> None:
    labels = dataset({"labels": {"label": ["a", "b"]}})
    with pytest.raises(DataError, match="no records to compare on"):
        change(Quantise(max_loss_rise=0.1), base, labels)
    _, told = change(Quantise(), base, labels, out="free")
    assert "loss_before" not in told
    assert told["bytes_after"] < told["bytes_before"]
