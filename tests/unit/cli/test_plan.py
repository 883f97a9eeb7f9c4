"""`finery plan`: what a run will need, at once, at any width, without torch; and what runs keep of it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from finery.config import read_pipeline
from finery.forecast.history import history
from finery.forecast.make import forecast
from finery.plan import make_plan
from finery.run import run_pipeline

PIPELINE = """
name = "planned"
seed = 3
[run]
workers = 1
[plan]
silence = ["batch-size"]
[[source]]
name = "tales"
path = "tales.jsonl"
[[stage]]
filter = "length"
min_words = 2
[[stage]]
id = "base"
train = "pretrain"
layers = 2
width = 32
heads = 2
vocabulary = 400
context = 64
batch = 4
steps = 6
[[stage]]
id = "more"
train = "pretrain"
model = "base"
context = 64
batch = 2
steps = 4
[[stage]]
train = "unsaying:Unsaying"
id = "odd"
"""
UNSAYING = '''"""A train plugin that does not say what it needs."""
import shutil
from pathlib import Path
from finery import Model, Stage, hookimpl, plugin

@plugin
class Unsaying:
    """Leave the model as it is."""

    @hookimpl
    def train(self, model: Model | None, out: Path, stage: Stage) -> Model:
        """The same model."""
        shutil.copytree(model.path, out, dirs_exist_ok=True)
        return Model(path=out, name=stage.id, fingerprint="", base=model.name)
'''


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A pipeline that has not run."""
    folder = tmp_path_factory.mktemp("planned")
    texts = [{"text": f"the smith of {n} made iron {'and more iron ' * (n % 7)}"} for n in range(120)]
    (folder / "tales.jsonl").write_text("".join(json.dumps(text) + "\n" for text in texts))
    (folder / "unsaying.py").write_text(UNSAYING)
    (folder / "pipeline.toml").write_text(PIPELINE)
    sys.path.insert(0, str(folder))
    yield folder / "pipeline.toml"
    sys.path.remove(str(folder))


def asked(place: Path, *words: str, columns: int = 100) -> str:
    """What `finery plan` prints in a process of its own; the names of heavy modules that it imported come last."""
    code = (
        "import sys; sys.argv = ['finery', 'plan', *sys.argv[1:]]\n"
        "from finery.cli.main import main\n"
        "try: main()\n"
        "except SystemExit as left: assert not left.code\n"
        "print('heavy:', sorted({'torch', 'transformers', 'datasets'} & set(sys.modules)))"
    )
    said = [sys.executable, "-c", code, str(place), *words]
    env = {**os.environ, "COLUMNS": str(columns)}
    return subprocess.run(said, capture_output=True, text=True, check=True, env=env).stdout


@pytest.mark.parametrize("columns", [60, 200])
def test_the_page_fits_and_nothing_heavy_is_imported(place: Path, columns: int) -> None:
    told = asked(place, columns=columns)
    assert told.splitlines()[-1] == "heavy: []"
    assert max(map(len, told.splitlines())) <= columns
    for word in ("base: pretrain", "peak", "steps", "instead", "odd: unknown", "does not say what it needs"):
        assert word in " ".join(told.split())
    assert "batch-size" not in told
    assert not (place.parent / ".finery").exists()


def test_json_has_all_of_it_for_any_card(place: Path) -> None:
    told = json.loads(asked(place, "--json", "--gpu", "h100", "--gpus", "8", "--price", "2").rpartition("heavy:")[0])
    base = next(one for one in told["forecast"] if one["stage"] == "base")["training"]
    assert (told["site"]["key"], told["site"]["count"], told["site"]["price"]) == ("h100", 8, 2)
    assert base["demand"]["steps"] == 6
    assert base["demand"]["network"]["parameters"] == 39_584
    assert base["memory"]["peak"] > 16 * base["demand"]["network"]["parameters"]
    assert base["fits"]


def test_a_network_that_is_yet_to_be_made_has_sizes(place: Path) -> None:
    plan = make_plan(read_pipeline(place), place.parent / ".finery")
    began = time.process_time()
    found = {one.stage: one for one in forecast(plan).stages}
    assert time.process_time() - began < 1
    base, more = (found[name].training for name in ("base", "more"))
    assert base is not None and more is not None
    assert more.demand.network == base.demand.network
    assert found["read-tales"].amounts[0].records == 120


def test_runs_are_remembered_and_teach(place: Path) -> None:
    root = place.parent / ".finery"
    run = run_pipeline(read_pipeline(place), root)
    kept = json.loads((root / "runs" / f"{run}.json").read_text())["forecasts"]
    assert {"seconds", "peak_bytes", "flop", "steps"} <= set(kept["stages"]["base"])
    past = history(root).past(4)
    assert len(past) == 2 and all(one.step_seconds > 0 for one in past)
    later = forecast(make_plan(read_pipeline(place, ["base.steps=7"]), root))
    assert later.calibration is not None and later.calibration.runs == 2
    amounts = next(one for one in later.stages if one.stage == "base").amounts
    assert amounts[0].origin == "counted" and amounts[0].records == 120


def test_a_trace_and_a_probe_look_closer(place: Path) -> None:
    from click.testing import CliRunner

    from finery.cli.main import finery

    def told(*words: str) -> dict[str, Any]:
        """The stage `base` as a level has it, its options changed so that it has to run."""
        said = ["plan", str(place), "--set", "base.steps=9", "--json", *words]
        done = CliRunner().invoke(finery, said, catch_exceptions=False)
        stages = json.loads(done.output)["forecast"]
        return next(dict(stage) for stage in stages if stage["stage"] == "base")

    run_pipeline(read_pipeline(place), place.parent / ".finery")
    traced, probed = told("--trace")["training"], told("--probe")["training"]
    assert traced["trial"]["seconds"] is None
    assert traced["peak"] == traced["trial"]["peak_bytes"]
    assert traced["peak"] == pytest.approx(traced["memory"]["peak"], rel=0.15)
    assert probed["trial"]["steps"] == 3
    assert probed["cost"]["seconds"] >= 9 * probed["trial"]["seconds"]
