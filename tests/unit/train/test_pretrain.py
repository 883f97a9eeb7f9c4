"""Pre-training: it learns, resumes bit for bit, keeps its accounts, and refuses what it cannot train on."""

from __future__ import annotations

import json
import math
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from training_samples import MemoryDataset, MemoryJournal, dataset, sentences

from finery import DataError, Model, Stage, UsageError, World
from finery_plugins.train.pretrain import Pretrain
from finery_plugins.train.tokenizer import TEXT_ENDS, TURN_ENDS, documents, plain_ids

SMALL = {"layers": 2, "width": 32, "heads": 2, "vocabulary": 400, "context": 64, "batch": 8, "lr": 1e-2, "log_steps": 2}


@pytest.fixture
def texts() -> MemoryDataset:
    """Two sources: one says which split its records are of, the other is used whole."""
    marked = {"text": sentences(60), "split": ["train"] * 50 + ["validation"] * 10}
    return dataset({"forge": marked, "smithy": {"text": sentences(30, salt=500)}})


class Stopped(RuntimeError):
    """Stands for a kill."""


class StopsAt(MemoryJournal):
    """A journal that ends the process at a step, as a kill would."""

    def progress(self, done: float, total: float, unit: str) -> None:
        if unit == "steps" and done == 7:
            raise Stopped


def test_the_loss_falls_and_the_folder_loads(train, texts: MemoryDataset, journal: MemoryJournal) -> None:
    from transformers import AutoModelForCausalLM, AutoTokenizer

    model = train(Pretrain(**SMALL, steps=40), texts, journal=journal)
    losses = list(journal.values("loss").values())
    assert losses[0] > 5
    assert losses[-1] < 1.6
    network = AutoModelForCausalLM.from_pretrained(model.path)
    tokenizer = AutoTokenizer.from_pretrained(model.path)
    assert network.config.vocab_size == len(tokenizer) <= 400
    assert network.generation_config.eos_token_id == tokenizer.eos_token_id != tokenizer.pad_token_id
    assert sorted(path.suffix for path in model.path.iterdir() if path.suffix in (".bin", ".pt")) == []


def test_equal_records_give_equal_bytes_whatever_the_batches(train, texts: MemoryDataset, tmp_path: Path) -> None:
    plugin = Pretrain(**SMALL, steps=6)
    one = train(plugin, texts, out=tmp_path / "one")
    other = train(plugin, MemoryDataset(texts.tables, rows=1000), out=tmp_path / "other")
    assert one.fingerprint == other.fingerprint
    assert (one.path / "tokenizer.json").read_bytes() == (other.path / "tokenizer.json").read_bytes()


def test_an_interrupted_training_ends_in_the_same_weights(train, texts: MemoryDataset, tmp_path: Path) -> None:
    plugin = Pretrain(**SMALL, steps=12, checkpoint_steps=3, config={"attention_dropout": 0.1})
    whole = train(plugin, texts, out=tmp_path / "whole")
    with pytest.raises(Stopped):
        train(plugin, texts, journal=StopsAt(), out=tmp_path / "cut")
    assert (tmp_path / "cut" / "checkpoints" / "checkpoint-6").is_dir()
    resumed = MemoryJournal()
    assert train(plugin, texts, journal=resumed, out=tmp_path / "cut").fingerprint == whole.fingerprint
    assert list(resumed.values("loss"))[-1] == 12
    assert min(resumed.values("loss")) == 2


def test_a_half_written_checkpoint_is_left_aside(train, texts: MemoryDataset, tmp_path: Path) -> None:
    plugin = Pretrain(**SMALL, steps=12, checkpoint_steps=3)
    with pytest.raises(Stopped):
        train(plugin, texts, journal=StopsAt(), out=tmp_path / "cut")
    (tmp_path / "cut" / "checkpoints" / "checkpoint-6" / "finery.json").unlink()
    whole = train(plugin, texts, out=tmp_path / "whole")
    assert train(plugin, texts, out=tmp_path / "cut").fingerprint == whole.fingerprint


