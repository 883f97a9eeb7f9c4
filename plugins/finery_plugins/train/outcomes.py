"""The outcomes of a preference or reinforcement training: a number for each row of each step, told by source too."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, NoReturn

import numpy as np
import pyarrow as pa

from finery import DataError
from finery_plugins.train.rows import Plan
from finery_plugins.train.site import Site
from finery_plugins.train.workers import Share, all_said, any_of

UNTOLD = frozenset({"step", "epoch", "num_tokens", "step_time", "total_flos"})
"""What trainers log and nobody asks for: clocks, and sums of what `steps` says."""


@dataclass
class Outcomes:
    """What became of the rows of a plan: the loss of each, or where records are rewarded, the reward's negative."""

    plan: Plan
    site: Site
    share: Share
    """Which rows are whose; the first worker keeps the account of all."""
    measure: str = "loss"
    """`loss`, or `reward`: what is told by source."""
    repeats: int = 1
    """How many places of the order each row has in an epoch."""
    sums: dict[str, list[float]] = field(default_factory=dict)
    """Sum and number of values by source since the last line of metrics."""
    began: float = field(default_factory=time.monotonic)
    logged: float = field(default_factory=time.monotonic)

    @property
    def path(self) -> Path:
        """Where the values lie."""
        return self.site.out / "checkpoints" / f"outcomes-{self.plan.digest[:16]}.npy"

    @cached_property
    def values(self) -> np.ndarray:
        """`float64` (rows trained on): a file beside the checkpoints, so that an interrupted call's are kept."""
        path = self.path
        if not path.exists():
            path.parent.mkdir(parents=True, exist_ok=True)
            beside = path.with_suffix(".unfinished")
            with beside.open("wb") as file:
                np.save(file, np.full(len(self.plan), np.nan))
            beside.replace(path)
        kept: np.ndarray = np.load(path, mmap_mode="r+")
        return kept

    def note(self, places: np.ndarray, values: np.ndarray) -> None:
        """Keep values (n,) of rows, by their places (n,) in the plan's order; the mean of several for one place.

        All workers note at the same time, each the rows of its own.
        """
        said = all_said((places, values))
        if not self.site.world.rank:
            for part in said:
                self.keep(*part)

    def keep(self, places: np.ndarray, values: np.ndarray) -> None:
        """Keep what one worker noted."""
        which, member = np.unique(places, return_inverse=True)
        means = np.bincount(member, values) / np.bincount(member)
        self.values[which] = -means if self.measure == "reward" else means
        for place, value in zip(places.tolist(), values.tolist(), strict=True):
            total = self.sums.setdefault(self.source(place), [0.0, 0.0])
            total[0] += value
            total[1] += 1

    def source(self, place: int) -> str:
        """The source of the record at a place of the order."""
        tokens, row = self.plan.rows.tokens, int(self.plan.order[place])
        return tokens.names[int(tokens.sources[self.plan.rows.sequences[self.plan.rows.bounds[row]]])]

    def numbers(self) -> dict[str, float]:
        """The mean of each source's values since they were last asked for."""
        said, self.sums = self.sums, {}
        return {f"{self.measure}/{name}": total / count for name, (total, count) in sorted(said.items())}

    def write(self, logs: Mapping[str, Any], step: int) -> None:
        """One line of metrics into the journal."""
        if "loss" not in logs or self.site.world.rank:
            return
        names = self.plan.rows.tokens.names
        for key, value in logs.items():
            name, _, source = key.partition("/")
            if name == self.measure and source in names:
                self.site.journal.metric(name, value, step, source)
            elif key not in UNTOLD and isinstance(value, int | float):
                self.site.journal.metric(key, value, step)

    def records(self, first: int, last: int) -> None:
        """The records of steps `first` to `last` into the journal."""
        for table in self.plan.account(first, last, self.share):
            self.site.journal.steps(table)

    def stop(self, step: int, fault: str, remedy: str) -> NoReturn:
        """Stop at a step, with its records in the journal and the first of them in the message. Raises DataError."""
        self.records(step, step)
        ids = self.ids(self.plan.rows_of(step)[:3])
        named = ", ".join(str(record) for record in ids.to_pylist())
        more = ", ..." if len(self.plan.rows_of(step)) > 3 else ""
        fault = f"{fault} (records {named}{more}; the lineage's `steps` names them all)"
        raise DataError.at(self.site.place, fault, remedy)

    def ids(self, rows: np.ndarray) -> pa.Array:
        """UUIDs (n,) of the records of rows (n,)."""
        packed = self.plan.rows
        return packed.tokens.ids.take(pa.array(packed.sequences[packed.bounds[rows]]))

    def close(self, last: int) -> None:
        """Write the records of all steps and what each record came to in each epoch: once, at the end."""
        if self.site.world.rank:
            return
        self.records(1, last)
        values = self.values
        places = np.flatnonzero(~np.isnan(values))
        if not len(places):
            return
        rows = self.plan.order[places]
        told = pa.table(
            {
                "record": self.ids(rows).cast(pa.binary(16)),
                "epoch": pa.array(places // (len(self.plan.rows) * self.repeats) + 1, pa.int32()),
                "loss": pa.array(values[places]),
                "tokens": pa.array(np.add.reduceat(self.plan.rows.lengths, self.plan.rows.bounds[:-1])[rows]),
            }
        )
        means = told.group_by(["record", "epoch"], use_threads=False).aggregate([("loss", "mean"), ("tokens", "sum")])
        named = means.select(["record", "epoch", "loss_mean", "tokens_sum"]).rename_columns(told.column_names)
        self.site.journal.losses(named.set_column(0, "record", named["record"].cast(pa.uuid())))

    def end_epochs(self, step: int) -> None:
        """Nothing: what the records came to is written once, at the end."""

    def save(self, checkpoint: Path) -> None:
        """Put the values on disk before a checkpoint counts."""
        if not self.site.world.rank:
            self.values.flush()  # type: ignore[attr-defined]
            self.site.keep(self.path)

    def is_late(self) -> bool:
        """Whether this call has used up its seconds."""
        limit = self.plan.loop.max_seconds
        return limit is not None and any_of(time.monotonic() - self.began > limit)
