"""Ways of computing that change no result, or change it as said: packing, accumulation, grouping, dropout, compiling;
recurrent models; defaults with their reasons; the loss of every record."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from training_samples import MemoryDataset, MemoryJournal, StopsAt, chats, dataset, sentences

from finery import Model, UsageError
from finery_plugins.train.packing import grouped
from finery_plugins.train.pretrain import Pretrain
from finery_plugins.train.sft import Sft

SMALL = {"layers": 2, "width": 32, "heads": 2, "vocabulary": 400, "context": 64, "batch": 8, "lr": 1e-2, "log_steps": 1}


@pytest.fixture
def texts() -> MemoryDataset:
    return dataset({"forge": {"text": sentences(50)}, "smithy": {"text": sentences(30, salt=500, length=20)}})


def losses(train, plugin, examples, out: Path, model: Model | None = None) -> list[float]:
    """The loss of each step."""
    journal = MemoryJournal()
    train(plugin, examples, model, journal, out)
    return list(journal.values("loss").values())


def test_four_passes_of_one_row_are_one_of_four(train, texts: MemoryDataset, tmp_path: Path) -> None:
    said = SMALL | {"lr": 1e-3}
    found = [
        losses(train, Pretrain(**said | {"batch": b, "accumulate": a}, steps=6), texts, tmp_path / str(b))
        for b, a in ((4, 1), (1, 4), (2, 2))
    ]
    assert found[0] == pytest.approx(found[1], abs=1e-5)
    assert found[0] == pytest.approx(found[2], abs=1e-5)


def test_an_epoch_costs_the_same_packed_or_not(train, texts: MemoryDataset, base: Model, tmp_path: Path) -> None:
    found = []
    for packing in (True, False):
        journal = MemoryJournal()
        plugin = Pretrain(epochs=1, batch=200, lr=1e-9, packing=packing, log_steps=1)
        train(plugin, texts, base, journal, tmp_path / str(packing))
        found.append((journal.values("loss")[1], journal.values("tokens")[1], journal.lost[0].sort_by("loss")))
    (packed, count, table), (alone, other, same) = found
    assert count == other
    assert packed == pytest.approx(alone, abs=1e-5)
    assert table["loss"].to_pylist() == pytest.approx(same["loss"].to_pylist(), abs=1e-4)


def test_losses_of_records_add_up_to_the_epoch(train, texts: MemoryDataset, journal: MemoryJournal) -> None:
    train(Pretrain(**SMALL, epochs=2.5, accumulate=2), texts, journal=journal)
    epochs = [table["epoch"][0].as_py() for table in journal.lost]
    assert epochs == [1, 2, 3]
    ids = {record for part in texts.tables.values() for record in part["id"].to_pylist()}
    assert set(journal.lost[0]["record"].to_pylist()) == set(journal.lost[1]["record"].to_pylist()) == ids
    assert len(journal.lost[2]) < len(ids)
    every = pa.concat_tables(journal.lost)
    nats = np.dot(every["loss"].to_numpy(), every["tokens"].to_numpy())
    tokens, loss = journal.values("tokens"), journal.values("loss")
    assert every["tokens"].to_numpy().sum() == sum(tokens.values())
    assert nats == pytest.approx(sum(loss[step] * tokens[step] for step in loss), rel=1e-9)


def test_one_step_may_hold_several_epochs(train, journal: MemoryJournal) -> None:
    examples = dataset({"forge": {"text": sentences(5)}})
    train(Pretrain(**SMALL | {"batch": 16}, steps=3), examples, journal=journal)
    tokens = {table["tokens"].to_numpy().sum() for table in journal.lost[:-1]}
    assert len(tokens) == 1
    assert sum(table["tokens"].to_numpy().sum() for table in journal.lost) == sum(journal.values("tokens").values())


def test_an_interruption_loses_no_records_loss(train, texts: MemoryDataset, tmp_path: Path) -> None:
    plugin = Pretrain(**SMALL, epochs=3, checkpoint_steps=2)
    whole, cut, resumed = MemoryJournal(), StopsAt(6), MemoryJournal()
    train(plugin, texts, journal=whole, out=tmp_path / "whole")
    with pytest.raises(StopsAt.Stopped):
        train(plugin, texts, journal=cut, out=tmp_path / "cut")
    train(plugin, texts, journal=resumed, out=tmp_path / "cut")
    known = {table["epoch"][0].as_py(): table for table in [*cut.lost, *resumed.lost]}
    assert [known[epoch] for epoch in sorted(known)] == whole.lost


def test_a_record_of_several_renderings_has_one_loss(train, base: Model, journal: MemoryJournal) -> None:
    talks = dataset({"talks": {"messages": chats(20)}})
    train(Sft(epochs=1, batch=4), talks, base, journal)
    (table,) = journal.lost
    assert sorted(table["record"].to_pylist()) == sorted(set(talks.tables["talks"]["id"].to_pylist()))


def test_rows_of_like_length_stand_in_one_step() -> None:
    draw = np.random.default_rng(3)
    sizes = draw.integers(1, 500, 1000)
    order = draw.permutation(1000)
    found = grouped(order, sizes, 16)
    assert sorted(found) == list(range(1000))

    def padding(rows: np.ndarray) -> int:
        return sum(int(part.max() * len(part) - part.sum()) for part in np.split(sizes[rows], range(16, 1000, 16)))

    assert padding(found) < 0.1 * padding(order)
    first = [int(sizes[found[start]]) for start in range(0, 992, 16)]
    assert first != sorted(first, reverse=True)


def test_grouping_changes_the_order_alone(train, texts: MemoryDataset, tmp_path: Path) -> None:
    steps = []
    for on in (True, False):
        journal = MemoryJournal()
        plugin = Pretrain(**SMALL, epochs=1, packing=False, group_by_length=on)
        train(plugin, texts, journal=journal, out=tmp_path / str(on))
        steps.append(pa.concat_tables(journal.tables))
    pieces = [table.select(["record", "start", "length"]).to_pylist() for table in steps]
    assert pieces[0] != pieces[1]
    assert sorted(map(str, pieces[0])) == sorted(map(str, pieces[1]))


def test_dropout_is_of_this_training_alone(train, texts: MemoryDataset, tmp_path: Path) -> None:
    plain = losses(train, Pretrain(**SMALL, steps=3), texts, tmp_path / "plain")
    dropped = losses(train, Pretrain(**SMALL, steps=3, dropout=0.5), texts, tmp_path / "dropped")
    assert plain != dropped
    assert json.loads((tmp_path / "dropped" / "config.json").read_text())["attention_dropout"] == 0.0
    with pytest.raises(UsageError, match="'mamba' has no place for dropout"):
        train(Pretrain(**SMALL, architecture="mamba", steps=1, dropout=0.1), texts)


def test_seeds_decide_first_weights(train, texts: MemoryDataset, tmp_path: Path) -> None:
    runs = [(1, "a"), (1, "b"), (2, "c")]
    found = [train(Pretrain(**SMALL, steps=1, seed=s), texts, out=tmp_path / n).fingerprint for s, n in runs]
    assert found[0] == found[1] != found[2]


@pytest.mark.parametrize("architecture", ["mamba", "rwkv", "mamba2"])
def test_recurrent_models_train_unpacked(train, texts: MemoryDataset, journal: MemoryJournal, architecture) -> None:
    from transformers import AutoModelForCausalLM

    more = {"mamba2": {"config": {"state_size": 8, "n_groups": 1, "chunk_size": 16}}}.get(architecture, {})
    plugin = Pretrain(**SMALL, architecture=architecture, steps=25, packing=False, **more)
    model = train(plugin, texts, journal=journal)
    found = list(journal.values("loss").values())
    assert found[-1] < 0.6 * found[0]
    assert AutoModelForCausalLM.from_pretrained(model.path).config.model_type == architecture


@pytest.mark.parametrize("architecture", ["mamba", "rwkv"])
def test_recurrent_models_are_not_packed(train, texts: MemoryDataset, architecture: str) -> None:
    fault = f"'{architecture}' lets packed documents see each other: .*recurrent.*: set `packing = false`"
    with pytest.raises(UsageError, match=fault):
        train(Pretrain(**SMALL, architecture=architecture, steps=1), texts)


@pytest.mark.parametrize("kind", ["unigram", "word", "character", "byte"])
def test_every_tokenizer_trains(train, texts: MemoryDataset, journal: MemoryJournal, kind: str) -> None:
    from transformers import AutoTokenizer

    model = train(Pretrain(**SMALL, tokenizer=kind, steps=12), texts, journal=journal)
    found = list(journal.values("loss").values())
    assert found[-1] < 0.75 * found[0]
    tokenizer = AutoTokenizer.from_pretrained(model.path)
    assert tokenizer.decode(tokenizer("iron caf\u00e9", add_special_tokens=False)["input_ids"]) == "iron caf\u00e9"


@pytest.mark.parametrize(
    ("said", "rate"), [({"batch": 16}, 1e-3), ({"batch": 64}, 2e-3), ({"batch": 4, "accumulate": 1}, 5e-4)]
)
def test_the_usual_rate_grows_with_the_root_of_the_rows(train, texts, journal: MemoryJournal, said, rate) -> None:
    train(Pretrain(**SMALL | {"lr": None, "warmup": 0} | said, steps=1), texts, journal=journal)
    assert journal.values("learning_rate")[1] == pytest.approx(rate)
    (note,) = journal.notes
    assert note.startswith(f"lr = {rate:g}: 0.001 is usual from scratch")
    assert ("square root" in note) == (said["batch"] != 16)


def test_epochs_follow_from_the_size_of_the_data(train, base: Model, journal: MemoryJournal) -> None:
    train(Sft(batch=8), dataset({"talks": {"messages": chats(10)}}), base, journal)
    assert "epochs = 10: usual for tuning on 10 records" in journal.notes
    assert max(table["epoch"][0].as_py() for table in journal.lost) == 10


def test_a_small_corpus_is_read_four_times(train, texts: MemoryDataset, journal: MemoryJournal) -> None:
    train(Pretrain(**SMALL), texts, journal=journal)
    assert journal.notes[0].startswith("epochs = 4: ")
    assert "tokens a parameter, where 20 are wanted" in journal.notes[0]
    assert [table["epoch"][0].as_py() for table in journal.lost] == [1, 2, 3, 4]


@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning", "ignore::UserWarning")
def test_a_compiled_model_costs_the_same(train, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Rows of one length, so that it is compiled once; in this process, for a pool of compilers ends when it likes."""
    from torch._inductor import config

    # Other tests of this process have pip bring Python's own distutils, beside which setuptools wants none but its own.
    monkeypatch.setenv("SETUPTOOLS_USE_DISTUTILS", "stdlib")
    texts = dataset({"forge": {"text": ["iron and coal"] * 16}})
    said = SMALL | {"layers": 1, "context": 32, "lr": 1e-3, "packing": False}
    with config.patch(compile_threads=1):
        plugins = [Pretrain(**said, steps=2, compile=on) for on in (False, True)]
        plain, compiled = (losses(train, one, texts, tmp_path / str(one.compile)) for one in plugins)
    assert plain[1] < plain[0]
    assert compiled == pytest.approx(plain, abs=1e-5)
    assert (tmp_path / "True" / "model.safetensors").exists()
