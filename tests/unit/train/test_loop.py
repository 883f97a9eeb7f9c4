"""The loop's options: budgets become steps, and the learning rate rises and falls."""

from __future__ import annotations

import math

import pytest
from pydantic import ValidationError

from finery_plugins.train.loop import Loop
from finery_plugins.train.pretrain import Pretrain
from finery_plugins.train.sft import Sft


def test_a_token_budget_is_rounded_up_to_whole_steps() -> None:
    loop = Loop.of(Pretrain(tokens=1000, batch=4, accumulate=2))
    assert loop.total_rows(rows=5, context=64) == 16
    assert loop.budget(64) == 16 * 64


def test_epochs_are_the_default_budget() -> None:
    loop = Loop.of(Pretrain())
    assert loop.total_rows(rows=11, context=64) == 11
    assert math.isinf(loop.budget(64))


@pytest.mark.parametrize("plugin", [Pretrain, Sft])
def test_two_budgets_are_refused(plugin: type) -> None:
    with pytest.raises(ValidationError, match="steps and epochs exclude each other"):
        plugin(steps=3, epochs=1)


def test_the_rate_rises_then_falls_to_its_floor() -> None:
    loop = Loop.of(Pretrain(warmup=0.1, floor=0.1))
    rates = [loop.rate(step, 100) for step in range(100)]
    assert rates[0] == pytest.approx(0.1)
    assert rates[9] == max(rates) == 1.0
    assert rates[10:] == sorted(rates[10:], reverse=True)
    assert rates[-1] == pytest.approx(0.1, abs=1e-3)


def test_every_option_of_the_loop_is_documented() -> None:
    for plugin in (Pretrain, Sft):
        fields = plugin.__pydantic_fields__
        assert [name for name, field in fields.items() if not field.description] == []
