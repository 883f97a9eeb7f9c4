"""DeepSpeed: two workers that divide a training lose what one loses, leave a plain folder, and resume exactly."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from pydantic import ValidationError
from test_workers import SMALL, TALKS, TEXTS, alike, curves, losses
from training_samples import MemoryJournal
from worker_jobs import Done, Job, by_two, carried_out

from finery import Model, Stage, UsageError, World
from finery_plugins.train.electra import Electra
from finery_plugins.train.loop import Loop
from finery_plugins.train.sft import Sft
from finery_plugins.train.site import Site
from finery_plugins.train.zero import check

SFT = Sft(epochs=2, batch=6, accumulate=2, lr=1e-3, log_steps=1, packing=False, checkpoint_steps=2)


@pytest.mark.parametrize(
    ("options", "fault"),
    [
        ({"offload": "optimizer"}, "`offload` moves what `zero` divides, which is None"),
        ({"zero": 2, "offload": "parameters"}, "moves what `zero = 3` divides"),
        ({"zero": 3, "early_stopping": {}}, "`early_stopping` keeps whole weights, which no worker has"),
        ({"zero": 1, "folds": 3}, "`folds` trains several models in one process"),
    ],
)
def test_options_that_do_not_go_together_are_refused(options: dict, fault: str) -> None:
    with pytest.raises(ValidationError, match=fault):
        Sft(**options)


@pytest.fixture(scope="module")
def deepspeed() -> None:
    pytest.importorskip("deepspeed")


@pytest.mark.usefixtures("deepspeed")
def test_one_worker_has_nobody_to_divide_with(base: Model, tmp_path: Path, stage: Stage) -> None:
    with pytest.raises(UsageError, match="there is one: set `needs = "):
        replace(SFT, zero=2).train(TALKS, base, tmp_path, World(), stage, MemoryJournal())


@pytest.fixture(scope="module")
def two(deepspeed: None, base: Model, tmp_path_factory: pytest.TempPathFactory, stage: Stage) -> dict[str, Done]:
    """What two workers make of the same training, divided in every way, and stopped and begun again."""
    out = tmp_path_factory.mktemp("two")
    ways = {f"{level}": replace(SFT, zero=level) for level in range(4)}
    ways["offloaded"] = replace(SFT, zero=3, offload="parameters")
    ways["lora"] = replace(SFT, zero=3, method={"lora": {"rank": 4}})
    jobs = {name: Job(plugin, TALKS, base) for name, plugin in ways.items()}
    jobs["electra"] = Job(Electra(**SMALL, dropout=0.0, zero=2), TEXTS)
    for name in ("2", "3"):
        jobs[f"cut-{name}"] = jobs[name]._replace(stopped=3)
        jobs[f"again-{name}"] = jobs[name]._replace(folder=f"cut-{name}")
    return by_two(jobs, out, stage)


@pytest.fixture(scope="module")
def alone(base: Model, tmp_path_factory: pytest.TempPathFactory, stage: Stage) -> dict[str, Done]:
    """What one worker makes of it without DeepSpeed."""
    out = tmp_path_factory.mktemp("alone")
    lora = Job(replace(SFT, method={"lora": {"rank": 4}}), TALKS, base)
    jobs = {"sft": Job(SFT, TALKS, base), "lora": lora, "electra": Job(Electra(**SMALL, dropout=0.0), TEXTS)}
    return {name: carried_out(job, out / name, World(), stage) for name, job in jobs.items()}


@pytest.mark.slow
@pytest.mark.parametrize("way", ["0", "1", "2", "3", "offloaded", "lora", "electra"])
def test_a_divided_training_ends_as_an_undivided_one(way: str, two: dict[str, Done], alone: dict[str, Done]) -> None:
    alike(alone[way if way in alone else "sft"], two[way])


@pytest.mark.slow
@pytest.mark.parametrize("level", ["2", "3"])
def test_a_divided_training_that_was_stopped_ends_in_the_same_bits(level: str, two: dict[str, Done]) -> None:
    whole, again = two[level], two[f"again-{level}"]
    assert two[f"cut-{level}"].model is None
    assert again.model.fingerprint == whole.model.fingerprint
    assert curves(again) == curves(whole)
    assert losses(again) == losses(whole)


@pytest.mark.slow
def test_what_a_divided_training_leaves_is_a_plain_folder(two: dict[str, Done]) -> None:
    from transformers import AutoModelForCausalLM, AutoTokenizer

    folder = two["3"].model.path
    model = AutoModelForCausalLM.from_pretrained(folder)
    assert model.get_input_embeddings().weight.shape == (len(AutoTokenizer.from_pretrained(folder)), 32)
    assert [path.name for path in folder.iterdir() if path.is_dir()] == []


def test_a_checkpoint_of_other_workers_is_refused(stage: Stage) -> None:
    site = Site(Path("out"), World(size=4), stage, MemoryJournal())
    with pytest.raises(UsageError, match="was interrupted with 2 workers: no other number reads a checkpoint"):
        check(Loop.of(replace(SFT, zero=2)), 2, site)
