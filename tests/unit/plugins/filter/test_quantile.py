"""The k-th largest number is exact, however the numbers come."""

from __future__ import annotations

import math

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from finery_plugins.filter.quantile import largest, ordered, unordered

NUMBERS = st.lists(st.floats(allow_nan=False, allow_infinity=False), min_size=1, max_size=50)


@given(NUMBERS, st.integers(1, 100), st.integers(1, 7))
def test_the_threshold_is_that_of_a_sorted_list(numbers: list[float], percent: int, size: int) -> None:
    batches = [np.array(numbers[i : i + size]) for i in range(0, len(numbers), size)]
    wanted = math.ceil(len(numbers) * percent / 100)
    assert largest(lambda: batches, percent / 100) == sorted(numbers, reverse=True)[wanted - 1]


@given(NUMBERS)
def test_integers_of_the_same_order_give_the_numbers_back(numbers: list[float]) -> None:
    values = np.array(numbers)
    assert np.array_equal(unordered(ordered(values)), values)
    assert np.array_equal(values[np.argsort(ordered(values), kind="stable")], np.sort(values))


def test_what_is_not_finite_does_not_count() -> None:
    assert largest(lambda: [np.array([np.nan, 1.0, np.inf, 2.0, -np.inf])], 0.5) == 2.0


def test_nothing_has_no_threshold() -> None:
    assert largest(lambda: [np.array([]), np.array([np.nan])], 0.5) is None
    assert largest(list, 0.5) is None
