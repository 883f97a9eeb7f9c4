"""The hooks: what a plugin may do for a stage, then what an observer hears, in order of a run's life.

Every stage hook is `firstresult`: exactly one plugin serves a stage, and observers wrap it. An implementation names
only the arguments it wants, so a hook can grow arguments without breaking a plugin.

What the hooks over batches may ask for, beside the batch: `state`, what `prepare` answered; `stage`; `tally`, counts;
`memo`, what the plugins of a pass work out of a batch once for all of them; `out`, a folder of the stage that its
workers share and that a killed run leaves in place, for what must not be paid for twice, such as a server's answers.
"""

# mypy: disable-error-code="empty-body"
from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pluggy

from finery.demand import Amount, Demand, Network, Trial
from finery.search.found import Search
from finery.types import (
    Born,
    Dataset,
    Draw,
    Evaluation,
    Journal,
    Model,
    Preview,
    Reasons,
    Source,
    Stage,
    State,
    Tally,
    World,
)

if TYPE_CHECKING:
    import pyarrow as pa

    from finery.types import Batch, Memo

hookspec = pluggy.HookspecMarker("finery")
hookimpl = pluggy.HookimplMarker("finery")


class StageSpecs:
    """What a stage's plugin does: one of the seven verbs, and `prepare` where it must see all records first."""

    @hookspec(firstresult=True)
    def prepare(self, dataset: Dataset, stage: Stage, journal: Journal) -> State:
        """Look at all records once, before the batches; the answer comes back as `state` and is kept with the run.

        What it measures on the way, such as how good a fit is, goes to the journal as metrics.
        """

    @hookspec(firstresult=True)
    def filter(
        self, batch: Batch, state: State, stage: Stage, tally: Tally, memo: Memo, out: Path
    ) -> Reasons | pa.Array:
        """A reason for each record that goes, null for each that stays. A plain string array will do."""

    @hookspec(firstresult=True)
    def score(
        self, batch: Batch, state: State, stage: Stage, tally: Tally, memo: Memo, out: Path
    ) -> Mapping[str, pa.Array]:
        """New columns, one value a record."""

    @hookspec(firstresult=True)
    def dedupe(self, batch: Batch, state: State, stage: Stage, tally: Tally, memo: Memo, out: Path) -> pa.Array:
        """Keys, one or a list a record: records that share a key are candidates. Null or an empty list has none."""

    @hookspec(firstresult=True)
    def same(self, left: Batch, right: Batch, stage: Stage) -> pa.Array:
        """For row i of both, how alike the two are (`float64`), null where they are not duplicates after all.

        Optional. Without it, sharing a key is enough. Duplicates of duplicates are one group: a record may be joined
        to the one that stands for it through others, and then nobody measured how alike these two are.
        """

    @hookspec(firstresult=True)
    def cut(
        self, batch: Batch, repeated: pa.Array, documents: pa.Array, state: State, stage: Stage, tally: Tally
    ) -> Batch | Mapping[str, pa.Array]:
        """The columns that hold the records' text, without the passages that stood elsewhere before.

        Optional, beside a `dedupe` whose keys stand for passages in their order, null for one that has none: the
        passage goes, the document stays. `repeated` is a list of booleans a record, one a key, true for every
        occurrence of it but the first (by `prefer`, then by id, then in the record). `documents` lists how many
        documents hold each repeated one, 0 beside the others. Null in all columns: nothing is left of the record.
        """

    @hookspec(firstresult=True)
    def mix(self, sources: Sequence[Source], state: State, stage: Stage) -> Draw | Mapping[str, float]:
        """Epochs of each source. The kernel draws the records by a hash of their ids."""

    @hookspec(firstresult=True)
    def format(self, batch: Batch, state: State, stage: Stage, tally: Tally, memo: Memo, out: Path) -> Batch | Born:
        """The records again: as many, in order; or with a `parent` column where they split or merge.

        `parent` is a UUID, or a list of them. The kernel gives such records their ids. `Born` says beside them why
        other records have no child.
        """

    @hookspec(firstresult=True)
    def gather(self, batch: Batch, state: State, stage: Stage) -> pa.Array:
        """A key a record (integer or string): records of a source that share one come to `format` in one batch.

        Optional, beside a `format` that answers with `parent`. They come ordered by key, then id; null stands alone.
        """

    @hookspec(firstresult=True)
    def train(
        self, examples: Dataset, model: Model | None, out: Path, world: World, stage: Stage, journal: Journal
    ) -> Model:
        """Train, leave a Hugging Face folder in `out`, and name it. Called once a worker; rank 0 answers for all.

        `out` keeps what an interrupted call left there: resume from it.
        """

    @hookspec(firstresult=True)
    def preview(self, examples: Dataset, model: Model | None, out: Path, stage: Stage) -> Preview:
        """What a training on these examples would be shown, without training; `out` is a folder to work in.

        Optional, beside a `train`. The examples are a few hundred of the stage's records.
        """

    @hookspec(firstresult=True)
    def demand(
        self, amounts: Sequence[Amount], model: Model | None, network: Network | None, world: World, stage: Stage
    ) -> Demand:
        """What a training on so much text would ask of a machine, in well under a second: `finery plan` counts on it.

        Optional, beside a `train`; without it a plan says "unknown". No weights, no torch, no network access: sizes are
        read from the model's `config.json`, or are those of `network` where an earlier stage of the plan makes the
        model. Raises UsageError for what is not known, such as a model that is not on this machine.
        """

    @hookspec(firstresult=True)
    def trial(
        self,
        examples: Dataset,
        asked: Demand,
        model: Model | None,
        out: Path,
        world: World,
        stage: Stage,
        weights: bool,
    ) -> Trial:
        """What a few steps take of what `demand` asked for; `out` is a folder to work in.

        Optional, beside a `train`. With `weights`, three real steps on the examples, the longest that there are;
        without, two steps of the real network on tensors that have sizes and no content.
        """

    @hookspec(firstresult=True)
    def evaluate(
        self,
        model: Model | None,
        examples: Dataset,
        out: Path,
        world: World,
        stage: Stage,
        journal: Journal,
        search: Search,
    ) -> Evaluation:
        """Measure the model on the examples; `search` finds them by their text."""


class ObserverSpecs:
    """What an observer hears. It may also wrap any stage hook; then it goes along to the workers."""

    @hookspec
    def run_started(self, run: str, pipeline: Mapping[str, Any]) -> None:
        """`run` is the id of the run, `pipeline` the file as it was understood."""

    @hookspec
    def stage_started(self, stage: Stage, total: int) -> None:
        """`total` is the number of records that stand before it, where known, else 0."""

    @hookspec
    def stage_progress(
        self, stage: Stage, done: float, total: float, unit: str, reasons: Mapping[str, int] | None
    ) -> None:
        """A shard of a data stage, or a step of a training stage, is done; how many records left why, so far."""

    @hookspec
    def stage_finished(self, stage: Stage, summary: Mapping[str, Any]) -> None:
        """`summary` is the artifact's manifest: counts by source and reason, seconds, metrics.

        `reused` in it says that the stage did not have to run.
        """

    @hookspec
    def stage_failed(self, stage: Stage, error: BaseException) -> None:
        """The stage stopped; the run goes no further."""

    @hookspec
    def metric(self, stage: Stage, name: str, value: float, step: int | None, source: str | None) -> None:
        """One number from a train or evaluate stage."""

    @hookspec
    def run_finished(self, run: str, status: str, seconds: float) -> None:
        """`status` is `done`, `failed` or `interrupted`."""
