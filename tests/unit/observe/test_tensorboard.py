"""The observer `tensorboard`, read back by TensorBoard itself."""

from __future__ import annotations

from pathlib import Path

import pytest
from trackers import KEPT, run

from finery import Stage
from finery.kernel import relay
from finery_plugins.observe.tensorboard import TensorBoard

accumulator = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator")

TARGET = "finery_plugins.observe.tensorboard:TensorBoard"


def scalars(folder: Path) -> dict[str, list[tuple[int, float]]]:
    """Every curve of a run's folder: steps and values."""
    found = accumulator.EventAccumulator(str(folder))
    found.Reload()
    return {tag: [(one.step, one.value) for one in found.Scalars(tag)] for tag in found.Tags()["scalars"]}


def texts(folder: Path) -> dict[str, str]:
    """Every text of a run's folder."""
    found = accumulator.EventAccumulator(str(folder))
    found.Reload()
    values = {tag: found.Tensors(tag)[0].tensor_proto.string_val for tag in found.Tags()["tensors"]}
    return {tag: value[0].decode() for tag, value in values.items() if value}


def test_a_pipeline_leaves_counts_by_source_and_the_fingerprint(tmp_path: Path) -> None:
    made = run(tmp_path, TARGET, f'{{ path = "{tmp_path / "board"}" }}')
    folder = tmp_path / "board" / made
    assert {source: scalars(folder / source)["long/records/kept"] for source in KEPT} == {
        source: [(0, float(count))] for source, count in KEPT.items()
    }
    artifact = next(path.name for path in (tmp_path / ".finery/artifacts").iterdir() if list(path.glob("decisions*")))
    assert texts(folder)["long/artifact"] == f"{artifact} (made)"
    assert texts(folder)["run/status"].startswith("done after ")


def test_metrics_have_their_steps_and_sources_share_a_tag(tmp_path: Path) -> None:
    hear = relay([TensorBoard(path=str(tmp_path))])
    hear.run_started(run="r", pipeline={"name": "p", "seed": 1})
    for step in (1, 2, 3):
        hear.metric(stage=Stage("toy", "train", "sft", 0), name="loss", value=1 / step, step=step, source=None)
        hear.metric(stage=Stage("toy", "train", "sft", 0), name="loss", value=2 / step, step=step, source="a b")
    hear.run_finished(run="r", status="done", seconds=1.0)
    assert scalars(tmp_path / "r")["toy/loss"] == [(step, pytest.approx(1 / step)) for step in (1, 2, 3)]
    assert scalars(tmp_path / "r" / "a_b")["toy/loss"] == [(step, pytest.approx(2 / step)) for step in (1, 2, 3)]


def test_a_folder_that_cannot_be_written_does_not_fail_the_run(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "board").write_text("a file stands where the folder should")
    run(tmp_path, TARGET, f'{{ path = "{tmp_path / "board"}", patience_seconds = 0.2 }}')
    told = capsys.readouterr().err.splitlines()
    assert len([line for line in told if "does not take events" in line]) == 1
    assert "tensorboard: gave up" in told[-1]
