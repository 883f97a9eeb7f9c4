"""Cross-validation: every record's loss by a model that was not trained on it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from finery import DataError, Journal, Stage, chance
from finery_plugins.train import checkpoints
from finery_plugins.train.account import by_record
from finery_plugins.train.heldout import by_source, measured
from finery_plugins.train.site import Site
from finery_plugins.train.tokens import Tokens
from finery_plugins.train.training import Training, trained
from finery_plugins.train.workers import meet

SALT = 0x666F6C64
"""Sets the draw of folds apart from the order of training, which comes from the same hash."""


@dataclass(frozen=True)
class Quiet:
    """A journal for a training whose result alone counts: only its progress is told."""

    journal: Journal

    def metric(self, name: str, value: float, step: int | None = None, source: str | None = None) -> None:
        """Nothing: steps of several trainings would stand under one number."""

    def steps(self, table: pa.Table) -> None:
        """Nothing, for the same reason."""

    def losses(self, table: pa.Table) -> None:
        """Nothing: what counts is the loss of what was held out."""

    def note(self, text: str) -> None:
        """Nothing."""

    def progress(self, done: float, total: float, unit: str) -> None:
        """How far the training is."""
        self.journal.progress(done, total, unit)


def fold_of(tokens: Tokens, count: int, stage: Stage) -> np.ndarray:
    """`int64` (sequences,): the fold of each sequence's record, by a hash of its id."""
    drawn = chance(pa.table({"id": tokens.ids}), replace(stage, seed=stage.seed ^ SALT))
    return np.asarray(drawn * count, np.int64)


def cross_validate(training: Training, count: int) -> None:
    """Train `count` models and write what each costs the records it has not seen: metrics `fold_loss` (its step is
    the fold) and `cross_validated_loss`, both in nats a token, and each record's loss as epoch 0.

    Folds that an interrupted call finished are not trained again. Raises DataError where a fold is empty.
    """
    folds = fold_of(training.tokens, count, training.site.stage)
    sizes = np.bincount(folds, minlength=count)
    if not sizes.all():
        fault = f"has too few records for {count} folds: fold {int(np.argmin(sizes)) + 1} is empty"
        raise DataError.at(training.site.place, fault, "lower `folds`")
    total = np.zeros((len(training.tokens), 2))
    for fold in range(count):
        sums = fold_sums(training, folds == fold, fold)
        told(training, training.tokens.part(folds == fold), sums, "fold_loss", fold + 1)
        total[folds == fold] = sums
    told(training, training.tokens, total, "cross_validated_loss", None)
    if not training.site.world.rank:
        training.site.journal.losses(by_record(training.tokens, total, 0))


def told(training: Training, tokens: Tokens, sums: np.ndarray, name: str, step: int | None) -> None:
    """Write a loss, over all and by source."""
    for source, loss in by_source(tokens, sums).items():
        training.site.journal.metric(name, loss, step, source)


def fold_sums(training: Training, held: np.ndarray, fold: int) -> np.ndarray:
    """`float64` (held sequences, 2): nats and tokens by a model that was trained on the others."""
    site = replace(training.site, out=folder(training.site, fold), journal=Quiet(training.site.journal))
    done = site.out / "sums.parquet"
    if not done.exists():
        site.out.mkdir(parents=True, exist_ok=True)
        network = trained(training, training.network(), training.tokens.part(~held), site)
        with training.attached(network) as objective:
            sums = measured(network, objective, training.once(training.tokens.part(held)))
        if not site.world.rank:
            beside = done.with_suffix(".unfinished")
            pq.write_table(pa.table({"nats": sums[:, 0], "tokens": sums[:, 1]}), beside)
            beside.replace(done)
            checkpoints.remove(site.out / "checkpoints", site.out / "best")
        meet()
    found = pq.read_table(done)
    return np.stack([found[name].to_numpy() for name in ("nats", "tokens")], axis=1)


def folder(site: Site, fold: int) -> Path:
    """Where a fold's training takes place."""
    return site.out / "folds" / str(fold + 1)
