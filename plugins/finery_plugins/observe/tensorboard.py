"""`tensorboard`: a run's numbers as TensorBoard event files, each source a curve of the same chart."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Annotated, Any

from pydantic import Field

from finery import Needs, Running, Stage, hookimpl, plugin
from finery_plugins.observe.courier import Courier, require
from finery_plugins.observe.figures import Figure, figures, parameters


@plugin(needs=Needs(extra="tensorboard"))
class TensorBoard:
    """Write a run for TensorBoard: metrics by stage, source and step, record counts, parameters and fingerprints.

    A run is the folder `path/RUN`, each source one below it, so that their curves share a chart. Needs no TensorFlow.

    ```toml
    [[observer]]
    use = "tensorboard"
    options = { path = "board" }
    ```
    """

    path: str = "board"
    """The folder for `tensorboard --logdir`, from where Finery is called."""

    patience_seconds: Annotated[float, Field(ge=0, le=600), Running] = 30
    """How long the end of a run waits for files that cannot be written."""

    @hookimpl
    def run_started(self, run: str, pipeline: Mapping[str, Any]) -> None:
        """The run's folder, its pipeline as text and its parameters. Raises MissingExtra without the library."""
        require("tensorboard", "observer 'tensorboard'", "tensorboard")
        self.courier.send(("run", time.time(), (run, dict(pipeline))))

    @hookimpl
    def metric(self, stage: Stage, name: str, value: float, step: int | None, source: str | None) -> None:
        """One number."""
        self.courier.send(("figure", time.time(), Figure(stage.id, name, value, source, step)))

    @hookimpl
    def stage_finished(self, stage: Stage, summary: Mapping[str, Any]) -> None:
        """The stage's counts, and its artifact's fingerprint as text."""
        for figure in figures(stage.id, summary):
            self.courier.send(("figure", time.time(), figure))
        done = "reused" if summary.get("reused") else "made"
        self.courier.send(("text", time.time(), (f"{stage.id}/artifact", f"{summary.get('fingerprint')} ({done})")))

    @hookimpl
    def stage_failed(self, stage: Stage, error: BaseException) -> None:
        """Why the stage stopped, as text."""
        self.courier.send(("text", time.time(), (f"{stage.id}/error", f"{type(error).__name__}: {error}")))

    @hookimpl
    def run_finished(self, run: str, status: str, seconds: float) -> None:
        """How it ended; everything is on disk afterwards."""
        self.courier.send(("text", time.time(), ("run/status", f"{status} after {seconds:g} s")))
        self.courier.send(("close", time.time(), None))
        self.courier.close(self.patience_seconds)
        vars(self).pop("courier", None)

    @cached_property
    def courier(self) -> Courier:
        """The thread that writes."""
        return Courier("tensorboard", Board(Path(self.path)).write)


class Board:
    """The event files of one run: one for what is of all sources, and one for each."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.files: dict[str, Any] = {}

    def write(self, events: Sequence[tuple[str, float, Any]]) -> None:
        """Write events, and wait until they are on disk."""
        for kind, at, told in events:
            if kind == "run":
                self.begin(at, *told)
            elif kind == "figure":
                self.figure(at, told)
            elif kind == "text":
                self.add("", at, 0, text(*told))
        for file in self.files.values():
            file.flush()
        if events[-1][0] == "close":
            for file in self.files.values():
                file.close()

    def begin(self, at: float, run: str, pipeline: Mapping[str, Any]) -> None:
        """The run's folder, with what it is a run of."""
        from tensorboard.plugins.hparams.summary_v2 import hparams_pb

        if not self.files:
            self.folder = self.folder / run
        shown = json.dumps(pipeline, indent=2, default=str, ensure_ascii=False)
        self.add("", at, 0, text("run/pipeline", f"```\n{shown}\n```"))
        self.add("", at, 0, hparams_pb(parameters(pipeline), start_time_secs=at))

    def figure(self, at: float, figure: Figure) -> None:
        """A number: `stage/name` in the file of its source."""
        from tensorboard.compat.proto.summary_pb2 import Summary

        value = Summary.Value(tag=f"{figure.stage}/{figure.name}", simple_value=figure.value)
        self.add(figure.source or "", at, figure.step or 0, Summary(value=[value]))

    def add(self, source: str, at: float, step: int, summary: Any) -> None:
        """An event in the file of a source, which is begun with its first one."""
        from tensorboard.compat.proto.event_pb2 import Event
        from tensorboard.summary.writer.event_file_writer import EventFileWriter

        if source not in self.files:
            place = self.folder / re.sub(r"[^\w.-]", "_", source) if source else self.folder
            place.mkdir(parents=True, exist_ok=True)
            self.files[source] = EventFileWriter(str(place))
        self.files[source].add_event(Event(wall_time=at, step=step, summary=summary))


def text(tag: str, shown: str) -> Any:
    """A text as a summary: a tensor of one string, for the plugin `text`."""
    from tensorboard.compat.proto.summary_pb2 import Summary, SummaryMetadata
    from tensorboard.compat.proto.tensor_pb2 import TensorProto

    metadata = SummaryMetadata(plugin_data=SummaryMetadata.PluginData(plugin_name="text"))
    tensor = TensorProto(dtype="DT_STRING", string_val=[shown.encode("utf-8", "replace")])
    return Summary(value=[Summary.Value(tag=tag, metadata=metadata, tensor=tensor)])
