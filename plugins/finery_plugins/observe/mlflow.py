"""`mlflow`: a run's parameters, numbers and fingerprints on an MLflow tracking server or in its store."""

from __future__ import annotations

import os
import re
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cached_property, partial
from typing import Annotated, Any

from pydantic import Field

from finery import Needs, Running, Stage, hookimpl, plugin
from finery_plugins.observe.courier import Courier, require
from finery_plugins.observe.figures import Figure, figures, parameters

FATES = {"done": "FINISHED", "failed": "FAILED", "interrupted": "KILLED"}
LONGEST_NAME = 250
LONGEST_VALUE = 6000
"""MLflow's own limits, in characters."""
PARAMETERS = 100
"""Parameters a request at most, also MLflow's."""


@plugin(needs=Needs(extra="mlflow"))
class MlFlow:
    """Tell MLflow of a run: its parameters, metrics by stage, source and step, record counts, artifacts' fingerprints.

    MLflow's own telemetry is switched off unless `MLFLOW_DISABLE_TELEMETRY` says otherwise. Credentials come from
    MLflow's own variables, such as `MLFLOW_TRACKING_TOKEN`.

    ```toml
    [[observer]]
    use = "mlflow"
    options = { uri = "http://127.0.0.1:5000", experiment = "support-model" }
    ```
    """

    uri: Annotated[str, Field(min_length=1)]
    """The tracking server, `http://...`; or a store such as `sqlite:///mlflow.db`, which needs all of `mlflow`."""

    experiment: Annotated[str, Field(min_length=1)] | None = None
    """The experiment, made where it is not there; by default the pipeline's name."""

    patience_seconds: Annotated[float, Field(ge=0, le=600), Running] = 30
    """How long the end of a run waits for a server that does not answer."""

    @hookimpl
    def run_started(self, run: str, pipeline: Mapping[str, Any]) -> None:
        """The run and its parameters. Raises MissingExtra without the library."""
        require("mlflow", "observer 'mlflow'", "mlflow")
        self.courier.send(("run", now(), (run, dict(pipeline))))

    @hookimpl
    def metric(self, stage: Stage, name: str, value: float, step: int | None, source: str | None) -> None:
        """One number."""
        self.courier.send(("figure", now(), Figure(stage.id, name, value, source, step)))

    @hookimpl
    def stage_finished(self, stage: Stage, summary: Mapping[str, Any]) -> None:
        """The stage's counts as metrics, its artifact's fingerprint as a tag."""
        for figure in figures(stage.id, summary):
            self.courier.send(("figure", now(), figure))
        self.courier.send(("tag", now(), (f"artifact.{stage.id}", str(summary.get("fingerprint")))))
        self.courier.send(("tag", now(), (f"reused.{stage.id}", str(bool(summary.get("reused"))).lower())))

    @hookimpl
    def stage_failed(self, stage: Stage, error: BaseException) -> None:
        """Why the stage stopped, as a tag."""
        self.courier.send(("tag", now(), (f"error.{stage.id}", f"{type(error).__name__}: {error}")))

    @hookimpl
    def run_finished(self, run: str, status: str, seconds: float) -> None:
        """How it ended."""
        self.courier.send(("figure", now(), Figure("run", "seconds", seconds)))
        self.courier.send(("end", now(), FATES.get(status, "FAILED")))
        self.courier.close(self.patience_seconds)
        vars(self).pop("courier", None)

    @cached_property
    def courier(self) -> Courier:
        """The thread that talks to the server."""
        return Courier("mlflow", Tracker(self.uri, self.experiment).tell)


class Tracker:
    """One run on a server. After a request that failed, those before it are not made again."""

    def __init__(self, uri: str, experiment: str | None) -> None:
        self.uri = uri
        self.experiment = experiment
        self.run: str | None = None
        self.made = 0

    @cached_property
    def client(self) -> Any:
        """MLflow's client, imported now: that takes seconds."""
        os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
        # Standard output is the report's, which may be JSON.
        os.environ.setdefault("MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT", "true")
        from mlflow import MlflowClient

        return MlflowClient(tracking_uri=self.uri)

    def tell(self, events: Sequence[tuple[str, int, Any]]) -> None:
        """All numbers in one request, the run's begin before it, tags and the run's end behind."""
        requests = list(self.requests(events))
        for request in requests[self.made :]:
            request()
            self.made += 1
        self.made = 0

    def requests(self, events: Sequence[tuple[str, int, Any]]) -> Iterator[Callable[[], Any]]:
        """What to ask of the server, in order; the same for the same events."""
        from mlflow.entities import Metric, RunTag

        figures = [(at, told) for kind, at, told in events if kind == "figure"]
        metrics = [Metric(tidy(label(figure)), figure.value, at, figure.step or 0) for at, figure in figures]
        tags = [RunTag(tidy(told[0]), told[1][:LONGEST_VALUE]) for kind, _, told in events if kind == "tag"]
        yield from (partial(self.begin, at, *told) for kind, at, told in events if kind == "run")
        if metrics:
            yield lambda: self.client.log_batch(self.run, metrics=metrics)
        yield from (partial(self.tag, part) for part in parts(tags))
        yield from (partial(self.end, told, at) for kind, at, told in events if kind == "end")

    def tag(self, tags: list[Any]) -> None:
        """Put tags on the run."""
        self.client.log_batch(self.run, tags=tags)

    def end(self, status: str, at: int) -> None:
        """End the run."""
        self.client.set_terminated(self.run, status, at)

    def begin(self, at: int, run: str, pipeline: Mapping[str, Any]) -> None:
        """The run, found again where an attempt before this one made it, and its parameters."""
        from mlflow.entities import Param

        name = self.experiment or str(pipeline.get("name", "finery"))
        found = self.client.get_experiment_by_name(name)
        place = found.experiment_id if found else self.client.create_experiment(name)
        same = self.client.search_runs([place], f"tags.`finery.run` = '{run}'", max_results=1)
        made = same[0] if same else self.client.create_run(place, at, {"finery.run": run}, run_name=run)
        told = [Param(tidy(key), value[:LONGEST_VALUE]) for key, value in parameters(pipeline).items()]
        for part in parts(told):
            self.client.log_batch(made.info.run_id, params=part)
        self.run = made.info.run_id


def parts(values: list[Any]) -> Iterator[list[Any]]:
    """Values in requests of MLflow's size."""
    for start in range(0, len(values), PARAMETERS):
        yield values[start : start + PARAMETERS]


def label(figure: Figure) -> str:
    """`stage/name`, or `stage/name/source`."""
    return "/".join(filter(None, (figure.stage, figure.name, figure.source)))


def tidy(name: str) -> str:
    """A name of characters that MLflow takes."""
    return re.sub(r"[^\w\-./ ]", "_", name, flags=re.A)[:LONGEST_NAME]


def now() -> int:
    """Milliseconds since 1970, as MLflow counts."""
    return int(time.time() * 1000)
