"""The values that pass between the kernel and a plugin."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Protocol, TypeAlias

if TYPE_CHECKING:
    import pyarrow as pa

    from finery.errors import Fault
    from finery.propose.change import Change

    Batch: TypeAlias = pa.Table
    """Records of one source: `id` (UUID), `source` (dictionary), the columns of its shape; text as `large_string`."""

State: TypeAlias = Any
"""What `prepare` found out: any value that JSON can carry, or a `pyarrow.Table`."""


@dataclass(frozen=True)
class FileMark:
    """What makes an option a path."""

    hub: bool = False
    """Whether it may be a hub's name as well."""


File: TypeAlias = Annotated[str, FileMark()]
"""An option that names a file or folder: relative to the pipeline's folder, and what it holds is what counts."""

HubFile: TypeAlias = Annotated[str, FileMark(hub=True)]
"""An option that names a folder or file, or something on a hub where there is none of that name."""


@dataclass(frozen=True)
class ModelMark:
    """What makes an option a model."""


ModelName: TypeAlias = Annotated[str, ModelMark()]
"""An option that names a model as the word `model` does: an earlier train stage's id, a folder, or a hub's name.

Or `base`: the model that the stage's own was trained from, in this pipeline. The plugin finds the model's folder in it,
or the hub's name; what the model holds is what counts.
"""


@dataclass(frozen=True)
class EvaluationMark:
    """What makes an option an evaluation."""


EvaluationName: TypeAlias = Annotated[str, EvaluationMark()]
"""An option that names an evaluation: an earlier evaluate stage's id, a `run/stage` of the work folder, or a path.

The plugin finds a folder with `items.parquet` in it, or the file that the path leads to; its content is what counts.
"""


@dataclass(frozen=True)
class RunningMark:
    """What makes an option one of how a stage runs."""


Running = RunningMark()
"""Marks an option of how a stage runs and not of what it answers, such as a number of retries or a cost cap.

`retries: Annotated[int, Running] = 6`. It does not count: with another value a stage is the same stage, and one that
was interrupted goes on where it stopped. In nested tables too.
"""


@dataclass(frozen=True)
class Needs:
    """What one worker of a stage holds while it works."""

    cpus: float = 1
    gpus: float = 0
    """A share of a GPU may be asked for: four workers with 0.25 share one."""
    extra: str | None = None
    """The extra of the plugin's distribution that installs what it imports."""


@dataclass(frozen=True)
class Stage:
    """What a plugin is told of the stage it serves."""

    id: str
    hook: str
    plugin: str
    seed: int
    """64 bits from the pipeline's seed and the stage's id: equal pipelines draw equally."""
    only: tuple[str, ...] | None = None
    """The sources that this stage sees; None for all."""


@dataclass(frozen=True)
class Reasons:
    """A filter's answer: a reason for each record that goes, null for each that stays."""

    code: pa.Array
    """`string`, a short kebab-case word such as `few-letters`."""
    value: pa.Array | None = None
    """`float64`: what was measured, kept for the records that go."""
    bound: pa.Array | float | None = None
    """`float64` or one number: what it was measured against."""
    detail: pa.Array | None = None
    """`string`: more for a reader, such as the other rules that failed."""


@dataclass(frozen=True)
class Born:
    """A format's answer where some records may become nothing: the records, and why others have no child."""

    records: Batch
    """Records with their `parent`."""
    reasons: pa.Array
    """`string`, one for each record that was given, a short kebab-case word; looked at where it has no child."""


@dataclass(frozen=True)
class Source:
    """What a mix knows of one source as it arrives."""

    name: str
    records: int
    totals: Mapping[str, float] = field(default_factory=dict)
    """The sum of each numeric column, and `characters`, over all records."""

    def amount(self, unit: str) -> float:
        """How much there is in `unit`: `records`, `characters` or a numeric column."""
        return self.records if unit == "records" else self.totals[unit]


@dataclass(frozen=True)
class Draw:
    """A mix's answer: how many epochs of each source, where 0.5 reads half of it and 2 reads it twice."""

    epochs: Mapping[str, float | Mapping[str, float]]
    """By source; or by source and value of the column `by`, as text (`null` for none), where a missing value is 0."""
    unit: str = "records"
    """What an epoch is measured in: `records`, `characters` or a numeric column."""
    by: str | None = None
    """The column by which a source is drawn in parts."""
    weight: str | None = None
    """A numeric column: within less than an epoch, records are drawn in proportion to it, those with none last."""


@dataclass(frozen=True)
class Model:
    """A model folder in the Hugging Face layout, safetensors only."""

    path: Path
    """Of a model that a stage trained: beside this folder lies what its journal wrote, `metrics-*.jsonl`,
    `steps-*.parquet` and `losses-*.parquet`; of several attempts, which the first number counts, the later one counts.
    """
    name: str
    """The stage that made it, or the hub name or folder it came from."""
    fingerprint: str
    base: str | None = None
    """The model that this one was trained from."""


