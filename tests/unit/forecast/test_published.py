"""Published figures come out of the planner's arithmetic."""

from __future__ import annotations

import pytest

from finery.demand import Demand, Network
from finery.forecast.compute import days, optimal, simple_work, work
from finery.forecast.hardware import cards
from finery.forecast.memory import rule_of_thumb, zero_table

GPT3 = Network(
    parameters=174_600_000_000, layers=96, width=12_288, heads=96, queries=12_288, keys=12_288, feedforward=49_152,
    vocabulary=50_257, is_gated=False, norm_copies=1, context=2048, kind="gpt3",
)  # fmt: skip


def demand(network: Network, tokens: float, **more: object) -> Demand:
    """A plain training."""
    return Demand(network, "pretrain", rows=1, context=2048, steps=1, tokens=tokens, records=1, **more)  # type: ignore[arg-type]


def test_gpt_3_took_3_14e23_operations() -> None:
    """Brown et al. 2020, table D.1: 174,600 M parameters, 300 B tokens, 3.14e23."""
    assert simple_work(174.6e9, 300e9) == pytest.approx(3.14e23, rel=0.005)
    assert work(demand(GPT3, 300e9)).weights == pytest.approx(3.14e23, rel=0.005)


def test_gpt_3_takes_34_days_on_1024_cards() -> None:
    """Narayanan et al. 2021, section 5.1: 1,024 A100 at 140 TFLOP/s each, activations worked out again."""
    done = work(demand(GPT3, 300e9, is_checkpointed=True))
    assert days(done.weights + 2 * 174.6e9 * 300e9, 1024, 140e12) == pytest.approx(34, abs=1)


def test_34_days_on_1000_v100_ask_for_five_sixths_of_their_peak() -> None:
    """The often quoted figure holds for the card's peak of 125 TFLOP/s, of which 0.86 would have to be reached."""
    assert days(simple_work(174.6e9, 300e9), 1000, 0.86 * cards()["v100"].half * 1e12) == pytest.approx(34, abs=0.5)


@pytest.mark.parametrize(
    ("parameters", "operations", "tokens"),
    [
        (400e6, 1.92e19, 8.0e9),
        (1e9, 1.21e20, 20.2e9),
        (10e9, 1.23e22, 205.1e9),
        (67e9, 5.76e23, 1.5e12),
        (175e9, 3.85e24, 3.7e12),
        (280e9, 9.90e24, 5.9e12),
        (520e9, 3.43e25, 11.0e12),
        (1e12, 1.27e26, 21.2e12),
    ],
)
def test_the_table_of_chinchilla(parameters: float, operations: float, tokens: float) -> None:
    """Hoffmann et al. 2022, table 3."""
    found, seen = optimal(operations)
    assert found == pytest.approx(parameters, rel=0.07)
    assert seen == pytest.approx(tokens, rel=0.12)


def test_the_table_of_zero() -> None:
    """Rajbhandari et al. 2020, figure 1: 7.5 B parameters on 64 cards."""
    assert [round(size / 1e9, 1) for size in zero_table(7.5e9, 64)] == [120.0, 31.4, 16.6, 1.9]


@pytest.mark.parametrize(("rank", "millions"), [(1, 4.7), (8, 37.7)])
def test_what_lora_trains_of_gpt_3(rank: int, millions: float) -> None:
    """Hu et al. 2021, table 4: queries and values of all 96 layers; 0.003 % to 0.02 % of the weights."""
    from finery_plugins.train.demand import method_parts
    from finery_plugins.train.method import Lora, LoraMethod

    parts = method_parts(LoraMethod(lora=Lora(rank=rank, targets=["q_proj", "v_proj"])), GPT3)
    assert parts["trained"] / 1e6 == pytest.approx(millions, abs=0.1)


def test_7_billion_parameters_are_140_gigabytes_by_the_rule_of_thumb() -> None:
    seven = Network(7_000_000_000, 32, 4096, 32, 4096, 4096, 11_008, 32_000)
    assert rule_of_thumb(demand(seven, 1.0))[1] / 1e9 == pytest.approx(140)
