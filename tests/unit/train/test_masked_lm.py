"""Masked-language training: it learns, hides what it should, keeps documents apart, and resumes bit for bit."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from training_samples import MemoryDataset, MemoryJournal, StopsAt, dataset, echoes, sentences

from finery import Model, Stage, UsageError
from finery_plugins.train.architecture import MASKED, fresh_model, offset_of
from finery_plugins.train.loop import Loop
from finery_plugins.train.masked import is_fused, mixes
from finery_plugins.train.masked_lm import MaskedLm
from finery_plugins.train.masking import attention, masking
from finery_plugins.train.packing import packed, schedule
from finery_plugins.train.records import Records
from finery_plugins.train.rows import Plan
from finery_plugins.train.site import Site
from finery_plugins.train.texts import encoding
from finery_plugins.train.tokenizer import MASK, trained_tokenizer
from finery_plugins.train.tokens import UNTRAINED, tokenised

SMALL = {"layers": 2, "width": 32, "heads": 2, "vocabulary": 400, "context": 64, "batch": 8, "lr": 1e-2, "log_steps": 5}


@pytest.fixture
def texts() -> MemoryDataset:
    return dataset({"forge": {"text": echoes(60)}, "smithy": {"text": echoes(30, salt=500)}})


@pytest.fixture(scope="module")
def tokenizer():
    return trained_tokenizer(sentences(60), 400, 64, masks=True)


@pytest.fixture
def plan(tokenizer, stage: Stage, journal: MemoryJournal, tmp_path: Path) -> Plan:
    """Sentences of many lengths in rows of 64 tokens, two epochs of them."""
    examples = dataset({"forge": {"text": [text[: 20 + 9 * k] for k, text in enumerate(sentences(60, length=30))]}})
    tokens = tokenised(
        Records(examples, stage, "train"), ["text"], encoding(tokenizer), 1.0, Site(tmp_path, None, stage, journal)
    )
    rows = packed(tokens, 64, together=True, ahead=0)
    return Plan(rows, schedule(rows, 2 * len(rows), stage), Loop.of(MaskedLm()))


def test_hidden_tokens_are_filled_in(train, texts: MemoryDataset, journal: MemoryJournal) -> None:
    model = train(MaskedLm(**SMALL, steps=60), texts, journal=journal)
    losses, right = (list(journal.values(name).values()) for name in ("loss", "accuracy"))
    assert losses[0] > 4
    assert losses[-1] < 1
    assert right[-1] > 0.75
    from transformers import AutoModelForMaskedLM, AutoTokenizer

    network, tokenizer = AutoModelForMaskedLM.from_pretrained(model.path), AutoTokenizer.from_pretrained(model.path)
    asked = tokenizer(f"slag slag slag{MASK} slag slag", return_tensors="pt")
    answer = network(**{name: asked[name] for name in ("input_ids", "attention_mask")}).logits[0].argmax(-1)
    place = asked["input_ids"][0].tolist().index(tokenizer.mask_token_id)
    assert tokenizer.decode([answer[place]]) == " slag"


@pytest.mark.parametrize("architecture", ["roberta", "electra", "distilbert", "modernbert"])
def test_other_architectures_train(train, texts: MemoryDataset, journal: MemoryJournal, architecture: str) -> None:
    model = train(MaskedLm(**SMALL, architecture=architecture, steps=15), texts, journal=journal)
    losses = list(journal.values("loss").values())
    assert losses[-1] < 0.8 * losses[0]
    assert json.loads((model.path / "config.json").read_text())["model_type"] == architecture


def test_training_goes_on_from_a_model(train, texts: MemoryDataset, tmp_path: Path) -> None:
    first, then = MemoryJournal(), MemoryJournal()
    model = train(MaskedLm(**SMALL, steps=30), texts, journal=first, out=tmp_path / "first")
    plugin = MaskedLm(steps=5, batch=8, lr=1e-3, log_steps=5, method={"lora": {"rank": 4}})
    more = train(plugin, texts, model, then, out=tmp_path / "then")
    assert then.values("loss")[5] < first.values("loss")[15]
    assert more.base == model.name


def test_fifteen_percent_are_chosen_and_hidden_as_bert_does(tokenizer, plan: Plan, stage: Stage) -> None:
    hidden = masking(tokenizer, stage, 0.15, 0)
    batch = {name: value.numpy() for name, value in hidden.batch(plan, range(len(plan))).items()}
    real, chosen = batch["pieces"] >= 0, batch["labels"] != UNTRAINED
    special = np.isin(batch["originals"], tokenizer.all_special_ids)
    masked = batch["input_ids"] == tokenizer.mask_token_id
    replaced = chosen & ~masked & (batch["input_ids"] != batch["originals"])
    assert not (chosen & (special | ~real)).any()
    assert chosen.sum() / (real & ~special).sum() == pytest.approx(0.15, abs=0.02)
    assert (masked & chosen).sum() / chosen.sum() == pytest.approx(0.8, abs=0.04)
    assert replaced.sum() / chosen.sum() == pytest.approx(0.1, abs=0.03)
    assert (batch["labels"][chosen] == batch["originals"][chosen]).all()
    assert (batch["input_ids"][~chosen & real] == batch["originals"][~chosen & real]).all()
    assert not np.isin(batch["input_ids"][replaced], tokenizer.all_special_ids).any()


def test_every_piece_has_something_hidden(tokenizer, plan: Plan, stage: Stage) -> None:
    batch = masking(tokenizer, stage, 0.001, 0).batch(plan, range(len(plan)))
    for pieces, labels in zip(batch["pieces"], batch["labels"], strict=True):
        assert set(pieces[labels != UNTRAINED].tolist()) == set(pieces[pieces >= 0].tolist())


def test_masks_follow_from_record_place_and_epoch_alone(tokenizer, plan: Plan, stage: Stage) -> None:
    hidden = masking(tokenizer, stage, 0.15, 0)
    alone = Plan(packed(plan.rows.tokens, 64, together=False, ahead=0), np.arange(60), plan.loop)
    by_sequence = {}
    for position in range(len(alone.rows)):
        ids, _, _, owners, *_ = hidden.row(alone, position)
        by_sequence.setdefault(int(owners[0]), []).append(ids)
    first = len(plan.rows)
    seen = 0
    for position in range(first):
        ids, _, _, owners, pieces, *_ = hidden.row(plan, position)
        for piece in set(pieces.tolist()):
            here = pieces == piece
            found = by_sequence[int(owners[here][0])]
            seen += any(np.array_equal(ids[here], other) for other in found)
    assert seen == sum(len(found) for found in by_sequence.values())
    again = int(np.flatnonzero(plan.order[first:] == plan.order[0])[0]) + first
    assert not np.array_equal(hidden.row(plan, 0)[0], hidden.row(plan, again)[0])


@pytest.mark.parametrize("architecture", ["bert", "roberta", "modernbert"])
def test_packed_documents_are_answered_as_if_alone(tokenizer, plan: Plan, stage, architecture: str) -> None:
    import torch

    network = fresh_model(MaskedLm(**SMALL, architecture=architecture).shape, tokenizer, "test", MASKED).eval()
    hidden = masking(tokenizer, stage, 0.15, offset_of(network))
    assert not mixes(network, hidden.offset)
    assert hidden.offset == (2 if architecture == "roberta" else 0)
    batch = hidden.batch(plan, range(4))
    fed = {name: batch[name] for name in ("input_ids", "position_ids")}
    with torch.no_grad():
        mask = attention(batch["pieces"], True, is_fused(network))
        together = network(**fed, attention_mask=mask).logits
        for row in range(4):
            for piece in set(batch["pieces"][row].tolist()) - {-1}:
                here = batch["pieces"][row] == piece
                alone = network(input_ids=batch["input_ids"][row][here][None]).logits[0]
                assert torch.allclose(together[row][here], alone, atol=1e-4)


def test_an_interrupted_training_ends_in_the_same_weights(train, texts: MemoryDataset, tmp_path: Path) -> None:
    plugin = MaskedLm(**SMALL, steps=9, checkpoint_steps=3, config={"hidden_dropout_prob": 0.1})
    whole, resumed = MemoryJournal(), MemoryJournal()
    made = train(plugin, texts, journal=whole, out=tmp_path / "whole")
    with pytest.raises(StopsAt.Stopped):
        train(plugin, texts, journal=StopsAt(5), out=tmp_path / "cut")
    assert train(plugin, texts, journal=resumed, out=tmp_path / "cut").fingerprint == made.fingerprint
    assert resumed.values("loss")[9] == whole.values("loss")[9]


def test_losses_of_sources_add_up_to_the_loss(train, texts: MemoryDataset, journal: MemoryJournal) -> None:
    train(MaskedLm(**SMALL, steps=6, accumulate=2), texts, journal=journal)
    parts = [(journal.values("loss", name), journal.values("tokens", name)) for name in texts.sources]
    for step, loss in journal.values("loss").items():
        nats = sum(losses[step] * tokens[step] for losses, tokens in parts)
        assert nats / sum(tokens[step] for _, tokens in parts) == pytest.approx(loss, abs=1e-9)


def test_four_passes_of_one_row_are_one_of_four(train, texts: MemoryDataset, tmp_path: Path) -> None:
    losses = []
    for batch, accumulate in ((4, 1), (1, 4)):
        journal = MemoryJournal()
        said = SMALL | {"batch": batch, "accumulate": accumulate, "log_steps": 1, "lr": 1e-3}
        train(MaskedLm(**said, steps=4, dropout=0.0), texts, journal=journal, out=tmp_path / str(batch))
        losses.append(list(journal.values("loss").values()))
    assert losses[0] == pytest.approx(losses[1], abs=1e-4)


def test_a_tokenizer_without_a_mask_is_refused(train, texts: MemoryDataset, base: Model) -> None:
    with pytest.raises(UsageError, match="the model's tokenizer has no mask token"):
        train(MaskedLm(steps=1), texts, base)


def test_a_model_that_mixes_documents_is_not_packed(train, texts: MemoryDataset) -> None:
    with pytest.raises(UsageError, match=r"'fnet' lets packed documents see each other.*set `packing = false`"):
        train(MaskedLm(**SMALL, architecture="fnet", steps=1), texts)
