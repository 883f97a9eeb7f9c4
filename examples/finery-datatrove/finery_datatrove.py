"""datatrove's filters and formatters as Finery plugins: their decisions, in Finery's lineage."""

from __future__ import annotations

import functools
import importlib
import inspect
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Annotated, Any

import pyarrow as pa
from pydantic import Field

from finery import Batch, PipelineError, Reasons, Stage, did_you_mean, hookimpl, plugin

FILTERS = "datatrove.pipeline.filters"
FORMATTERS = "datatrove.pipeline.formatters"

StepName = Annotated[str, Field(pattern=r"^[A-Za-z_][\w.]*(:[A-Za-z_]\w*)?$")]
"""A class of datatrove, or `module:Class` of one's own that is made like it."""

Options = dict[str, Any]


@plugin(batch=1024)
class DatatroveFilter:
    """Drop what a filter step of datatrove would drop, for its reason.

    ```toml
    [[stage]]
    filter = "datatrove"
    step = "GopherQualityFilter"
    options = { min_doc_words = 30 }
    ```
    """

    step: StepName
    """The filter, such as `GopherQualityFilter` or `FineWebQualityFilter`; or `module:Class`."""

    options: Options = Field(default_factory=dict)
    """What the filter is made with, by the names of its own arguments."""

    @hookimpl
    def filter(self, batch: Batch, stage: Stage) -> Reasons:
        """Datatrove's reason as a short word; its own spelling is the detail."""
        step = made(FILTERS, self.step, json.dumps(self.options, sort_keys=True), where(stage))
        verdicts = [verdict for part in parts(documents(batch), step) for verdict in step.filter_batch(part)]
        own = [None if kept else reason or "dropped" for kept, reason in map(plain, verdicts)]
        codes = pa.array([None if reason is None else code(reason) for reason in own], pa.string())
        return Reasons(codes, detail=pa.array(own, pa.string()))


@plugin(batch=1024)
class DatatroveFormat:
    """Rewrite texts as a formatter of datatrove does, or as a filter does that rewrites what it keeps.

    `C4QualityFilter` takes lines out of the pages that it keeps: as a filter it decides, as a format it rewrites.

    ```toml
    [[stage]]
    format = "datatrove"
    step = "FTFYFormatter"
    options = { uncurl_quotes = true }
    ```
    """

    step: StepName
    """The formatter, such as `FTFYFormatter`, or a filter that rewrites; or `module:Class`."""

    options: Options = Field(default_factory=dict)
    """What it is made with, by the names of its own arguments."""

    @hookimpl
    def format(self, batch: Batch, stage: Stage) -> Batch:
        """The same records with their text rewritten."""
        arguments = json.dumps(self.options, sort_keys=True)
        if hasattr(found(self.step, (FORMATTERS, FILTERS), where(stage)), "filter"):
            step = made(FILTERS, self.step, arguments, where(stage))
            changed = documents(batch)
            for part in parts(changed, step):
                step.filter_batch(part)
            after = [document.text for document in changed]
        else:
            step = made(FORMATTERS, self.step, arguments, where(stage))
            after = [step.format(document.text) for document in documents(batch)]
        before = batch["text"].to_pylist()
        kept = [text if text is None else new for text, new in zip(before, after, strict=True)]
        place = batch.column_names.index("text")
        return batch.set_column(place, batch.schema.field("text"), pa.array(kept, batch.schema.field("text").type))


@plugin(batch=1024)
class DatatroveScore:
    """Keep what a step of datatrove writes into a document's metadata as columns, and drop nothing.

    ```toml
    [[stage]]
    score = "datatrove"
    step = "LanguageFilter"
    options = { keep_top_pairs_threshold = 0.1 }
    columns = { language_score = "float", language = "text" }
    ```
    """

    step: StepName
    """The filter that writes the metadata; or `module:Class`."""

    columns: dict[str, Annotated[str, Field(pattern="^(float|integer|boolean|text)$")]]
    """The metadata to keep, each with its type; null where the step left none. A name that the records have already
    gets `datatrove_` before it."""

    options: Options = Field(default_factory=dict)
    """What the step is made with, by the names of its own arguments."""

    @hookimpl
    def score(self, batch: Batch, stage: Stage) -> dict[str, pa.Array]:
        """The columns."""
        step = made(FILTERS, self.step, json.dumps(self.options, sort_keys=True), where(stage))
        seen = documents(batch)
        for part in parts(seen, step):
            step.filter_batch(part)
        kinds = {"float": pa.float64(), "integer": pa.int64(), "boolean": pa.bool_(), "text": pa.large_string()}
        return {
            f"datatrove_{name}" if name in batch.column_names else name: pa.array(
                [document.metadata.get(name) for document in seen], kinds[kind]
            )
            for name, kind in self.columns.items()
        }


def where(stage: Stage) -> str:
    """How errors name the stage."""
    return f"{stage.hook} '{stage.id}'"


@functools.cache
def made(home: str, name: str, arguments: str, place: str) -> Any:
    """A step of datatrove, made once a worker. Raises PipelineError for arguments that it does not take."""
    cls = found(name, (home, FILTERS if home == FORMATTERS else FORMATTERS), place)
    options: Mapping[str, Any] = json.loads(arguments)
    known = [key for key in inspect.signature(cls).parameters if key not in ("exclusion_writer", "batch_size")]
    for option in options:
        if option not in known:
            fault = f"{name} takes no '{option}'{did_you_mean(option, known)}"
            raise PipelineError.at(place, fault, f"it takes {', '.join(known)}")
    return cls(**options)


def found(name: str, homes: Sequence[str], place: str) -> Any:
    """A class by its name in datatrove, or by `module:Class`. Raises PipelineError where there is none."""
    module, _, own = name.rpartition(":")
    if module:
        return getattr(importlib.import_module(module), own)
    known = {key: value for home in reversed(homes) for key, value in vars(importlib.import_module(home)).items()}
    steps = {key: value for key, value in known.items() if inspect.isclass(value)}
    if name not in steps:
        raise PipelineError.at(place, f"datatrove has no '{name}'{did_you_mean(name, steps)}", ", ".join(sorted(steps)))
    return steps[name]


def documents(batch: Batch) -> list[Any]:
    """The records as datatrove's documents, an empty text for a null; other columns are their metadata."""
    from datatrove.data import Document

    texts = batch["text"].to_pylist()
    ids = [str(record) for record in batch["id"].to_pylist()]
    rows = batch.drop_columns(["id", "text"]).to_pylist()
    return [Document(text=text or "", id=own, metadata=row) for text, own, row in zip(texts, ids, rows, strict=True)]


def parts(records: list[Any], step: Any) -> Iterator[list[Any]]:
    """Documents, as many at a time as the step asks for."""
    for start in range(0, len(records), step.batch_size):
        yield records[start : start + step.batch_size]


def plain(verdict: Any) -> tuple[bool, str | None]:
    """Whether a document stays, and the reason where it goes."""
    return (bool(verdict[0]), verdict[1]) if isinstance(verdict, tuple) else (bool(verdict), None)


def code(reason: str) -> str:
    """A reason as a short word: `gopher_short_doc` is `gopher-short-doc`."""
    return re.sub(r"[^a-z0-9]+", "-", reason.lower()).strip("-")[:40].strip("-") or "dropped"
