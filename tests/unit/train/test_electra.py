"""ELECTRA: the discriminator beats the base rate, both halves load, and an interrupted training is as if it were
not."""

from __future__ import annotations

from pathlib import Path

import pytest
from training_samples import MemoryDataset, MemoryJournal, StopsAt, dataset, echoes

from finery import Model, UsageError
from finery_plugins.train.electra import Electra
from finery_plugins.train.replaced import written

SMALL = {"layers": 2, "width": 32, "heads": 2, "vocabulary": 400, "context": 64, "batch": 8, "lr": 1e-2, "log_steps": 5}


@pytest.fixture
def texts() -> MemoryDataset:
    return dataset({"forge": {"text": echoes(60)}, "smithy": {"text": echoes(30, salt=500)}})


@pytest.fixture(scope="module")
def trained(tmp_path_factory, stage) -> tuple[Model, MemoryJournal]:
    """A pair trained for 100 steps, and what was told of it."""
    from finery import World

    journal, examples = MemoryJournal(), dataset({"forge": {"text": echoes(90)}})
    plugin = Electra(**SMALL, steps=100)
    return plugin.train(examples, None, tmp_path_factory.mktemp("electra"), World(), stage, journal), journal


def test_the_discriminator_beats_the_base_rate(trained) -> None:
    _, journal = trained
    last = {name: list(journal.values(name).values())[-1] for name in ("discriminator_accuracy", "replaced")}
    assert last["replaced"] > 0.01
    wrong_by_rule, wrong = last["replaced"], 1 - last["discriminator_accuracy"]
    assert wrong < 0.6 * wrong_by_rule


def test_the_generator_learns_too(trained) -> None:
    _, journal = trained
    losses = list(journal.values("generator_loss").values())
    assert losses[-1] < 0.5 * losses[0]


def test_both_halves_are_plain_folders(trained) -> None:
    import torch
    from transformers import AutoTokenizer, ElectraForMaskedLM, ElectraForPreTraining

    model, _ = trained
    discriminator = ElectraForPreTraining.from_pretrained(model.path)
    generator = ElectraForMaskedLM.from_pretrained(model.path / "generator")
    ours, theirs = (part.electra.embeddings.word_embeddings.weight for part in (discriminator, generator))
    assert torch.equal(ours, theirs)
    assert torch.equal(generator.get_output_embeddings().weight, theirs)
    assert generator.config.hidden_size < discriminator.config.hidden_size
    tokenizer = AutoTokenizer.from_pretrained(model.path)
    asked = tokenizer("slag slag slag anvil slag slag slag slag", return_tensors="pt")
    told = discriminator(input_ids=asked["input_ids"], attention_mask=asked["attention_mask"]).logits[0]
    words = tokenizer.convert_ids_to_tokens(asked["input_ids"][0])
    assert words[int(told.argmax())].endswith(("anvil", "l", "an", "vil"))


def test_training_goes_on_from_a_pair(train, texts: MemoryDataset, trained, journal: MemoryJournal) -> None:
    model, before = trained
    plugin = Electra(steps=5, batch=8, lr=1e-3, log_steps=5, method={"lora": {"rank": 4}})
    more = train(plugin, texts, model, journal)
    assert journal.values("generator_loss")[5] < before.values("generator_loss")[30]
    assert more.fingerprint != model.fingerprint


def test_an_interrupted_training_ends_in_the_same_weights(train, texts: MemoryDataset, tmp_path: Path) -> None:
    plugin = Electra(**SMALL, steps=9, checkpoint_steps=3)
    whole, resumed = MemoryJournal(), MemoryJournal()
    made = train(plugin, texts, journal=whole, out=tmp_path / "whole")
    with pytest.raises(StopsAt.Stopped):
        train(plugin, texts, journal=StopsAt(5), out=tmp_path / "cut")
    assert train(plugin, texts, journal=resumed, out=tmp_path / "cut").fingerprint == made.fingerprint
    for name in ("loss", "discriminator_loss", "replaced"):
        assert resumed.values(name)[9] == whole.values(name)[9]


def test_losses_of_sources_add_up_to_the_loss(train, texts: MemoryDataset, journal: MemoryJournal) -> None:
    train(Electra(**SMALL, steps=5), texts, journal=journal)
    parts = [(journal.values("loss", name), journal.values("tokens", name)) for name in texts.sources]
    nats = sum(losses[5] * tokens[5] for losses, tokens in parts)
    assert nats / journal.values("tokens")[5] == pytest.approx(journal.values("loss")[5], abs=1e-9)
    told = sum(sum(table["length"].to_pylist()) for table in journal.tables)
    weighted = 50 * 0.15 * journal.values("discriminator_loss")[5] * told / journal.values("tokens")[5]
    assert journal.values("loss")[5] == pytest.approx(journal.values("generator_loss")[5] + weighted, rel=1e-6)


def test_what_the_generator_writes_follows_its_shares() -> None:
    import torch

    class Head:
        weight = torch.log(torch.tensor([[0.1], [0.2], [0.7]]))
        bias = None

    class Loss:
        head = Head
        hidden = torch.ones(1000, 1)

    draws = torch.linspace(0, 0.999, 1000)
    counts = torch.bincount(written(Loss, draws), minlength=3)
    assert counts.tolist() == pytest.approx([100, 200, 700], abs=2)


def test_four_passes_of_one_row_are_one_of_four(train, texts: MemoryDataset, tmp_path: Path) -> None:
    losses = []
    for batch, accumulate in ((4, 1), (1, 4)):
        journal = MemoryJournal()
        said = SMALL | {"batch": batch, "accumulate": accumulate, "log_steps": 1, "lr": 1e-4}
        train(Electra(**said, steps=3, dropout=0.0), texts, journal=journal, out=tmp_path / str(batch))
        losses.append(list(journal.values("loss").values()))
    assert losses[0] == pytest.approx(losses[1], rel=1e-4)


def test_a_model_without_a_generator_needs_one_named(train, texts: MemoryDataset, trained, tmp_path: Path) -> None:
    import shutil
    from dataclasses import replace

    model, _ = trained
    copy = shutil.copytree(model.path, tmp_path / "copy")
    shutil.rmtree(copy / "generator")
    with pytest.raises(UsageError, match="has no generator beside it: name one in `generator_model`"):
        train(Electra(steps=1), texts, replace(model, path=copy))
    plugin = Electra(steps=1, generator_model=str(model.path / "generator"))
    assert train(plugin, texts, replace(model, path=copy), out=tmp_path / "named").path.is_dir()


def test_a_shape_that_cannot_be_is_refused(train, texts: MemoryDataset) -> None:
    with pytest.raises(UsageError, match="32 does not divide among 3 heads"):
        train(Electra(**SMALL | {"heads": 3}, steps=1), texts)
