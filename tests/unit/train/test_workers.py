"""Several workers, with DeepSpeed or without: the same rows in the same steps, the same losses and weights as one; and
others go on where some were stopped."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from training_samples import WORDS, MemoryJournal, chats, dataset, echoes, sentences
from worker_jobs import Done, Job, by_two, carried_out

from finery import Model, Stage, UsageError, World
from finery_plugins.train.dpo import Dpo
from finery_plugins.train.electra import Electra
from finery_plugins.train.kto import Kto
from finery_plugins.train.masked_lm import MaskedLm
from finery_plugins.train.pretrain import Pretrain
from finery_plugins.train.reward import Reward
from finery_plugins.train.sft import Sft
from finery_plugins.train.site import Site, settle
from finery_plugins.train.workers import Share, share, split

TOLERANCE = 5e-6
"""Nats: sums over two workers are added in another order. Seen: 1e-6 at most, after Adam made it larger."""

SMALL = {
    "layers": 1,
    "width": 32,
    "heads": 2,
    "vocabulary": 400,
    "context": 64,
    "batch": 6,
    "epochs": 2,
    "log_steps": 1,
}
TEXTS = dataset({"a": {"text": sentences(41)}, "b": {"text": echoes(20)}})
"""61 rows: the last step holds one, so the second worker has none in it."""
SFT = Sft(epochs=2, batch=6, accumulate=2, lr=1e-3, log_steps=1, packing=False, checkpoint_steps=2)
TALKS = dataset({"t": {"messages": chats(20)}, "u": {"messages": chats(11, shift=4)}})


PROMPTS = [f"What follows {WORDS[k % 10]}, {k}? " for k in range(20)]
LIKES = dataset(
    {
        "likes": {
            "prompt": PROMPTS,
            "chosen": [WORDS[k % 3] for k in range(20)],
            "rejected": [WORDS[7 + k % 3] for k in range(20)],
        }
    }
)
TUNED = {"steps": 4, "batch": 4, "accumulate": 2, "lr": 1e-3, "log_steps": 1, "chat": False, "checkpoint_steps": 2}


@given(st.integers(1, 6), st.integers(1, 4), st.integers(1, 4), st.integers(0, 100))
def test_every_row_is_one_worker_s_in_the_same_step_as_with_one(batch: int, passes: int, size: int, total: int) -> None:
    rows = batch * passes * size
    shared = share(rows, batch, World(size=size), "test")
    fed = [shared.batches(total, rank) for rank in range(size)]
    assert len({len(found) for found in fed}) == 1
    for step in range(-(-total // rows)):
        part = slice(step * shared.accumulate, (step + 1) * shared.accumulate)
        found = sorted(place for batches in fed for one in batches[part] for place in one)
        assert found == list(range(step * rows, min((step + 1) * rows, total)))
    for rank, batches in enumerate(fed):
        places = np.array([place for one in batches for place in one], np.int64)
        assert (shared.ranks(places) == rank).all()


def test_a_pass_is_smaller_where_the_rows_do_not_divide_otherwise() -> None:
    assert share(12, 6, World(size=2), "test") == Share(12, 6, 2)
    assert share(6, 6, World(size=2), "test") == Share(6, 3, 2)
    assert share(6, 6, World(size=2), "test").accumulate == 1


def test_rows_that_do_not_divide_among_workers_are_refused() -> None:
    with pytest.raises(UsageError, match="the 8 rows of a step do not divide among 3 workers: make `batch` times"):
        share(8, 8, World(size=3), "train 'x'")


def test_passes_that_do_not_divide_are_refused_where_a_loss_is_their_mean() -> None:
    assert split(8, 4, 16, World(size=2), "test") == Share(8, 2, 2)
    assert split(8, 3, 17, World(), "test") == Share(8, 3, 1)
    with pytest.raises(UsageError, match="the 3 rows of a pass do not divide among 2 workers: make `batch` a multiple"):
        split(6, 3, 12, World(size=2), "train 'x'")
    with pytest.raises(UsageError, match=r"its 17 rows end in a step of 1, .*: set `steps = 3`"):
        split(8, 4, 17, World(size=2), "train 'x'")


def test_an_objective_that_knows_one_worker_alone_refuses_two(tmp_path: Path, stage: Stage) -> None:
    with pytest.raises(UsageError, match="'pretrain' trains on one alone: leave `workers` out of `needs`"):
        settle(Site(tmp_path, World(size=2), stage, MemoryJournal()))


@pytest.fixture(scope="module")
def jobs(base: Model) -> dict[str, Job]:
    """Trainings without dropout, which each worker draws for its own rows."""
    return {
        "pretrain": Job(Pretrain(**SMALL, packing=False), TEXTS),
        "masked": Job(MaskedLm(**SMALL, dropout=0.0), TEXTS),
        "electra": Job(Electra(**SMALL, dropout=0.0), TEXTS),
        "sft": Job(SFT, TALKS, base),
        "dpo": Job(Dpo(**TUNED), LIKES, base),
        "kto": Job(Kto(**TUNED), LIKES, base),
        "reward": Job(Reward(**TUNED), LIKES, base),
        "lora": Job(Sft(method={"lora": {"rank": 4}}, steps=4, batch=4, log_steps=1), TALKS, base),
    }


@pytest.fixture(scope="module")
def alone(jobs: dict[str, Job], tmp_path_factory: pytest.TempPathFactory, stage: Stage) -> dict[str, Done]:
    """What one worker makes of them."""
    out = tmp_path_factory.mktemp("alone")
    return {name: carried_out(job, out / name, World(), stage) for name, job in jobs.items()}


@pytest.fixture(scope="module")
def divided(jobs: dict[str, Job]) -> dict[str, Job]:
    """Trainings divided by DeepSpeed, in every way; some are stopped, and some begun again."""
    pytest.importorskip("deepspeed")
    sft = jobs["sft"]
    made = {f"zero-{level}": sft._replace(plugin=replace(SFT, zero=level)) for level in range(4)}
    made["electra-zero"] = jobs["electra"]._replace(plugin=replace(jobs["electra"].plugin, zero=2))
    made["lora-zero"] = jobs["lora"]._replace(plugin=replace(jobs["lora"].plugin, zero=3))
    for level in (2, 3):
        made[f"cut-{level}"] = made[f"zero-{level}"]._replace(stopped=3)
    made["again-3"] = made["zero-3"]._replace(folder="cut-3")
    return made


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("two")


@pytest.fixture(scope="module")
def two(jobs: dict[str, Job], divided: dict[str, Job], folder: Path, stage: Stage) -> dict[str, Done]:
    """What two workers make of all, of one that is stopped, and of one that a single worker began."""
    begun = jobs["sft"]._replace(stopped=3)
    carried_out(begun, folder / "taken-over", World(), stage)
    return by_two({**jobs, **divided, "stopped": begun, "taken-over": jobs["sft"]}, folder, stage)


def curves(done: Done) -> dict[tuple[str, int, str | None], float]:
    """Every number of a training that does not depend on the clock, by name, step and source."""
    return {
        (name, step, source): value
        for name, value, step, source in done.journal.metrics
        if step is not None and name in ("loss", "tokens", "accuracy", "discriminator_loss", "held_out_loss")
    }


def alike(one: Done, other: Done) -> None:
    """Hold two trainings to the same losses, of steps, sources and records, and to the same weights."""
    from safetensors.torch import load_file

    assert curves(other) == pytest.approx(curves(one), abs=TOLERANCE)
    assert losses(other) == pytest.approx(losses(one), abs=TOLERANCE)
    left, right = (load_file(done.model.path / "model.safetensors") for done in (one, other))
    assert left.keys() == right.keys()
    assert all((weight - right[name]).abs().max() < 10 * TOLERANCE for name, weight in left.items())


def losses(done: Done) -> dict[tuple[str, int], float]:
    """The loss of each record in each epoch."""
    told = pa.concat_tables(done.journal.lost)
    return {(str(row["record"]), row["epoch"]): row["loss"] for row in told.to_pylist()}


@pytest.mark.slow
@pytest.mark.parametrize("name", ["pretrain", "masked", "electra", "sft", "lora", "dpo", "kto", "reward"])
def test_two_workers_train_as_one_does(name: str, alone: dict[str, Done], two: dict[str, Done]) -> None:
    alike(alone[name], two[name])


@pytest.mark.slow
@pytest.mark.parametrize("name", ["sft", "dpo"])
def test_the_lineage_says_which_worker_had_which_record(
    name: str, alone: dict[str, Done], two: dict[str, Done]
) -> None:
    one, both = (pa.concat_tables(done[name].journal.tables) for done in (alone, two))
    assert both.drop(["rank"]).equals(one.drop(["rank"]))
    assert set(one["rank"].to_pylist()) == {0}
    assert set(both["rank"].to_pylist()) == {0, 1}


@pytest.mark.slow
def test_one_worker_goes_on_where_two_were_stopped(
    jobs: dict[str, Job], alone: dict[str, Done], two: dict[str, Done], folder: Path, stage: Stage
) -> None:
    assert two["stopped"].model is None
    assert (folder / "stopped" / "checkpoints" / "checkpoint-2" / "account-1.npz").exists()
    out = Path(shutil.copytree(folder / "stopped", folder / "went-on"))
    alike(alone["sft"], carried_out(jobs["sft"], out, World(), stage))


@pytest.mark.slow
def test_two_workers_go_on_where_one_was_stopped(alone: dict[str, Done], two: dict[str, Done]) -> None:
    alike(alone["sft"], two["taken-over"])


@pytest.mark.slow
@pytest.mark.parametrize("level", range(4))
def test_workers_that_divide_a_training_end_as_one_that_does_not(
    level: int, alone: dict[str, Done], two: dict[str, Done]
) -> None:
    alike(alone["sft"], two[f"zero-{level}"])


@pytest.mark.slow
@pytest.mark.parametrize("name", ["electra", "lora"])
def test_other_trainings_are_divided_too(name: str, alone: dict[str, Done], two: dict[str, Done]) -> None:
    alike(alone[name], two[f"{name}-zero"])


@pytest.mark.slow
def test_a_divided_training_that_was_stopped_ends_in_the_same_bits(two: dict[str, Done]) -> None:
    whole, again = two["zero-3"], two["again-3"]
    assert two["cut-3"].model is None
    assert again.model.fingerprint == whole.model.fingerprint
    assert curves(again) == curves(whole)
    assert losses(again) == losses(whole)


@pytest.mark.slow
def test_what_a_divided_training_leaves_is_a_plain_folder(two: dict[str, Done]) -> None:
    from transformers import AutoModelForCausalLM, AutoTokenizer

    folder = two["zero-3"].model.path
    model = AutoModelForCausalLM.from_pretrained(folder)
    assert model.get_input_embeddings().weight.shape == (len(AutoTokenizer.from_pretrained(folder)), 32)
    assert [path.name for path in folder.iterdir() if path.is_dir()] == []


@pytest.mark.slow
def test_one_worker_goes_on_where_two_that_divided_were_stopped(
    divided: dict[str, Job], alone: dict[str, Done], two: dict[str, Done], folder: Path, stage: Stage
) -> None:
    assert two["cut-2"].model is None
    (again,) = by_two({"cut-2": divided["zero-2"]}, folder, stage, workers=1).values()
    alike(alone["sft"], again)
