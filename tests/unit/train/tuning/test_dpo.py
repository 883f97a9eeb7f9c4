"""Direct preference optimisation: the chosen answers' margin grows, whatever the loss, shape and method."""

from __future__ import annotations

from itertools import pairwise

import pyarrow as pa
import pytest
from preference_samples import Diary, StopsAt, as_messages, ends, preferences
from training_samples import MemoryDataset, dataset

from finery import DataError, Model, UsageError
from finery_plugins.train.dpo import Dpo

QUICK = {"steps": 16, "batch": 8, "lr": 5e-3, "log_steps": 1, "warmup": 0.0}


@pytest.mark.parametrize("loss", ["sigmoid", "hinge", "ipo"])
def test_the_margin_of_the_chosen_answers_grows(train, talker: Model, journal: Diary, loss: str) -> None:
    train(Dpo(loss=loss, **QUICK), preferences(40), talker, journal)
    first, last = ends(journal, "rewards/margins")
    assert abs(first) < 1e-5
    assert last > 0.3
    assert ends(journal, "rewards/accuracies")[1] == 1.0


@pytest.mark.parametrize("loss", ["sigmoid", "hinge", "ipo"])
def test_the_losses_of_a_steps_records_are_its_loss(train, talker: Model, journal: Diary, loss: str) -> None:
    train(Dpo(loss=loss, **(QUICK | {"steps": 4, "batch": 10})), preferences(40), talker, journal)
    steps, told = pa.concat_tables(journal.tables), pa.concat_tables(journal.lost)
    cost = dict(zip(told["record"].to_pylist(), told["loss"].to_pylist(), strict=True))
    for step, loss_of_step in journal.values("loss").items():
        records = {r for s, r in zip(steps["step"].to_pylist(), steps["record"].to_pylist(), strict=True) if s == step}
        assert len(records) == 10
        assert sum(cost[record] for record in records) / 10 == pytest.approx(loss_of_step, rel=1e-4)


def test_each_source_has_a_loss_of_its_own(train, talker: Model, journal: Diary) -> None:
    both = MemoryDataset(preferences(20).tables | preferences(20, "others").tables)
    train(Dpo(**QUICK), both, talker, journal)
    assert list(journal.values("loss", "likes"))[-1] == 16
    assert list(journal.values("loss", "others").values())[-1] < 0.6


def test_messages_and_texts_cost_the_same(train, talker: Model) -> None:
    texts = preferences(24).tables["likes"]
    roles = {"prompt": "user", "chosen": "assistant", "rejected": "assistant"}
    told = {name: as_messages(texts[name].to_pylist(), role) for name, role in roles.items()}
    costs = []
    for columns in ({name: texts[name] for name in roles}, told):
        journal = Diary()
        train(Dpo(**(QUICK | {"steps": 3, "batch": 24})), dataset({"likes": columns}), talker, journal)
        costs.append(list(journal.values("loss").values()))
    assert costs[0] == pytest.approx(costs[1], abs=1e-5)


def test_plain_text_needs_no_template(train, talker: Model, journal: Diary) -> None:
    train(Dpo(chat=False, **QUICK), preferences(24), talker, journal)
    assert ends(journal, "rewards/margins")[1] > 0.3


def test_an_adapter_learns_beside_a_reference_that_is_the_model_itself(train, talker: Model, journal: Diary) -> None:
    import json

    plugin = Dpo(method={"lora": {"rank": 8}}, keep_adapter=True, beta=0.5, **(QUICK | {"lr": 1e-2, "steps": 24}))
    made = train(plugin, preferences(40), talker, journal)
    first, last = ends(journal, "rewards/margins")
    assert abs(first) < 1e-5
    assert last > 1.0
    assert not (made.path / "adapter" / "ref").exists()
    assert json.loads((made.path / "adapter" / "adapter_config.json").read_text())["r"] == 8
    assert {path.name for path in made.path.iterdir()} & {"checkpoints", "tokens"} == set()


