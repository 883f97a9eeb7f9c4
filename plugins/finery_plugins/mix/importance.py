"""The mix `importance`: records drawn in proportion to their importance weights, without replacement (DSIR)."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Annotated

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from pydantic import Field, model_validator

from finery import Dataset, Draw, PipelineError, Source, State, did_you_mean, hookimpl, plugin
from finery_plugins.mix.amounts import amounts

WEIGHT = "importance_weight"
CLASSES = 16
"""Classes of weights a nat, in which a source's weights are kept: memory does not grow with the records."""

STEPS = 200
"""Halvings of the search for the threshold; a float has no more digits to find."""


@plugin
class Importance:
    """Draw records in proportion to `importance_weight`, which `score = "importance"` adds (DSIR, Xie et al. 2023).

    Sampling is without replacement and over all sources together: a record's key is its log weight plus Gumbel noise,
    as in the paper, and those with the largest keys are drawn. The noise is a hash of the record's id, so that equal
    runs draw equally on any number of workers. Each source gives what it would give on average, to within a record.
    Records without a weight come last. Name raw sources with `only`; those that it leaves out, such as the target,
    stay as they are.

    ```toml
    [[stage]]
    mix = "importance"
    share = 0.1
    ```
    """

    share: Annotated[float, Field(gt=0, allow_inf_nan=False)] | None = None
    """How much is drawn, as a share of all there is: 0.1 draws a tenth."""

    total: Annotated[float, Field(gt=0, allow_inf_nan=False)] | None = None
    """How much is drawn, in `unit`, instead of a share."""

    unit: str = "records"
    """What is counted: `records`, `characters` or a numeric column such as `tokens`."""

    max_epochs: Annotated[float, Field(gt=0, allow_inf_nan=False)] = 1.0
    """How often all there is may be drawn at most: beyond once, everything is read in whole epochs first."""

    @model_validator(mode="after")
    def one_amount_is_asked(self) -> Importance:
        """Raise ValueError where no amount is asked for, or two are."""
        if (self.share is None) == (self.total is None):
            raise ValueError("say how much to draw: either share = 0.1, or total = 100_000 (in unit)")
        if self.share is not None and self.share > self.max_epochs:
            raise ValueError(f"share = {self.share:g} is more than max_epochs = {self.max_epochs:g}: raise max_epochs")
        return self

    @hookimpl
    def prepare(self, dataset: Dataset) -> State:
        """`{source: {class of weight: amount}}`. Raises PipelineError for a source without weights or unit."""
        return {name: self.classes(dataset, name) for name in dataset.sources}

    def classes(self, dataset: Dataset, source: str) -> dict[str, float]:
        """How much of a source there is in each class of weights: the whole 1/16 nats below, or `none`."""
        present = dataset.columns(source)
        if not set(present) - {"id", "source"}:  # nothing is left of the source
            return {}
        if WEIGHT not in present:
            fault = f"has no column '{WEIGHT}'{did_you_mean(WEIGHT, present)}"
            raise PipelineError.at(f"source '{source}'", fault, 'put score = "importance" before it, or use only')
        found: dict[str, float] = {}
        column = None if self.unit in ("records", "characters") else self.unit
        for batch in dataset.batches([WEIGHT, *([column] if column else [])], [source]):
            for name, size in zip(names(batch), sizes(batch, column), strict=True):
                found[name] = found.get(name, 0.0) + size
        return {name: found[name] for name in sorted(found)}

    @hookimpl
    def mix(self, sources: Sequence[Source], state: State) -> Draw:
        """Epochs of each source. Raises PipelineError for more than `max_epochs` of all there is."""
        there = amounts(sources, self.unit)
        whole = sum(there.values())
        wanted = self.total if self.share is None else self.share * whole
        epochs = float(wanted or 0) / whole
        if epochs > self.max_epochs * (1 + 1e-9):
            fault = f"asks for {epochs:.4g} times all there is, more than max_epochs = {self.max_epochs:g}"
            raise PipelineError.at("importance: total", fault, "lower it, or raise max_epochs")
        full = math.floor(epochs)
        part = shares(state, there, (epochs - full) * whole)
        return Draw({source.name: full + part[source.name] for source in sources}, self.unit, weight=WEIGHT)


def names(batch: pa.Table) -> list[str]:
    """The class of each record's weight."""
    weights = batch.column(WEIGHT).cast(pa.float64()).fill_null(0.0).to_numpy()
    with np.errstate(divide="ignore"):
        places = np.floor(np.log(np.maximum(weights, 0.0)) * CLASSES)
    return [str(int(place)) if math.isfinite(place) else "none" for place in places.tolist()]


def sizes(batch: pa.Table, column: str | None) -> list[float]:
    """How much each record counts; records of a source count alike where no column says more."""
    if column is None:
        return [1.0] * len(batch)
    found: list[float] = pc.fill_null(batch.column(column).cast(pa.float64()), 0.0).to_pylist()
    return found


def shares(state: State, there: Mapping[str, float], wanted: float) -> dict[str, float]:
    """The share of each source that is drawn on average when `wanted` is drawn of all together.

    Of a race of exponential clocks with the weights as rates, those that ring before a time t are drawn: a record of
    weight w with the chance 1 - exp(-t w). The time at which `wanted` is drawn is found by halving.
    """
    rates, held = {}, {}
    for name, classes in state.items():
        places = [float(key) / CLASSES for key in classes if key != "none"]
        rates[name] = np.array(places)
        counted = np.array([size for key, size in classes.items() if key != "none"])
        held[name] = counted * (there[name] / sum(classes.values())) if classes else counted
    low, high = -2000.0, 2000.0
    for _ in range(STEPS):
        middle = (low + high) / 2
        low, high = (middle, high) if drawn(rates, held, middle) < wanted else (low, middle)
    found = {name: float(rung(rates[name], held[name], high)) for name in rates}
    return topped_up(found, there, wanted)


def rung(rates: np.ndarray, held: np.ndarray, time: float) -> float:
    """How much of one source has been drawn at the logarithm of a time."""
    return float((held * -np.expm1(-np.exp(np.minimum(rates + time, 700.0)))).sum())


def drawn(rates: Mapping[str, np.ndarray], held: Mapping[str, np.ndarray], time: float) -> float:
    """How much of all sources has been drawn at the logarithm of a time."""
    return sum(rung(rates[name], held[name], time) for name in rates)


def topped_up(found: Mapping[str, float], there: Mapping[str, float], wanted: float) -> dict[str, float]:
    """Shares of what is there; what weights alone cannot fill is taken from all sources alike."""
    missing, left = wanted - sum(found.values()), sum(there.values()) - sum(found.values())
    more = missing / left if missing > 0 and left > 0 else 0.0
    return {name: min(1.0, (size + more * (there[name] - size)) / there[name]) for name, size in found.items()}
