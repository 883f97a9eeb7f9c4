"""What past trainings of this machine teach: how long a step takes, and by how much memory is over or under.

Seconds of a step are a sum of operations, bytes and calls, each with a price. The prices begin as usual ones and are
drawn towards what the runs took, the more the more runs there are: one run scales them all, three tell them apart.
The error that a plan states is that of each run as the others alone would have forecast it.
"""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from finery.forecast.effort import Effort

PULL = 0.02
"""How much the usual prices weigh against the runs."""
LEAST = 3
"""Runs from which on an error can be said."""


@dataclass(frozen=True)
class Past:
    """One training that has run."""

    effort: Effort
    """What one of its steps took of the machine."""
    step_seconds: float
    peak: float | None
    """Bytes, as measured."""
    reckoned: float
    """Bytes, in closed form."""
    around: float
    """Seconds of its stage beside its steps: loading, tokenising, saving."""


@dataclass(frozen=True)
class Calibration:
    """What is made of the past."""

    prices: tuple[float, float, float]
    """Seconds an operation, a byte, a call."""
    runs: int = 0
    error: float | None = None
    """The median error of the seconds of a step, as a share; None where there are too few runs to say."""
    memory: float = 1.0
    """What the closed form's peak is multiplied by."""
    memory_runs: int = 0
    memory_error: float | None = None
    around: float = 0.0
    """Seconds of a stage beside its steps."""

    def step_seconds(self, effort: Effort) -> float:
        """Seconds of one step."""
        return float(np.dot(self.prices, effort.parts))


def calibrated(past: Sequence[Past], usual: tuple[float, float, float]) -> Calibration:
    """What the past teaches; the usual prices where there is none."""
    timed = [one for one in past if one.step_seconds > 0]
    sized = [one.peak / one.reckoned for one in past if one.peak and one.reckoned]
    made = Calibration(priced(timed, usual), len(timed), around=median([one.around for one in past], 0.0))
    made = replace(made, memory=median(sized, 1.0), memory_runs=len(sized))
    if len(timed) >= LEAST:
        made = replace(made, error=statistics.median(left_out(timed, usual)))
    if len(sized) >= LEAST:
        rest = [(one, median([*sized[:at], *sized[at + 1 :]], 1.0)) for at, one in enumerate(sized)]
        made = replace(made, memory_error=statistics.median(abs(guess / one - 1) for one, guess in rest))
    return made


def median(values: Sequence[float], otherwise: float) -> float:
    """The median, or something else where there are no values."""
    return statistics.median(values) if values else otherwise


def left_out(past: Sequence[Past], usual: tuple[float, float, float]) -> list[float]:
    """The error of each run, forecast from the others."""
    found = []
    for place, one in enumerate(past):
        prices = priced([*past[:place], *past[place + 1 :]], usual)
        found.append(abs(float(np.dot(prices, one.effort.parts)) / one.step_seconds - 1))
    return found


def priced(past: Sequence[Past], usual: tuple[float, float, float]) -> tuple[float, float, float]:
    """The prices by least squares of relative errors, none below nothing, drawn towards the usual ones."""
    if not past:
        return usual
    rows = np.array([one.effort.parts for one in past]) * np.array(usual)
    rows /= np.array([[one.step_seconds] for one in past])
    scale = 1 / float(np.median(rows.sum(axis=1)))
    pull = np.sqrt(PULL) / scale
    found = bounded_squares(
        np.vstack([rows, pull * np.eye(3)]), np.concatenate([np.ones(len(past)), np.full(3, pull * scale)])
    )
    return tuple(float(price) for price in found * np.array(usual))  # type: ignore[return-value]


def bounded_squares(matrix: np.ndarray, wanted: np.ndarray) -> np.ndarray:
    """The least-squares solution (3,) with no part below nothing: the best over which parts are left out."""
    best, least = np.zeros(matrix.shape[1]), np.inf
    for chosen in range(1, 2 ** matrix.shape[1]):
        columns = [place for place in range(matrix.shape[1]) if chosen >> place & 1]
        found, *_ = np.linalg.lstsq(matrix[:, columns], wanted, rcond=None)
        rest = float(np.square(matrix[:, columns] @ found - wanted).sum())
        if (found >= 0).all() and rest < least:
            best, least = np.zeros(matrix.shape[1]), rest
            best[columns] = found
    return best
