"""Calibrated probabilities are right, and what is said of them is what brute force says."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from finery_plugins.text.calibration import Platt, auc, calibration_error, log_loss, measures, platt, probabilities

CASES = st.lists(st.tuples(st.floats(-5, 5), st.booleans()), min_size=4, max_size=40).filter(
    lambda cases: len({label for _, label in cases}) == 2
)


def columns(cases: list[tuple[float, bool]]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    values, labels = (np.array(column, np.float64) for column in zip(*cases, strict=True))
    return values, labels, np.ones(len(values))


@given(CASES)
def test_no_nearby_slope_or_offset_has_less_loss(cases: list[tuple[float, bool]]) -> None:
    logits, labels, shares = columns(cases)
    fewer = min(labels.sum(), (1 - labels).sum())
    targets = np.where(labels > 0, (fewer + 1) / (fewer + 2), 1 / (fewer + 2))
    found = platt(logits, labels, shares)
    loss = log_loss(logits, targets, shares, found)
    for slope, offset in ((0.01, 0), (-0.01, 0), (0, 0.01), (0, -0.01)):
        assert log_loss(logits, targets, shares, Platt(found.slope + slope, found.offset + offset)) >= loss - 1e-7


def test_calibration_finds_the_scale_that_labels_were_drawn_with() -> None:
    generator = np.random.default_rng(17)
    logits = generator.normal(size=50_000)
    labels = (generator.random(50_000) < probabilities(logits, Platt(3.0, -1.0))).astype(np.float64)
    found = platt(logits, labels, np.ones(50_000))
    assert (found.slope, found.offset) == pytest.approx((3.0, -1.0), abs=0.1)
    assert calibration_error(probabilities(logits, found), labels, np.ones(50_000)) < 0.01


def test_the_best_threshold_is_a_half_whatever_the_sizes_of_the_classes() -> None:
    logits, labels = np.array([-1.0] * 90 + [1.0] * 10), np.array([0.0] * 90 + [1.0] * 10)
    shares = np.where(labels > 0, 5.0, 5 / 9)
    assert probabilities(np.array([0.0]), platt(logits, labels, shares))[0] == pytest.approx(0.5, abs=0.05)


@given(CASES)
def test_auc_is_the_share_of_pairs_in_order(cases: list[tuple[float, bool]]) -> None:
    values, labels, _ = columns(cases)
    pairs = [(a > b) + (a == b) / 2 for a in values[labels > 0] for b in values[labels == 0]]
    assert auc(values, labels) == pytest.approx(sum(pairs) / len(pairs))


def test_probabilities_that_say_too_much_are_off_by_what_they_say_too_much() -> None:
    p, labels = np.full(100, 0.9), np.array([1.0] * 60 + [0.0] * 40)
    assert calibration_error(p, labels, np.ones(100)) == pytest.approx(0.3)
    assert measures(p, labels, np.ones(100))["accuracy"] == pytest.approx(0.6)
