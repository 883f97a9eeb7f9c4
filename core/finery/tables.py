"""The tables of a pipeline file and their keys, as pydantic models: what is checked is what is documented."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

ADDRESS = r"^(local|auto|(ray://)?([\w.-]+|\[[\da-fA-F:]+\]):\d+)$"
"""What a cluster is reached by."""


class Table(BaseModel):
    """A TOML table in which every unknown key is a fault."""

    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)


class SourceTable(Table):
    """Where records come from: one of `path`, `dataset` or `query`."""

    name: Annotated[str, Field(min_length=1, pattern=r"^[\w.-]+$")]
    """What stages, mixes and reports call it."""
    path: str | tuple[str, ...] | None = None
    """Files, with `*` and `**`, relative to the pipeline file, or URLs that fsspec knows."""
    dataset: str | None = None
    """A data set of the `datasets` library: a hub name or a local folder."""
    query: str | None = None
    """Anything DuckDB reads: `select * from 'data/*.parquet' where year > 2020`."""
    kind: (
        Literal["jsonl", "json", "csv", "tsv", "parquet", "text", "lines", "blocks", "markdown", "warc", "wet", "html"]
        | None
    ) = None
    """How to read the files; by default their suffix decides."""
    shape: Literal["text", "alpaca", "ranked", "preference", "messages", "classification"] | None = None
    """What the records are; by default their fields decide."""
    columns: dict[str, str] = {}
    """Our field names and theirs: `{ text = "body" }`."""
    split: str | None = None
    """Which split of a `dataset`."""
    revision: str | None = None
    """Which revision of a `dataset` on the hub."""
    config: str | None = None
    """Which configuration of a `dataset`."""
    max_bad: Annotated[float, Field(ge=0, le=1)] = 0.01
    """The share of rows that may be unreadable before the run fails."""


class RunTable(Table):
    """How the work is done; nothing here changes a byte of what comes out."""

    executor: Literal["local", "ray"] = "local"
    """Where it is done: on this machine, or on a Ray cluster."""
    workers: Annotated[int, Field(ge=1)] | None = None
    """How many at a time; by default all cores."""
    address: Annotated[str, Field(pattern=ADDRESS)] | None = None
    """The Ray cluster: `host:port`, `ray://host:port`, `auto` for the one that this machine is part of, or `local`.

    `local`, as by default, is one of this run's own on this machine: no other is ever joined unasked.
    """
    store: str | None = None
    """Where finished shards and artifacts are kept too: a folder or an address such as `s3://bucket/prefix`.

    For machines that share no disk: each has a copy of what it worked on, and fetches what it lacks. Another machine
    that runs the pipeline with the same store goes on with what is finished.
    """
    memory_gb: Annotated[float, Field(gt=0)] = 4
    """What grouping and mixing may hold in memory before they spill to disk."""


class ObserverTable(Table):
    """An observer that listens to the run."""

    use: str
    """Its entry-point name, or `module:Class`."""
    options: dict[str, Any] = {}
    """Its options."""


class CardTable(Table):
    """One kind of accelerator that the planner's own table lacks, or knows otherwise."""

    half: Annotated[float, Field(gt=0)]
    """TFLOP/s of dense products in 16 bits."""
    single: Annotated[float, Field(gt=0)]
    """TFLOP/s of products in 32 bits."""
    gigabytes: Annotated[float, Field(gt=0)]
    """Memory, in 10^9 bytes."""
    watts: Annotated[float, Field(ge=0)] = 0
    """What it draws under load."""
    price: Annotated[float, Field(ge=0)] = 0
    """What it costs an hour, in dollars."""


class PlanTable(Table):
    """What `finery plan` reckons with; nothing here changes a run."""

    gpu: str | None = None
    """The kind of accelerator: `h100`, `a100`, `l4`, ..., one of `cards`, or `cpu`; this machine's where not given."""
    gpus: Annotated[int, Field(ge=1)] | None = None
    """How many of them; the workers of a stage where not given."""
    price: Annotated[float, Field(ge=0)] | None = None
    """What one of them costs an hour, in dollars."""
    utilisation: Annotated[float, Field(gt=0, le=1)] | None = None
    """The share of the peak rate that is reached; a band of 0.25 to 0.5 where not given."""
    silence: tuple[str, ...] = ()
    """Names of advice that is not wanted, as the plan shows them."""
    cards: dict[str, CardTable] = {}
    """More kinds of accelerators, by name: `[plan.cards.mine]`."""


class NeedsTable(Table):
    """What a stage holds while it works."""

    cpus: Annotated[float, Field(ge=0)] | None = None
    """CPU threads of one worker, where the plugin's own word should not stand."""
    gpus: Annotated[float, Field(ge=0)] | None = None
    """GPUs of one worker, where the plugin's own word should not stand."""
    workers: Annotated[int, Field(ge=1, le=4096)] | None = None
    """Train: how many workers train the model together; one where not given."""


class StageWords(Table):
    """The kernel's own words in a stage; everything else in it is an option of the plugin."""

    id: Annotated[str, Field(pattern=r"^[\w.-]+$")] | None = None
    """A name for the stage; by default the plugin's, numbered where it repeats."""
    only: Annotated[tuple[str, ...], Field(min_length=1)] | None = None
    """The sources that the stage sees; the others pass untouched."""
    prefer: str | None = None
    """Dedupe: the column whose largest value survives; `-column` for the smallest."""
    earlier: str | tuple[str, ...] | None = None
    """Dedupe: indexes of earlier runs, whose records survive: work folders, artifact folders, runs, `run/stage`."""
    keep_index: bool | None = None
    """Dedupe: whether the stage keeps an index that a later run can name as `earlier`."""
    model: str | None = None
    """Train, evaluate: an earlier stage's id, a folder or a hub name; by default the last trained."""
    needs: NeedsTable = NeedsTable()
    """How many workers, and what each holds: `{ workers = 2, cpus = 4 }`."""
    on_error: Literal["record", "stop"] = "record"
    """What a record that makes the plugin raise costs: itself, or the run."""
    max_bad: Annotated[float, Field(ge=0, le=1)] = 0.01
    """The share of records that may raise before the run fails."""
