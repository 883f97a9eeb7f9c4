"""What curves of a training say to one who reads them: each rule looks at the metrics and yields findings in words."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Annotated

import numpy as np
from pydantic import ConfigDict, Field
from pydantic.dataclasses import dataclass as options

from finery_plugins.evaluate.journals import Curve, Metrics, finite


@options(config=ConfigDict(extra="forbid", use_attribute_docstrings=True), frozen=True)
class Bounds:
    """From where on a curve is remarkable. Each bound says where it comes from."""

    first_loss: Annotated[float, Field(gt=0)] = 4.0
    """Nats a token at the first line, above which a tuning starts badly: ours. At 4 a model gives the right token one
    chance in 55, as if template, tokens or language were new to it. A model from scratch starts at the logarithm of its
    vocabulary instead: there this bound does not count."""
    fresh: Annotated[float, Field(gt=1)] = 1.1
    """How many times the logarithm of the vocabulary a model from scratch may start with: "verify loss @ init", which
    is -log(1/n_classes) on a softmax (Karpathy 2019, A Recipe for Training Neural Networks); a tenth is our slack."""
    low_loss: Annotated[float, Field(gt=0)] = 0.5
    """Nats a token below which a training is said to learn its records by heart: ours, no published bound. The right
    token then has six chances in ten. Short fixed answers go there rightly, and guides put the line elsewhere."""
    held_out_rise: Annotated[float, Field(gt=0)] = 0.05
    """By how much, of itself, held-out loss may rise over its lowest point. Prechelt 1998 (Early Stopping - But When?)
    calls this the generalisation loss, and stops where it exceeds a threshold; that it is 5 per cent is our choice."""
    divergence: Annotated[float, Field(gt=0)] = 0.1
    """By how much, of itself, a source's smoothed loss may rise over its lowest point: ours, twice the above, since the
    loss of single batches is noisier."""
    flat: Annotated[float, Field(ge=0, lt=1)] = 0.05
    """What a loss changes by at least, of itself, over the later half of a training, if it is not flat: ours."""
    apart: Annotated[float, Field(gt=1)] = 1.5
    """How many times the others' loss a source that stays flat must have at the end to be called noise: ours."""
    epoch_jump: Annotated[float, Field(gt=0, lt=1)] = 0.15
    """What the loss falls by at an epoch's border, of itself, where records are remembered from one sight: Howard and
    Whitaker 2023 (fast.ai, Can LLMs learn from a single example?) show such stairs; 15 per cent is ours."""
    gradient_spike: Annotated[float, Field(gt=1)] = 5.0
    """How many times the median of the lines before it a gradient norm must be; ours, above what clipping at the usual
    norm of 1 hides."""
    loss_spike: Annotated[float, Field(gt=1)] = 1.5
    """How many times the median of the lines before it a loss must be: ours. PaLM (Chowdhery et al. 2022, section 5.1)
    went back about 100 steps and skipped 200 to 500 batches, and saw no spike when it trained on the same batches from
    another state: the records alone are not always the cause."""
    rate_rise: Annotated[float, Field(gt=1)] = 1.5
    """How many times the line before it a learning rate may be, once it has begun to fall: ours; schedules with
    restarts rise on purpose."""
    window: Annotated[int, Field(ge=2, le=1000)] = 8
    """Lines that are looked at together: medians are taken over as many, or half the lines there are."""


@dataclass(frozen=True)
class Finding:
    """Something remarkable."""

    kind: str
    first: int
    """The steps it is seen in, both ends included."""
    last: int
    said: str
    remedy: str
    value: float
    bound: float
    source: str | None = None
    is_memory: bool = False
    """Whether the records with the lowest loss are behind it, not those of its steps."""


def findings(
    metrics: Metrics, bounds: Bounds, vocabulary: int | None, borders: Sequence[tuple[int, int]]
) -> list[Finding]:
    """All findings, in order of their steps. `vocabulary` is a fresh model's number of tokens, None for a tuned one."""
    found = [
        *starts(metrics, bounds, vocabulary),
        *(one for source in (None, *metrics.sources()) for one in of_source(metrics, source, bounds, borders)),
        *noise(metrics, bounds),
        *held_out(metrics, bounds),
        *spikes(metrics, "grad_norm", None, bounds.gradient_spike, bounds),
        *rates(metrics, bounds),
    ]
    return sorted(found, key=lambda one: (one.first, one.last, one.kind, one.source or ""))


def of_source(
    metrics: Metrics, source: str | None, bounds: Bounds, borders: Sequence[tuple[int, int]]
) -> Iterator[Finding]:
    """What one loss curve says."""
    told = metrics.curve("loss", source)
    yield from lost(told, source)
    yield from low(told, source, bounds)
    yield from rising(told, source, bounds)
    yield from stairs(told, source, bounds, borders)
    yield from spikes(metrics, "loss", source, bounds.loss_spike, bounds)


def named(source: str | None) -> str:
    """How words call a source."""
    return "all sources together" if source is None else f"source '{source}'"


