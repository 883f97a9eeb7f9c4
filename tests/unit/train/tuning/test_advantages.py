"""The arithmetic of proximal policy optimisation, against what plain Python makes of its definitions."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from finery_plugins.train.advantages import adapted_weight

ANSWER = st.lists(st.tuples(st.floats(-3, 3), st.floats(-3, 3)), min_size=1, max_size=6)


def defined(rewards: list[float], values: list[float], discount: float, smoothing: float) -> list[float]:
    """Equation 16 of Schulman et al. 2016: a sum over all later temporal differences, for each token."""
    after = [*values[1:], 0.0]
    apart = [r + discount * v - now for r, v, now in zip(rewards, after, values, strict=True)]
    powers = [(discount * smoothing) ** k for k in range(len(apart))]
    return [sum(p * d for p, d in zip(powers, apart[t:], strict=False)) for t in range(len(apart))]


@settings(max_examples=40)
@given(st.lists(ANSWER, min_size=1, max_size=4), st.floats(0.5, 1), st.floats(0, 1))
def test_advantages_are_sums_of_later_differences(answers, discount: float, smoothing: float) -> None:
    import torch

    from finery_plugins.train.advantages import advantages

    width = max(map(len, answers))
    rewards, values, mask = (torch.zeros(len(answers), width, dtype=torch.float64) for _ in range(3))
    for row, answer in enumerate(answers):
        rewards[row, : len(answer)] = torch.tensor([reward for reward, _ in answer], dtype=torch.float64)
        values[row, : len(answer)] = torch.tensor([value for _, value in answer], dtype=torch.float64)
        mask[row, : len(answer)] = 1
    found = advantages(rewards, values, mask, discount, smoothing).numpy()
    for row, answer in enumerate(answers):
        wanted = defined([r for r, _ in answer], [v for _, v in answer], discount, smoothing)
        np.testing.assert_allclose(found[row, : len(answer)], wanted, atol=1e-9)
        assert not found[row, len(answer) :].any()


def test_the_score_comes_at_the_last_token_and_distance_at_each() -> None:
    import torch

    from finery_plugins.train.advantages import token_rewards

    mask = torch.tensor([[1.0, 1.0, 0.0], [1.0, 0.0, 0.0]])
    apart = torch.tensor([[1.0, 2.0, 9.0], [-1.0, 9.0, 9.0]])
    found = token_rewards(torch.tensor([10.0, 20.0]), apart, mask, 0.5)
    assert found.tolist() == [[-0.5, 9.0, 0.0], [20.5, 0.0, 0.0]]


def test_whitened_values_have_mean_nought_and_variance_one_where_they_count() -> None:
    import torch

    from finery_plugins.train.advantages import whitened

    mask = torch.tensor([[1.0, 1.0, 1.0, 0.0]])
    found = whitened(torch.tensor([[1.0, 2.0, 6.0, 100.0]]), mask)
    assert found.sum().item() == pytest.approx(0, abs=1e-6)
    assert (found**2).sum().item() / 3 == pytest.approx(1, abs=1e-5)
    assert found[0, 3] == 0


@pytest.mark.parametrize(
    "moved, gain, wanted, pushed",
    [(0.0, 1.0, -1.0, True), (1.0, 1.0, -1.2, False), (-1.0, 1.0, -math.exp(-1), True), (-1.0, -1.0, 0.8, False)],
)
def test_a_token_that_moved_far_enough_is_not_pushed_further(moved, gain, wanted, pushed) -> None:
    import torch

    from finery_plugins.train.advantages import policy_loss

    logps = torch.tensor([[moved]], requires_grad=True)
    loss, clipped = policy_loss(logps, torch.zeros(1, 1), torch.tensor([[gain]]), torch.ones(1, 1), 0.2)
    loss.backward()
    assert loss.item() == pytest.approx(wanted)
    assert bool(logps.grad.any()) == pushed
    assert clipped.item() == (not pushed)


def test_a_value_that_moved_far_is_held_to_the_worse_error() -> None:
    import torch

    from finery_plugins.train.advantages import value_loss

    one = torch.ones(1, 1)
    assert value_loss(2.0 * one, 0.0 * one, 2.0 * one, one, 0.5).item() == pytest.approx(0.5 * 1.5**2)
    assert value_loss(0.1 * one, 0.0 * one, 2.0 * one, one, 0.5).item() == pytest.approx(0.5 * 1.9**2)


def test_the_weight_grows_beyond_the_target_and_falls_below_it() -> None:
    assert adapted_weight(0.1, 6.0, 3.0, 1000) == pytest.approx(0.1 * 1.02)
    assert adapted_weight(0.1, 0.0, 3.0, 1000) == pytest.approx(0.1 * 0.98)
    assert adapted_weight(0.1, 3.0, 3.0, 1000) == pytest.approx(0.1)
