"""Records held out: early stopping goes back to the best weights, cross-validation tells every record's loss."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from training_samples import WORDS, MemoryDataset, MemoryJournal, StopsAt, chats, dataset, sentences

from finery import DataError, Model, UsageError
from finery_plugins.train.architecture import loaded_model
from finery_plugins.train.pretrain import Pretrain
from finery_plugins.train.sft import Sft

SMALL = {"layers": 2, "width": 32, "heads": 2, "vocabulary": 400, "context": 64, "batch": 8, "lr": 1e-2, "log_steps": 2}
EARLY = {"every": 5, "patience": 2}


def noise(count: int) -> list[str]:
    """Texts whose words follow from nothing: they can be learnt by heart alone."""
    draw = np.random.default_rng(5)
    return [" ".join(draw.choice(WORDS, 14)) for _ in range(count)]


@pytest.fixture
def texts() -> MemoryDataset:
    """Few texts without any rule, a part of them held out; a second source holds none out."""
    split = ["train"] * 12 + ["validation"] * 20
    return dataset({"forge": {"text": noise(32), "split": split}, "smithy": {"text": sentences(4)}})


def test_a_model_that_overfits_is_stopped_at_its_best(train, texts: MemoryDataset, journal: MemoryJournal) -> None:
    plugin = Pretrain(**SMALL, steps=300, early_stopping=EARLY)
    train(plugin, texts, journal=journal)
    held = journal.values("held_out_loss")
    best = min(held, key=held.get)
    assert journal.values("best_step") == {None: best}
    assert list(held)[-1] == best + 10 < 300
    assert list(held) == list(range(5, best + 11, 5))
    assert max(pa.concat_tables(journal.tables)["step"].to_pylist()) == best + 10


def test_the_best_weights_are_left(train, texts: MemoryDataset, tmp_path: Path) -> None:
    journal = MemoryJournal()
    said = SMALL | {"schedule": "constant", "warmup": 0}
    stopped = train(Pretrain(**said, steps=300, early_stopping=EARLY), texts, journal=journal, out=tmp_path / "a")
    best = int(journal.values("best_step")[None])
    plain = train(Pretrain(**said, steps=best), texts, out=tmp_path / "b")
    assert stopped.fingerprint == plain.fingerprint
    assert {path.name for path in stopped.path.iterdir() if path.is_dir()} == set()


def test_an_interrupted_watch_ends_in_the_same_weights(train, texts: MemoryDataset, tmp_path: Path) -> None:
    plugin = Pretrain(**SMALL, steps=60, early_stopping=EARLY | {"patience": 3}, checkpoint_steps=4)
    whole = MemoryJournal()
    made = train(plugin, texts, journal=whole, out=tmp_path / "whole")
    last = max(whole.values("loss"))
    for step in (last - 3, last - 9):
        out = tmp_path / f"cut-{step}"
        with pytest.raises(StopsAt.Stopped):
            train(plugin, texts, journal=StopsAt(step), out=out)
        resumed = MemoryJournal()
        assert train(plugin, texts, journal=resumed, out=out).fingerprint == made.fingerprint
        assert resumed.values("best_step") == whole.values("best_step")


def test_one_source_can_be_watched(train, texts: MemoryDataset, journal: MemoryJournal) -> None:
    train(Pretrain(**SMALL, steps=10, early_stopping=EARLY | {"metric": "loss/forge"}), texts, journal=journal)
    assert journal.values("held_out_loss", "forge") == journal.values("held_out_loss")
    fault = "watches source 'smithy', which holds no records out: take one of forge, or `loss`"
    with pytest.raises(UsageError, match=fault):
        train(Pretrain(**SMALL, steps=1, early_stopping={"metric": "loss/smithy"}), texts)


def test_nothing_held_out_is_named(train, journal: MemoryJournal) -> None:
    with pytest.raises(DataError, match="finds nothing to hold out in split 'validation' in forge"):
        train(Pretrain(**SMALL, steps=1, early_stopping={}), dataset({"forge": {"text": sentences(20)}}))


def test_tuning_an_adapter_is_stopped_too(train, base: Model, journal: MemoryJournal) -> None:
    talks = {"messages": chats(40), "split": ["train"] * 30 + ["validation"] * 10}
    plugin = Sft(method={"lora": {"rank": 4}}, steps=40, lr=1e-2, batch=8, early_stopping=EARLY)
    train(plugin, dataset({"talks": talks}), base, journal)
    held = journal.values("held_out_loss")
    assert min(held.values()) < 0.9 * held[5]
    assert journal.values("best_step")[None] == min(held, key=held.get)


def test_every_record_is_measured_by_a_model_that_has_not_seen_it(train, tmp_path: Path) -> None:
    examples = dataset({"forge": {"text": sentences(40)}, "smithy": {"text": noise(12)}})
    journal = MemoryJournal()
    model = train(Pretrain(**SMALL, steps=20, folds=3), examples, journal=journal, out=tmp_path / "folds")
    (table,) = [table for table in journal.lost if table["epoch"][0].as_py() == 0]
    ids = [record for part in examples.tables.values() for record in part["id"].to_pylist()]
    assert sorted(table["record"].to_pylist()) == sorted(ids)
    losses = dict(zip(table["record"].to_pylist(), table["loss"].to_pylist(), strict=True))
    odd = examples.tables["smithy"]["id"].to_pylist()
    assert np.mean([losses[record] for record in odd]) > 1.2 * np.mean([losses[r] for r in ids if r not in set(odd)])
    folds = journal.values("fold_loss")
    assert list(folds) == [1, 2, 3]
    whole = journal.values("cross_validated_loss")[None]
    assert min(folds.values()) < whole < max(folds.values())
    nats = sum(a * b for a, b in zip(table["loss"].to_pylist(), table["tokens"].to_pylist(), strict=True))
    assert nats / sum(table["tokens"].to_pylist()) == pytest.approx(whole)
    plain = train(Pretrain(**SMALL, steps=20), examples, out=tmp_path / "plain")
    assert model.fingerprint == plain.fingerprint


def test_finished_folds_are_not_trained_again(train, tmp_path: Path) -> None:
    examples = dataset({"forge": {"text": sentences(40)}})
    plugin = Pretrain(**SMALL, steps=4, folds=2)
    whole, cut, resumed = MemoryJournal(), StopsAt(0), MemoryJournal()
    train(plugin, examples, journal=whole, out=tmp_path / "whole")
    steps = []

    def progress(done: float, total: float, unit: str) -> None:
        steps.append(done)
        if unit == "steps" and steps.count(4.0) + steps.count(4) >= 1 and done == 2:
            raise StopsAt.Stopped

    cut.progress = progress
    with pytest.raises(StopsAt.Stopped):
        train(plugin, examples, journal=cut, out=tmp_path / "cut")
    train(plugin, examples, journal=resumed, out=tmp_path / "cut")
    assert resumed.values("fold_loss") == whole.values("fold_loss")
    assert sum(unit == "steps" for *_, unit in resumed.progressed) == 8


def test_too_few_records_for_the_folds_are_named(train) -> None:
    with pytest.raises(DataError, match=r"has too few records for 20 folds: fold .* is empty: lower `folds`"):
        train(Pretrain(**SMALL, steps=1, folds=20), dataset({"forge": {"text": sentences(3)}}))


def test_measuring_changes_nothing(train, texts: MemoryDataset, tmp_path: Path) -> None:
    watched = {"every": 2, "patience": 100}
    dropped = SMALL | {"config": {"attention_dropout": 0.1}}
    journal = MemoryJournal()
    one = train(Pretrain(**dropped, steps=8, early_stopping=watched), texts, journal=journal, out=tmp_path / "one")
    other = MemoryJournal()
    train(Pretrain(**dropped, steps=8), texts, journal=other, out=tmp_path / "other")
    assert journal.values("loss") == other.values("loss")
    assert loaded_model(one, "test").config.attention_dropout == 0.1