def smooth(values: np.ndarray, window: int) -> np.ndarray:
    """The median of each value and those before it, `window` at most; no number where there is none."""
    parts = (values[max(0, at - window + 1) : at + 1] for at in range(len(values)))
    return np.array([np.median(finite(part)) if len(finite(part)) else math.nan for part in parts])


def span(told: Curve, bounds: Bounds) -> int:
    """How many lines are looked at together."""
    return max(1, min(bounds.window, len(told.values) // 4))


def starts(metrics: Metrics, bounds: Bounds, vocabulary: int | None) -> Iterator[Finding]:
    """The first loss is higher than that of a model that knows as much as it should."""
    told = metrics.curve("loss")
    bound = bounds.first_loss if vocabulary is None else math.log(vocabulary) * bounds.fresh
    if not len(told.values) or not told.values[0] > bound:
        return
    first = {source: metrics.curve("loss", source).values[0] for source in metrics.sources()}
    worst = sorted(first, key=lambda source: -first[source])
    why = "; highest: " + ", ".join(f"'{source}' {first[source]:.2f}" for source in worst[:3]) if worst else ""
    start = "a model from scratch starts at" if vocabulary else "a tuning should start below"
    said = f"the first loss is {told.values[0]:.2f} nats a token, where {start} {bound:.2f}{why}"
    remedy = "check that the template and its special tokens are those of the base model, and look at these records"
    yield Finding("high-first-loss", 1, int(told.steps[0]), said, remedy, float(told.values[0]), bound)
    for source in worst:
        if first[source] > bound:
            steps = metrics.curve("loss", source).steps
            words = f"source '{source}' starts at {first[source]:.2f} nats a token"
            yield Finding("high-first-loss", 1, int(steps[0]), words, remedy, float(first[source]), bound, source)


def lost(told: Curve, source: str | None) -> Iterator[Finding]:
    """The loss is no number."""
    wrong = np.flatnonzero(~np.isfinite(told.values))
    if len(wrong):
        step = int(told.steps[wrong[0]])
        said = f"the loss of {named(source)} is no finite number in {len(wrong)} lines, first at step {step}"
        remedy = "lower the learning rate, clip gradients, or take 32-bit sums"
        yield Finding("not-finite", step, int(told.steps[wrong[-1]]), said, remedy, math.nan, 0.0, source)


def low(told: Curve, source: str | None, bounds: Bounds) -> Iterator[Finding]:
    """The smoothed loss comes under the bound, and stays there."""
    values = smooth(told.values, span(told, bounds))
    under = values < bounds.low_loss
    if not len(under) or not under[-1]:
        return
    above = np.flatnonzero(~under)
    start = int(above[-1]) + 1 if len(above) else 0
    first, last = int(told.steps[start]), int(told.steps[-1])
    said = f"the loss of {named(source)} is under {bounds.low_loss} nats a token from step {first} on: learnt by heart"
    remedy = "train fewer epochs, or give it more or more varied records; look at those with the lowest loss"
    yield Finding("over-fit", first, last, said, remedy, float(values[-1]), bounds.low_loss, source, True)


def rising(told: Curve, source: str | None, bounds: Bounds) -> Iterator[Finding]:
    """The smoothed loss ends well above its lowest point."""
    values = smooth(told.values, span(told, bounds))
    if len(finite(values)) < 4 or not np.isfinite(values[-1]):
        return
    at = int(np.nanargmin(values))
    if values[-1] > values[at] * (1 + bounds.divergence) > 0:
        first, last = int(told.steps[at]), int(told.steps[-1])
        said = f"the loss of {named(source)} rises from {values[at]:.3f} at step {first} to {values[-1]:.3f} at the end"
        remedy = "lower the learning rate, or give the source a larger share"
        value = ratio(values[-1], values[at]) - 1
        yield Finding("diverges", first, last, said, remedy, value, bounds.divergence, source)


def stairs(told: Curve, source: str | None, bounds: Bounds, borders: Sequence[tuple[int, int]]) -> Iterator[Finding]:
    """The loss falls at the border of an epoch by more than it does within one."""
    ends = [0, *(step for _, step in borders), math.inf]
    for number, (epoch, border) in enumerate(borders):
        before = finite(told.values[(told.steps >= ends[number]) & (told.steps < border)])[-bounds.window :]
        after = finite(told.values[(told.steps >= border) & (told.steps < ends[number + 2])])[: bounds.window]
        if min(len(before), len(after)) < 2:
            continue
        # What a line falls by within the epochs' stretches is the course of the training, not the border's doing.
        course = max(0.0, -slope(before)) * (len(before) + len(after)) / 2
        level = float(np.median(before))
        fall = (level - course - float(np.median(after))) / level if level > 0 else 0.0
        if fall > bounds.epoch_jump:
            said = (
                f"the loss of {named(source)} jumps from {level:.3f} to {np.median(after):.3f} where epoch {epoch} "
                f"begins (step {border}): records are remembered from the epoch before"
            )
            remedy = "train fewer epochs, or with a lower learning rate"
            last = int(told.steps[np.searchsorted(told.steps, border)])
            yield Finding("epoch-jump", border, last, said, remedy, fall, bounds.epoch_jump, source)


def ratio(value: float, usual: float) -> float:
    """How many times `usual`, which is not 0, a value is: infinitely many where that is too many for a number."""
    return float(value) / float(usual)


def slope(values: np.ndarray) -> float:
    """What values rise by a line, by least squares."""
    return float(np.polyfit(np.arange(len(values)), values, 1)[0]) if len(values) > 2 else 0.0


def spikes(metrics: Metrics, name: str, source: str | None, times: float, bounds: Bounds) -> Iterator[Finding]:
    """A value is many times the median of those before it; lines beside each other are one spike."""
    told = metrics.curve(name, source)
    usual = smooth(told.values, bounds.window)
    high = [at for at in range(3, len(usual)) if usual[at - 1] > 0 and told.values[at] > times * usual[at - 1]]
    runs = np.split(np.array(high, int), np.flatnonzero(np.diff(high) > 1) + 1) if high else []
    kind, what = ("gradient-spike", "the gradient norm") if name == "grad_norm" else ("loss-spike", "the loss")
    for run in runs:
        at = int(run[np.argmax(told.values[run])])
        first = int(told.steps[run[0] - 1]) + 1
        value = ratio(told.values[at], usual[run[0] - 1])
        whose = "" if name == "grad_norm" else f" of {named(source)}"
        said = f"{what}{whose} is {told.values[at]:.3g} at step {told.steps[at]}, {value:.1f} times what it was before"
        remedy = "look at the records of these steps; clip gradients or lower the learning rate"
        yield Finding(kind, first, int(told.steps[run[-1]]), said, remedy, value, times, source)


def noise(metrics: Metrics, bounds: Bounds) -> Iterator[Finding]:
    """A source stays flat, far above the others."""
    ends = {}
    for source in metrics.sources():
        told = metrics.curve("loss", source)
        half = finite(told.values[len(told.values) // 2 :])
        if len(half) >= 4:
            quarter = max(2, len(half) // 4)
            ends[source] = (float(half[:quarter].mean()), float(half[-quarter:].mean()), told)
    for source, (early, late, told) in ends.items():
        others = [end for name, (_, end, _) in ends.items() if name != source]
        if (
            not others
            or not np.median(others) > 0
            or abs(early - late) > bounds.flat * early
            or late <= bounds.apart * float(np.median(others))
        ):
            continue
        first = int(told.steps[len(told.steps) // 2])
        said = (
            f"source '{source}' stays at {late:.2f} nats a token from step {first} on, {late / np.median(others):.1f} "
            "times the others: there is little in it to learn"
        )
        remedy = "look at its records: noise, another language, or another encoding"
        yield Finding(
            "not-learnt",
            first,
            int(told.steps[-1]),
            said,
            remedy,
            late / float(np.median(others)),
            bounds.apart,
            source,
        )


def held_out(metrics: Metrics, bounds: Bounds) -> Iterator[Finding]:
    """Held-out loss rises over its lowest point."""
    for source in [None, *metrics.sources("held_out_loss")]:
        told = metrics.curve("held_out_loss", source)
        if len(finite(told.values)) < 2:
            continue
        at = int(np.nanargmin(told.values))
        rise = ratio(told.values[-1], told.values[at]) - 1 if told.values[at] > 0 else 0.0
        if rise > bounds.held_out_rise:
            step = int(told.steps[at])
            said = f"the held-out loss of {named(source)} is lowest at step {step} and {rise:.0%} higher at the end"
            remedy = f"stop near step {step}, or train fewer epochs"
            end = int(told.steps[-1])
            yield Finding("held-out-rises", step + 1, end, said, remedy, rise, bounds.held_out_rise, source, True)


def rates(metrics: Metrics, bounds: Bounds) -> Iterator[Finding]:
    """The learning rate rises again after it began to fall, or is nothing all along."""
    told = metrics.curve("learning_rate")
    values = told.values
    if len(values) and not values.any():
        said = "the learning rate is 0 in every line: nothing is learnt"
        yield Finding("no-rate", 1, int(told.steps[-1]), said, "set a learning rate", 0.0, 0.0)
    falls = np.flatnonzero(np.diff(values) < 0)
    for at in range(int(falls[0]) + 1 if len(falls) else len(values), len(values) - 1):
        if values[at + 1] > bounds.rate_rise * values[at] > 0:
            step, times = int(told.steps[at + 1]), ratio(values[at + 1], values[at])
            said = f"the learning rate rises from {values[at]:.3g} to {values[at + 1]:.3g} at step {step}"
            remedy = "where no restart was meant, look at how the run was resumed"
            yield Finding("rate-rises", step, step, said, remedy, times, bounds.rate_rise)