def test_nothing_of_the_work_is_left_behind(train, texts: MemoryDataset) -> None:
    model = train(Pretrain(**SMALL, steps=4, checkpoint_steps=2), texts)
    assert {path.name for path in model.path.iterdir() if path.is_dir()} == set()


def test_losses_of_sources_add_up_to_the_loss(train, texts: MemoryDataset, journal: MemoryJournal) -> None:
    train(Pretrain(**SMALL, steps=9, accumulate=2), texts, journal=journal)
    parts = [(journal.values("loss", name), journal.values("tokens", name)) for name in texts.sources]
    for step, loss in journal.values("loss").items():
        nats = sum(losses[step] * tokens[step] for losses, tokens in parts if step in losses)
        count = sum(tokens[step] for _, tokens in parts if step in tokens)
        assert count == journal.values("tokens")[step]
        assert nats / count == pytest.approx(loss, abs=1e-6)


def test_the_journal_has_every_number(train, texts: MemoryDataset, journal: MemoryJournal) -> None:
    train(Pretrain(**SMALL, steps=4), texts, journal=journal)
    for name in ("loss", "learning_rate", "grad_norm", "tokens_per_second"):
        assert list(journal.values(name)) == [2, 4]
    assert journal.progressed[-1] == (4, 4, "steps")


def test_every_step_names_its_records(train, texts: MemoryDataset, journal: MemoryJournal) -> None:
    train(Pretrain(**SMALL, epochs=1), texts, journal=journal)
    account = pa.concat_tables(journal.tables)
    assert account.schema.names == ["step", "rank", "record", "start", "length"]
    forge = texts.tables["forge"]
    trained = set(forge["id"].to_pylist()[:50]) | set(texts.tables["smithy"]["id"].to_pylist())
    assert set(account["record"].to_pylist()) == trained
    assert sum(account["length"].to_pylist()) == sum(journal.values("tokens").values())
    assert account["step"].to_pylist() == sorted(account["step"].to_pylist())


def test_a_token_budget_takes_a_part_of_the_records(train, journal: MemoryJournal) -> None:
    many = dataset({"forge": {"text": sentences(600)}})
    train(Pretrain(**SMALL, tokens=1024), many, journal=journal)
    account = pa.concat_tables(journal.tables)
    assert set(account["step"].to_pylist()) == {1, 2}
    assert 30 < len(set(account["record"].to_pylist())) < 120


def test_training_goes_on_from_a_model(train, texts: MemoryDataset, base: Model, journal: MemoryJournal) -> None:
    model = train(Pretrain(steps=10, lr=5e-3, batch=8, log_steps=5), texts, base, journal)
    assert model.base == base.name
    assert list(journal.values("loss").values())[-1] < 2.2


def test_a_loss_that_is_no_number_stops_and_names_the_step(train, texts, journal) -> None:
    plugin = Pretrain(**SMALL, steps=4, config={"rms_norm_eps": math.nan})
    with pytest.raises(DataError, match="train 'study': the loss of step 1 is nan: lower `lr`"):
        train(plugin, texts, journal=journal)
    assert set(pa.concat_tables(journal.tables)["step"].to_pylist()) == {1}


def test_a_source_without_text_is_named(train) -> None:
    chats = dataset({"chats": {"messages": [[{"role": "user", "content": "a"}]]}})
    with pytest.raises(DataError, match="source 'chats' has no `text` column"):
        train(Pretrain(**SMALL), chats)


def test_an_empty_split_is_named(train, texts: MemoryDataset) -> None:
    marked = dataset({"forge": {"text": sentences(5), "split": ["validation"] * 5}})
    with pytest.raises(DataError, match="finds nothing to read in split 'train' of forge"):
        train(Pretrain(**SMALL), marked)


