"""`openlineage`: a run and its stages as OpenLineage events, over HTTP or into a file."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from functools import cached_property
from typing import Annotated, Any
from uuid import NAMESPACE_URL, uuid5

from pydantic import Field, model_validator

from finery import Needs, Running, Stage, hookimpl, plugin
from finery_plugins.observe.courier import Courier, require
from finery_plugins.observe.figures import Figure, figures

PRODUCER = "https://pypi.org/project/finery/"
FATES = {"done": "COMPLETE", "failed": "FAIL", "interrupted": "ABORT"}
TRAINED = ("train", "evaluate")


@plugin(needs=Needs(extra="openlineage"))
class OpenLineage:
    """Tell a data catalogue (Marquez, DataHub, OpenMetadata and others) of a run: a job a stage, a dataset a source.

    Each stage is a job `pipeline.stage` with the run as its parent. Its inputs and outputs are the sources as they
    come and go, their content fingerprints as dataset versions, their records as row counts; a train stage's output is
    its model. The numbers of a stage are in the run facet `finery_metrics`: the last value of each by source, with its
    step.

    ```toml
    [[observer]]
    use = "openlineage"
    options = { url = "http://127.0.0.1:5000", namespace = "curation" }
    ```
    """

    url: Annotated[str, Field(pattern=r"^https?://")] | None = None
    """The server; its path is `api/v1/lineage`."""

    path: Annotated[str, Field(min_length=1)] | None = None
    """A file to append events to, a line each, in place of a server."""

    namespace: Annotated[str, Field(min_length=1)] = "finery"
    """The namespace of jobs and datasets."""

    patience_seconds: Annotated[float, Field(ge=0, le=600), Running] = 30
    """How long the end of a run waits for a server that does not answer."""

    @model_validator(mode="after")
    def one_place(self) -> OpenLineage:
        """Raise ValueError unless exactly one of `url` and `path` is given."""
        if (self.url is None) == (self.path is None):
            raise ValueError("give either url or path")
        return self

    @hookimpl
    def run_started(self, run: str, pipeline: Mapping[str, Any]) -> None:
        """START of the run. Raises MissingExtra without the library."""
        require("openlineage.client", "observer 'openlineage'", "openlineage")
        self.courier.send(("run", now(), (run, str(pipeline.get("name", "pipeline")))))

    @hookimpl
    def stage_started(self, stage: Stage) -> None:
        """START of a stage."""
        self.courier.send(("start", now(), stage))

    @hookimpl
    def metric(self, stage: Stage, name: str, value: float, step: int | None, source: str | None) -> None:
        """One number, told when its stage ends."""
        self.courier.send(("figure", now(), Figure(stage.id, name, value, source, step)))

    @hookimpl
    def stage_finished(self, stage: Stage, summary: Mapping[str, Any]) -> None:
        """COMPLETE of a stage, with what it read and left."""
        told = {key: summary.get(key) or {} for key in ("parts", "after", "sources", "metrics")}
        more = {"seconds": summary.get("seconds"), "fingerprint": summary.get("fingerprint")}
        self.courier.send(("finish", now(), (stage, {**told, **more})))

    @hookimpl
    def stage_failed(self, stage: Stage, error: BaseException) -> None:
        """FAIL of a stage, with its error."""
        self.courier.send(("fail", now(), (stage, f"{type(error).__name__}: {error}")))

    @hookimpl
    def run_finished(self, run: str, status: str, seconds: float) -> None:
        """COMPLETE, FAIL or ABORT of the run."""
        self.courier.send(("end", now(), FATES.get(status, "FAIL")))
        self.courier.close(self.patience_seconds)
        vars(self).pop("courier", None)

    @cached_property
    def courier(self) -> Courier:
        """The thread that sends."""
        return Courier("openlineage", Catalogue(self.transport, self.namespace).tell)

    @property
    def transport(self) -> dict[str, Any]:
        """The client's configuration: retries are the courier's."""
        if self.url:
            return {"type": "http", "url": self.url, "retry": {"total": 0, "allowed_methods": ["POST"]}}
        return {"type": "file", "log_file_path": self.path, "append": True}


class Catalogue:
    """The events of one run."""

    def __init__(self, transport: Mapping[str, Any], namespace: str) -> None:
        self.transport = dict(transport)
        self.namespace = namespace
        self.run = ""
        self.pipeline = ""
        self.numbers: dict[tuple[str, str, str | None], Figure] = {}
        self.sent = 0

    @cached_property
    def client(self) -> Any:
        """OpenLineage's client."""
        from openlineage.client import OpenLineageClient

        return OpenLineageClient(config={"transport": self.transport})

    def tell(self, events: Sequence[tuple[str, str, Any]]) -> None:
        """Send events one by one; those that went out before a failure are not sent again."""
        for event in events[self.sent :]:
            made = self.made(*event)
            if made is not None:
                self.client.emit(made)
            self.sent += 1
        self.sent = 0

    def made(self, kind: str, at: str, told: Any) -> Any:
        """An event as OpenLineage has it; None for a number, which waits for the end of its stage."""
        if kind == "figure":
            self.numbers[told.stage, told.name, told.source] = told
            return None
        if kind == "run":
            self.run, self.pipeline = told
        if kind in ("run", "end"):
            return self.event("START" if kind == "run" else told, at, None, {})
        if kind == "start":
            return self.event("START", at, told, {})
        stage, rest = told
        if kind == "fail":
            return self.event("FAIL", at, stage, failure(rest))
        for figure in figures(stage.id, rest):
            self.numbers[figure.stage, figure.name, figure.source] = figure
        return self.event("COMPLETE", at, stage, self.metrics(stage.id), *self.datasets(stage, rest))

    def event(
        self, state: str, at: str, stage: Stage | None, facets: dict[str, Any], inputs: Any = (), outputs: Any = ()
    ) -> Any:
        """One event of the run, or of a stage with the run as its parent."""
        from openlineage.client.event_v2 import Job, Run, RunEvent, RunState
        from openlineage.client.facet_v2 import job_type_job, parent_run

        name = f"{self.pipeline}.{stage.id}" if stage else self.pipeline
        if stage:
            over = parent_run.Run(runId=self.uuid("")), parent_run.Job(self.namespace, self.pipeline)
            facets = {"parent": parent_run.ParentRunFacet(*over, producer=PRODUCER), **facets}
        kind = stage.hook.upper() if stage else "PIPELINE"
        about = {"jobType": job_type_job.JobTypeJobFacet("BATCH", "FINERY", kind, producer=PRODUCER)}
        return RunEvent(
            eventTime=at, producer=PRODUCER, eventType=RunState[state], inputs=list(inputs), outputs=list(outputs),
            run=Run(runId=self.uuid(stage.id if stage else ""), facets=facets),
            job=Job(self.namespace, name, facets=about),
        )  # fmt: skip

    def uuid(self, stage: str) -> str:
        """The id of the run, or of a stage in it: the same whenever it is asked for."""
        return str(uuid5(NAMESPACE_URL, f"finery:{self.namespace}/{self.pipeline}/{self.run}/{stage}"))

    def metrics(self, stage: str) -> dict[str, Any]:
        """The run facet `finery_metrics`."""
        found = [figure for figure in self.numbers.values() if figure.stage == stage]
        rows = [{"name": f.name, "source": f.source, "step": f.step, "value": jsonable(f.value)} for f in found]
        return {"finery_metrics": facet(rows)} if rows else {}

    def datasets(self, stage: Stage, summary: Mapping[str, Any]) -> tuple[list[Any], list[Any]]:
        """What a stage read and what it left."""
        from openlineage.client.event_v2 import InputDataset, OutputDataset

        marks = summary["parts"].get("inputs", {})
        reads = [] if stage.hook == "read" else list(self.marked(InputDataset, marks))
        if stage.hook in TRAINED:
            name = {f"{stage.id}": str(summary["fingerprint"])}
            return reads, list(self.marked(OutputDataset, name))
        return reads, [self.counted(made, summary) for made in self.marked(OutputDataset, summary["after"])]

    def marked(self, kind: Any, marks: Mapping[str, str]) -> Iterator[Any]:
        """A dataset a source, its fingerprint as version."""
        from openlineage.client.facet_v2 import dataset_version_dataset

        for source, mark in marks.items():
            facets = {"version": dataset_version_dataset.DatasetVersionDatasetFacet(mark, producer=PRODUCER)}
            yield kind(namespace=self.namespace, name=f"{self.pipeline}.{source}", facets=facets)

    def counted(self, dataset: Any, summary: Mapping[str, Any]) -> Any:
        """An output with its records: those that were kept and those that were born."""
        from openlineage.client.facet_v2 import output_statistics_output_dataset as statistics

        counts = summary["sources"].get(dataset.name.removeprefix(f"{self.pipeline}."), {})
        rows = int(counts.get("kept", 0)) + int(counts.get("born", 0))
        facet = statistics.OutputStatisticsOutputDatasetFacet(rowCount=rows, producer=PRODUCER)
        dataset.outputFacets = {"outputStatistics": facet}
        return dataset


def failure(message: str) -> dict[str, Any]:
    """The run facet of an error."""
    from openlineage.client.facet_v2 import error_message_run

    return {"errorMessage": error_message_run.ErrorMessageRunFacet(message, "PYTHON", producer=PRODUCER)}


def facet(rows: list[dict[str, Any]]) -> Any:
    """Rows as a run facet of our own."""
    import attr
    from openlineage.client.facet_v2 import RunFacet

    made = attr.make_class("FineryMetrics", {"metrics": attr.ib()}, bases=(RunFacet,), kw_only=True)
    return made(metrics=rows, producer=PRODUCER)


def jsonable(value: float) -> float | str:
    """A number; as text where JSON has none for it."""
    return value if math.isfinite(value) else str(value)


def now() -> str:
    """The time as events have it."""
    return datetime.now(UTC).isoformat()