@pytest.mark.parametrize("method", ["full", {"lora": {"rank": 4, "dropout": 0.1}}])
def test_an_interrupted_training_ends_in_the_same_weights(train, talker: Model, tmp_path, method) -> None:
    plugin = Dpo(method=method, **(QUICK | {"steps": 8, "checkpoint_steps": 3}))
    known, again = Diary(), Diary()
    whole = train(plugin, preferences(20), talker, known, tmp_path / "whole")
    with pytest.raises(RuntimeError, match="stopped"):
        train(plugin, preferences(20), talker, StopsAt(step=5), tmp_path / "cut")
    assert train(plugin, preferences(20), talker, again, tmp_path / "cut").fingerprint == whole.fingerprint
    assert again.values("loss") == known.values("loss")
    assert again.tables == known.tables
    assert again.lost == known.lost


def test_a_loss_that_is_no_number_stops_and_names_the_records(train, talker: Model, tmp_path) -> None:
    import shutil

    from safetensors.torch import load_file, save_file

    broken = shutil.copytree(talker.path, tmp_path / "broken")
    weights = load_file(broken / "model.safetensors")
    weights["model.norm.weight"][:] = float("nan")
    save_file(weights, broken / "model.safetensors", {"format": "pt"})
    journal = Diary()
    with pytest.raises(DataError, match=r"the loss of step 1 is nan \(records [0-9a-f-]{36}, .*lower `lr`"):
        train(Dpo(**QUICK), preferences(20), Model(broken, "broken", ""), journal)
    assert set(pa.concat_tables(journal.tables)["step"].to_pylist()) == {1}
    assert not (tmp_path / "out" / "config.json").exists()


def test_other_columns_are_named_with_the_format_that_makes_them(train, talker: Model) -> None:
    with pytest.raises(DataError, match=r"'a' has the columns text, not prompt \+ chosen.*`format = \"preference\"`"):
        train(Dpo(), dataset({"a": {"text": ["iron"]}}), talker)


@pytest.mark.parametrize(
    "change, fault",
    [
        ({"prompt": " "}, "its prompt is empty"),
        ({"rejected": ""}, "an answer is empty"),
        ({"rejected": "slag", "chosen": "slag"}, "both answers are equal"),
        ({"chosen": "iron " * 80}, "it takes [0-9]+ tokens, where 2 to 64 fit"),
    ],
)
def test_records_of_no_use_are_counted_and_too_many_refused(train, talker: Model, journal, change, fault) -> None:
    columns = {name: preferences(30).tables["likes"][name].to_pylist() for name in ("prompt", "chosen", "rejected")}
    for name, value in change.items():
        columns[name][3] = value
    with pytest.raises(DataError, match=f"can learn nothing from 1 of 30 records .record .*: {fault}"):
        train(Dpo(**QUICK), dataset({"likes": columns}), talker, journal)
    assert journal.values("records_unusable") == {None: 1}


def test_without_a_template_texts_are_refused_with_a_remedy(train, talker: Model, tmp_path) -> None:
    import shutil

    copy = shutil.copytree(talker.path, tmp_path / "copy")
    (copy / "chat_template.jinja").unlink()
    with pytest.raises(UsageError, match="tokenizer has no chat template"):
        train(Dpo(), preferences(8), Model(copy, "copy", ""))


def test_without_a_model_there_is_nothing_to_tune(train) -> None:
    with pytest.raises(UsageError, match="has no model to tune"):
        train(Dpo(), preferences(8), None)


def test_the_learning_rate_follows_the_method_and_says_why(train, talker: Model) -> None:
    rates = []
    for method in ("full", {"lora": {}}):
        journal = Diary()
        train(Dpo(method=method, steps=1, batch=16, log_steps=1, warmup=0), preferences(16), talker, journal)
        rates.append(journal.values("learning_rate")[1])
        assert journal.notes[0].startswith(f"lr = {rates[-1]:.3g}: ")
    assert rates == [pytest.approx(5e-7), pytest.approx(5e-6)]
    assert all(a < b for a, b in pairwise(rates))