@dataclass(frozen=True)
class World:
    """The group of workers that trains one model together."""

    rank: int = 0
    size: int = 1
    threads: int = 1
    """CPU threads for one worker: fixed, because sums of floats depend on it."""
    local_rank: int = 0
    """Its place among the workers of its machine: which GPU is its own."""
    rendezvous: str | None = None
    """Where the workers meet: a URL as `torch.distributed` takes it, such as `file:///tmp/a/b`; None for one alone."""
    keep: Callable[[Path], None] | None = None
    """Takes a finished file or folder of `out` to where other machines go on from it; None where all share `out`."""


@dataclass(frozen=True)
class Evaluation:
    """An evaluation's answer: metrics, and one row an item where it looked at items."""

    metrics: Mapping[str, float]
    """Named `measure` or `measure/source`, such as `bits_per_byte/general`."""
    items: pa.Table | pa.RecordBatchReader | None = None
    """One row an item: `item` (UUID or string), `source`, then what was measured. A reader where they are many."""
    failures: Sequence[Fault] = ()
    """Gates that did not hold: everything is kept, then the run stops with these."""
    changes: Sequence[Change] = ()
    """What it would change in the training data: `finery propose` makes a pipeline of them."""


@dataclass(frozen=True)
class Piece:
    """A stretch of a sequence whose tokens share a fate."""

    text: str
    tokens: int
    trained: bool = False
    """Whether a loss is taken on it."""
    special: bool = False
    """Whether it is the template's or the tokenizer's, not the record's."""
    cut: bool = False
    """Whether it is beyond what the model is fed."""
    opens: bool = False
    """Whether a turn, or another row of a long document, begins with it."""


@dataclass(frozen=True)
class Shown:
    """One sequence of a record as a train stage sees it."""

    record: str
    source: str
    name: str
    """Which of the record's sequences: `text`, `conversation`, `prompt`, `chosen`, `rejected`."""
    pieces: Sequence[Piece]
    note: str = ""
    """What becomes of it, where that is not plain: why it is left out, say."""


@dataclass(frozen=True)
class Preview:
    """What a train stage would be shown of some records, and what its pre-flight finds in them."""

    shown: Iterable[Shown]
    """Made one by one, as they are asked for."""
    context: int
    """Tokens in a row at most."""
    metrics: Mapping[str, float] = field(default_factory=dict)
    """What the pre-flight measured: `measure` or `measure/source`."""
    faults: Sequence[Fault] = ()
    """What would keep the stage from its first step."""
    notes: Sequence[str] = ()
    """Warnings, and what is otherwise than in a run."""
    packed: Sequence[Sequence[tuple[str, int]]] = ()
    """Rows of several documents, were these all records: record and tokens of each; nothing where none are packed."""


class Tally(Counter[str]):
    """Counts that a plugin keeps while it works; they add up over batches, shards and workers."""


class Memo(Protocol):
    """What the plugins of a pass share of a batch: worked out by the first that asks, one value a record."""

    def __call__(self, column: str, name: str, make: Callable[[], pa.Array]) -> pa.Array:
        """`make()`, or what it answered before for this batch; `column` is what the value was worked out from.

        Records that drop out drop out of it, and it is forgotten when the column changes.
        """


class Dataset(Protocol):
    """Records on disk, read a batch at a time; memory does not grow with the data."""

    @property
    def fingerprint(self) -> str:
        """The name of this content: equal for equal records in equal order."""

    @property
    def sources(self) -> tuple[str, ...]:
        """The names of the sources in it, in the pipeline's order."""

    @property
    def records(self) -> int:
        """How many records there are."""

    def columns(self, source: str) -> tuple[str, ...]:
        """The columns of one source's records, `id` and `source` first."""

    def batches(self, columns: Sequence[str] | None = None, only: Sequence[str] | None = None) -> Iterator[Batch]:
        """Every record, in shard order; a batch holds one source. Columns a source lacks are left out."""


class Journal(Protocol):
    """Where a train or evaluate plugin writes what happened, as it happens."""

    def metric(self, name: str, value: float, step: int | None = None, source: str | None = None) -> None:
        """One number of the run, such as `loss`; a NaN is kept as a NaN."""

    def steps(self, table: pa.Table) -> None:
        """Which records went into which step: `step, rank, record, start, length` (tokens)."""

    def losses(self, table: pa.Table) -> None:
        """The loss of each record in an epoch: `record, epoch, loss` (nats a token), `tokens`.

        Epochs count from 1; epoch 0 is a loss that a model gave to a record it was not trained on.
        """

    def note(self, text: str) -> None:
        """One line for the reader of the run, such as a default and the reason for it."""

    def progress(self, done: float, total: float, unit: str) -> None:
        """How far the stage is."""
