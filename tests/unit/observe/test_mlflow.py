"""The observer `mlflow`, read back from MLflow's own store."""

from __future__ import annotations

import math
import warnings
from pathlib import Path
from typing import Any

import pytest
from trackers import KEPT, nobody, run

from finery import Stage
from finery.kernel import relay
from finery_plugins.observe.mlflow import LONGEST_NAME, MlFlow, tidy

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning", "ignore::UserWarning")
with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    mlflow = pytest.importorskip("mlflow")

TARGET = "finery_plugins.observe.mlflow:MlFlow"


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """The URI of a store in files, which the small client can serve without a database."""
    monkeypatch.setenv("MLFLOW_ALLOW_FILE_STORE", "true")
    monkeypatch.setenv("MLFLOW_DISABLE_TELEMETRY", "true")
    return (tmp_path / "mlruns").as_uri()


def told(store: str, experiment: str) -> Any:
    """The client and the one run of an experiment."""
    client = mlflow.MlflowClient(tracking_uri=store)
    (found,) = client.search_runs([client.get_experiment_by_name(experiment).experiment_id])
    return client, found


def test_a_pipeline_leaves_parameters_counts_by_source_and_the_fingerprint(tmp_path: Path, store: str) -> None:
    made = run(tmp_path, TARGET, f'{{ uri = "{store}" }}')
    _, found = told(store, "small")
    assert found.info.run_name == made
    assert found.info.status == "FINISHED"
    assert found.data.params["stage.long.min_words"] == "2"
    assert {source: found.data.metrics[f"long/records/kept/{source}"] for source in KEPT} == KEPT
    artifact = next(path.name for path in (tmp_path / ".finery/artifacts").iterdir() if list(path.glob("decisions*")))
    assert found.data.tags["artifact.long"] == artifact


def test_metrics_keep_their_steps_and_a_nan_stays_one(store: str) -> None:
    hear = relay([MlFlow(uri=store, experiment="e")])
    hear.run_started(run="r", pipeline={"name": "p"})
    stage = Stage("toy", "train", "sft", 0)
    for step, value in ((1, 2.0), (2, 1.0), (3, math.nan)):
        hear.metric(stage=stage, name="loss", value=value, step=step, source="a")
    hear.stage_failed(stage=stage, error=ValueError("no"))
    hear.run_finished(run="r", status="failed", seconds=1.0)
    client, found = told(store, "e")
    history = [(one.step, one.value) for one in client.get_metric_history(found.info.run_id, "toy/loss/a")]
    assert history[:2] == [(1, 2.0), (2, 1.0)]
    assert math.isnan(history[2][1])
    assert (found.info.status, found.data.tags["error.toy"]) == ("FAILED", "ValueError: no")


def test_more_parameters_than_a_request_takes_all_arrive(store: str) -> None:
    hear = relay([MlFlow(uri=store, experiment="e")])
    hear.run_started(run="r", pipeline={f"p{number}": number for number in range(250)})
    hear.run_finished(run="r", status="interrupted", seconds=1.0)
    _, found = told(store, "e")
    assert len(found.data.params) == 250
    assert found.info.status == "KILLED"


def test_a_server_that_is_down_does_not_fail_the_run_and_is_told_of_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    monkeypatch.setenv("MLFLOW_DISABLE_TELEMETRY", "true")
    made = run(tmp_path, TARGET, f'{{ uri = "{nobody()}", patience_seconds = 1 }}')
    lines = capsys.readouterr().err.splitlines()
    assert made
    assert len([line for line in lines if "mlflow: does not take events" in line]) == 1
    assert len([line for line in lines if "mlflow: gave up" in line]) == 1


def test_names_are_such_as_mlflow_takes() -> None:
    assert tidy("toy/loss/日 本: x") == "toy/loss/_ __ x"
    assert len(tidy("x" * 400)) == LONGEST_NAME
