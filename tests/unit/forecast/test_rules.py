"""Advice: each rule speaks where it should, names its source, and can be silenced."""

from __future__ import annotations

from dataclasses import replace

import pytest

from finery.demand import Demand, Network
from finery.forecast.alternatives import Reckoner, alternatives
from finery.forecast.case import Case, StageForecast, Training
from finery.forecast.compute import cost, seconds, work
from finery.forecast.effort import effort
from finery.forecast.hardware import UTILISATION, Site, cards
from finery.forecast.memory import Split, memory
from finery.forecast.rules import RULES, advice

SEVEN = Network(7_000_000_000, 32, 4096, 32, 4096, 4096, 11_008, 32_000, is_tied=False, is_chat=False)
SITE = Site(cards()["h100"], 1, UTILISATION, False)
PLAIN = Demand(
    SEVEN, "tune", rows=1, context=1024, steps=1000, tokens=8e6, records=5000, accumulate=32, lr=2e-5, warmup=0.03,
    epochs=3.0, logits=1 << 24, method="lora", trained=40_000_000, added=40_000_000, rank=16, by_source={"a": 1e6},
    levers={"checkpointing": "c", "mixed": "m", "adapter": "a{rank}", "quantised": "q{rank}", "zero": "z{stage}"},
)  # fmt: skip
FULL = replace(PLAIN, method="full", trained=None, added=0, rank=0)


def said(demand: Demand, silenced: tuple[str, ...] = ()) -> set[str]:
    """The names of the rules that speak."""
    held, took = memory(demand), cost(*seconds(demand, SITE, 1), SITE)
    made = Training(demand, held, held.peak, work(demand), effort(demand), took, 0.0, held.peak < SITE.card.usable)
    return {one.rule for one in advice(Case(StageForecast("s", "train", "sft", False), made, SITE), silenced)}


@pytest.mark.parametrize(
    ("rule", "demand"),
    [
        ("base-or-chat", PLAIN),
        ("base-or-chat", replace(PLAIN, records=200_000, network=replace(SEVEN, is_chat=True))),
        ("adapter-or-all", FULL),
        ("learning-rate", replace(FULL, lr=1e-2)),
        ("learning-rate", replace(PLAIN, lr=1e-6)),
        ("batch-size", replace(PLAIN, accumulate=1)),
        ("epochs", replace(PLAIN, epochs=30.0)),
        ("epochs", replace(PLAIN, aim="continue", epochs=6.0)),
        ("warm-up", replace(PLAIN, warmup=0.5)),
        ("enough-tokens", replace(FULL, aim="pretrain", tokens=1e9)),
        ("domain-share", replace(PLAIN, aim="continue", by_source={"web": 1.0, "tickets": 1.0})),
        ("source-types", replace(FULL, aim="pretrain", by_source={"web": 1.0, "code": 1.0})),
        ("too-large", FULL),
        ("padding", replace(PLAIN, filled=0.3)),
    ],
)
def test_a_rule_speaks_and_is_silenced(rule: str, demand: Demand) -> None:
    assert rule in RULES
    assert rule in said(demand)
    assert rule not in said(demand, (rule,))


def test_a_sensible_tuning_is_left_alone() -> None:
    assert said(replace(PLAIN, network=replace(SEVEN, is_chat=True), lr=2e-4)) == set()


def test_what_fits_comes_first() -> None:
    reckoner = Reckoner(1.0, lambda demand: seconds(demand, SITE, 1)[0], SITE)
    found = alternatives(FULL, reckoner)
    fits = [one.fits for one in found]
    assert fits == sorted(fits, reverse=True)
    assert "LoRA of rank 16" in [one.name for one in found if one.fits]
    assert "ZeRO-3 on 8 cards" in [one.name for one in found if one.fits]


def test_memory_falls_with_everything_that_is_said_to_lower_it() -> None:
    peak = memory(FULL).peak
    for less in (
        {"is_checkpointed": True},
        {"context": 512},
        {"zero": 1, "workers": 4, "accumulate": 32},
        {"zero": 3, "workers": 8, "accumulate": 32},
        {"zero": 3, "workers": 8, "accumulate": 32, "offload": "parameters"},
    ):
        assert memory(replace(FULL, **less)).peak < peak  # type: ignore[arg-type]
    assert memory(FULL, Split(tensor=2)).peak < 0.6 * peak
    assert memory(FULL, Split(pipeline=2)).peak < peak
