"""Probabilities from a classifier's logits, and how good they are: Platt scaling, accuracy, AUC, calibration error."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

STEPS = 100
"""Newton steps at most; ten are mostly enough."""

BINS = 15
"""Bins of the calibration error, as in Guo et al. 2017."""


@dataclass(frozen=True)
class Platt:
    """A logit becomes slope * logit + offset."""

    slope: float
    offset: float


def probabilities(logits: np.ndarray, found: Platt) -> np.ndarray:
    """`float64` (n,): the calibrated probabilities."""
    return 1.0 / (1.0 + np.exp(-np.clip(found.slope * logits + found.offset, -35, 35)))


def platt(logits: np.ndarray, labels: np.ndarray, shares: np.ndarray) -> Platt:
    """Slope and offset of least log loss, by Newton's method (Platt 1999; Lin, Lin, Weng 2007).

    Labels are drawn in from 0 and 1, so that separable classes have a finite slope.
    """
    targets = drawn_in(labels)
    found, loss = Platt(1.0, 0.0), np.inf
    for _ in range(STEPS):
        step, now = newton(logits, targets, shares, found)
        if not now < loss - 1e-12 * abs(now):
            break
        loss = now
        found = shortened(logits, targets, shares, found, step, now)
    return found


def drawn_in(labels: np.ndarray) -> np.ndarray:
    """Labels by one example from 0 and 1, of as many as the smaller class has: alike, since either counts half."""
    fewer = float(min(labels.sum(), (1 - labels).sum()))
    return np.where(labels > 0, fewer + 1, 1.0) / (fewer + 2)


def newton(logits: np.ndarray, targets: np.ndarray, shares: np.ndarray, at: Platt) -> tuple[np.ndarray, float]:
    """The step (2,) towards the minimum, and the loss where it starts."""
    p = probabilities(logits, at)
    slopes, curves = shares * (p - targets), shares * p * (1 - p)
    gradient = np.array([(slopes * logits).sum(), slopes.sum()])
    cross = (curves * logits).sum()
    hessian = np.array([[(curves * logits**2).sum(), cross], [cross, curves.sum()]]) + 1e-9 * np.eye(2)
    determinant = hessian[0, 0] * hessian[1, 1] - cross**2
    inverse = np.array([[hessian[1, 1], -cross], [-cross, hessian[0, 0]]]) / determinant
    return -(inverse * gradient).sum(axis=1), log_loss(logits, targets, shares, at)


def shortened(
    logits: np.ndarray, targets: np.ndarray, shares: np.ndarray, at: Platt, step: np.ndarray, loss: float
) -> Platt:
    """Where the step leads, halved until the loss gets smaller; where it started if it never does."""
    for _ in range(30):
        to = Platt(at.slope + float(step[0]), at.offset + float(step[1]))
        if log_loss(logits, targets, shares, to) < loss:
            return to
        step = step / 2
    return at


def log_loss(logits: np.ndarray, targets: np.ndarray, shares: np.ndarray, at: Platt) -> float:
    """The sum of cross entropies in nats."""
    p = probabilities(logits, at)
    return float(-(shares * (targets * np.log(p) + (1 - targets) * np.log1p(-p))).sum())


def measures(p: np.ndarray, labels: np.ndarray, shares: np.ndarray) -> Mapping[str, float]:
    """`accuracy` at 0.5, `auc` and `calibration_error`, either class counting half."""
    right = (p >= 0.5) == (labels > 0)
    return {
        "accuracy": float((shares * right).sum() / shares.sum()),
        "auc": auc(p, labels),
        "calibration_error": calibration_error(p, labels, shares),
    }


def auc(p: np.ndarray, labels: np.ndarray) -> float:
    """How often a good one is above a bad one, ties counting half (Mann, Whitney 1947)."""
    good, bad = p[labels > 0], np.sort(p[labels == 0])
    below, upto = np.searchsorted(bad, good, "left"), np.searchsorted(bad, good, "right")
    return float((below + upto).sum() / (2 * len(good) * len(bad)))


def calibration_error(p: np.ndarray, labels: np.ndarray, shares: np.ndarray) -> float:
    """The mean distance of probability and share of good ones in bins of equal width (ECE, Naeini et al. 2015)."""
    bins = np.minimum((p * BINS).astype(np.int64), BINS - 1)
    sums = [np.bincount(bins, shares * values, BINS) for values in (p, labels)]
    return float(np.abs(sums[0] - sums[1]).sum() / shares.sum())
