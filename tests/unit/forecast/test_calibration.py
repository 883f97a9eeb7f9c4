"""Forecasts learn from runs: prices of a step, and how far off they were."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from finery.forecast.calibration import Past, calibrated
from finery.forecast.effort import Effort

USUAL = (1 / 4e10, 1 / 8e9, 2e-5)


def past(flop: float, moved: float, calls: float, prices: tuple[float, float, float], peak: float = 2.0) -> Past:
    """A run on a machine with these prices."""
    effort = Effort(flop, moved, calls)
    seconds = sum(part * price for part, price in zip(effort.parts, prices, strict=True))
    return Past(effort, seconds, peak, 1.0, 5.0)


def test_without_runs_the_usual_prices_stand() -> None:
    found = calibrated([], USUAL)
    assert (found.prices, found.runs, found.error) == (USUAL, 0, None)


@settings(deadline=None)
@given(st.floats(0.1, 10))
def test_one_run_scales_all_prices(factor: float) -> None:
    run = past(1e10, 1e9, 1e4, tuple(factor * price for price in USUAL))  # type: ignore[arg-type]
    found = calibrated([run], USUAL)
    assert found.step_seconds(run.effort) == pytest.approx(run.step_seconds, rel=0.01)
    assert found.step_seconds(Effort(1e11, 1e10, 1e5)) == pytest.approx(10 * run.step_seconds, rel=0.01)


def test_three_runs_tell_the_prices_apart() -> None:
    prices = (2 / 4e10, 0.5 / 8e9, 3e-5)
    runs = [past(1e9, 1e8, 2e4, prices), past(1e11, 1e9, 1e4, prices), past(1e10, 1e10, 1e3, prices)]
    found = calibrated(runs, USUAL)
    other = past(5e10, 3e9, 5e3, prices)
    assert found.step_seconds(other.effort) == pytest.approx(other.step_seconds, rel=0.1)


def test_the_stated_error_is_of_runs_that_were_left_out() -> None:
    runs = [past(1e10, 1e9, 1e4, USUAL) for _ in range(4)]
    odd = past(1e10, 1e9, 1e4, tuple(2 * price for price in USUAL))  # type: ignore[arg-type]
    assert calibrated(runs, USUAL).error == pytest.approx(0, abs=0.01)
    assert calibrated([runs[0], odd, odd], USUAL).error > 0.2  # type: ignore[operator]
    assert calibrated(runs[:2], USUAL).error is None


def test_memory_is_drawn_towards_what_runs_took() -> None:
    found = calibrated([past(1e10, 1e9, 1e4, USUAL, peak) for peak in (1.1, 1.2, 1.3)], USUAL)
    assert (found.memory, found.memory_runs) == (1.2, 3)
    assert found.memory_error == pytest.approx(0.1, abs=0.03)