@pytest.mark.parametrize(
    ("options", "fault"),
    [
        ({"architecture": "lama"}, r"unknown architecture 'lama' \(did you mean 'llama'\?\)"),
        ({"config": {"rope_thetas": 1}}, "'llama' has no setting 'rope_thetas'"),
        ({"config": {"initializer_range": 2.0}}, "cannot make the model's configuration: .*initializer_range"),
        ({"heads": 3}, "32 does not divide among 3 heads"),
        ({"architecture": "bloom"}, "'bloom' lets packed documents see each other"),
    ],
)
def test_a_model_that_cannot_be_is_refused(train, texts: MemoryDataset, options, fault: str) -> None:
    with pytest.raises(UsageError, match=fault):
        train(Pretrain(**SMALL | options), texts)


@pytest.mark.parametrize("architecture", ["gpt2", "qwen3", "gpt_neox", "gemma2"])
def test_other_architectures_train(train, texts: MemoryDataset, architecture: str) -> None:
    model = train(Pretrain(**SMALL | {"architecture": architecture, "steps": 2}), texts)
    assert json.loads((model.path / "config.json").read_text())["model_type"] == architecture


def test_a_folder_that_is_no_model_is_refused(train, texts: MemoryDataset, tmp_path: Path) -> None:
    model = Model(path=tmp_path, name="none", fingerprint="")
    with pytest.raises(UsageError, match=r"is no model folder: it needs a config\.json"):
        train(Pretrain(steps=1), texts, model)
    (tmp_path / "config.json").write_text("{}")
    (tmp_path / "pytorch_model.bin").write_bytes(b"")
    with pytest.raises(UsageError, match="holds no safetensors weights: pickled weights can run code"):
        train(Pretrain(steps=1), texts, model)


def test_workers_that_do_not_know_where_they_meet_are_refused(
    texts: MemoryDataset, tmp_path: Path, stage: Stage, journal
) -> None:
    with pytest.raises(UsageError, match="is not told where they meet"):
        Pretrain(**SMALL).train(texts, None, tmp_path, World(size=2), stage, journal)


def test_documents_stand_between_end_of_text_tokens(base: Model) -> None:
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(base.path)
    (ids,) = documents(tokenizer, ["iron bloom"])
    assert ids[0] == ids[-1] == tokenizer.convert_tokens_to_ids(TEXT_ENDS)
    assert tokenizer.decode(ids[1:-1]) == "iron bloom"
    assert tokenizer("iron bloom")["input_ids"] == ids[:-1]


def test_a_text_that_spells_a_special_token_ends_no_turn(base: Model) -> None:
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(base.path)
    (ids,) = plain_ids(tokenizer, [f"a {TURN_ENDS} b"])
    assert tokenizer.convert_tokens_to_ids(TURN_ENDS) not in ids
    assert tokenizer.decode(ids) == f"a {TURN_ENDS} b"


def test_time_used_up_ends_cleanly(train, texts: MemoryDataset, journal: MemoryJournal) -> None:
    model = train(Pretrain(**SMALL, steps=500, max_seconds=1e-9), texts, journal=journal)
    assert (model.path / "model.safetensors").exists()
    assert pa.concat_tables(journal.tables)["step"].to_pylist()[-1] == 1
    assert math.isfinite(np.mean(list(journal.values("loss").values())))


@pytest.mark.parametrize("extra", [{"bf16": True}, {"gradient_checkpointing": True}, {"packing": False}])
def test_the_loss_falls_in_every_way_of_computing(train, texts: MemoryDataset, journal: MemoryJournal, extra) -> None:
    train(Pretrain(**SMALL, steps=20, **extra), texts, journal=journal)
    assert list(journal.values("loss").values())[-1] < 2.6


def test_recomputed_activations_change_no_weight(train, texts: MemoryDataset, tmp_path: Path) -> None:
    plain, recomputed = (
        train(Pretrain(**SMALL, steps=4, gradient_checkpointing=on), texts, out=tmp_path / str(on))
        for on in (False, True)
    )
    assert plain.fingerprint == recomputed.fingerprint
