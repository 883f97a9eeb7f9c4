"""Advice on a training: rules with a name and a source, each of which `[plan] silence` silences.

A rule is a function of a Case that yields what it has to say. Another package adds one under an entry point of the
group `finery.advice`: `house-style = "acme_rules:house_style"`.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable, Iterator
from importlib import metadata

from finery.errors import PluginError
from finery.forecast.case import Advice, Case

Rule = Callable[[Case], Iterable[Advice]]
TUNED = ("tune", "prefer", "reward", "reinforce")
DAY = 86_400.0


def base_or_chat(case: Case) -> Iterator[Advice]:
    """Few conversations suit a model that talks already, many a base."""
    records, is_chat = case.demand.records, case.demand.network.is_chat
    said = "LIMA (Zhou et al. 2023) for little data; guides to tuning for the bounds of 10,000 and 100,000"
    if case.demand.aim != "tune" or is_chat is None:
        return
    if records < 10_000 and not is_chat:
        yield Advice("base-or-chat", f"{records:,} records are few: start from a chat model, which needs less", said)
    if records > 100_000 and is_chat:
        yield Advice("base-or-chat", f"{records:,} records are many: a base model takes its tone from them alone", said)


def adapter_or_all(case: Case) -> Iterator[Advice]:
    """Little data: an adapter; much, and room for it: all weights."""
    demand, said = case.demand, "Biderman et al. 2024: LoRA learns less and forgets less"
    if demand.aim != "tune":
        return
    if demand.method in ("lora", "qlora") and demand.records > 10_000 and case.training.fits:
        yield Advice(
            "adapter-or-all", f"over 10,000 records ({demand.records:,}): training all weights learns more", said
        )
    if demand.method == "full" and demand.records < 10_000 and demand.network.parameters > 1e8:
        yield Advice(
            "adapter-or-all", f"{demand.records:,} records: an adapter forgets less of what the model knew", said
        )


def learning_rate(case: Case) -> Iterator[Advice]:
    """About 2e-5 for all weights, 5e-5 to 1e-3 for adapters; the square root of the batch goes with it."""
    demand = case.demand
    if demand.lr is None or demand.aim != "tune":
        return
    scale = math.sqrt(max(demand.rows * demand.accumulate, 1) / 64)
    is_adapter = demand.added > 0
    low, high = (5e-5, 1e-3) if is_adapter else (5e-6 * min(scale, 1), 1e-4 * max(scale, 1))
    if demand.network.parameters < 1e8 and not is_adapter:
        high = 5e-3  # small networks take far larger steps (Kaplan et al. 2020, appendix D.6)
    if not low <= demand.lr <= high:
        text = f"lr = {demand.lr:g} is {'low' if demand.lr < low else 'high'}: usual is {low:.0e} to {high:.0e} here"
        yield Advice(
            "learning-rate", text, "Taori et al. 2023 (2e-5); Dettmers et al. 2023; Malladi et al. 2022 (roots)"
        )


def batch_size(case: Case) -> Iterator[Advice]:
    """16 to 128 rows a step."""
    rows = case.demand.rows * case.demand.accumulate
    if case.demand.aim == "tune" and not 16 <= rows <= 128:
        text = f"{rows} rows a step: 16 to 128 are usual; `accumulate` raises it for no memory"
        yield Advice("batch-size", text, "Taori et al. 2023 (128), Zhou et al. 2023 (32 to 64)", 0)


def epochs(case: Case) -> Iterator[Advice]:
    """As often as the data bears it."""
    demand = case.demand
    if demand.aim in ("pretrain", "continue") and demand.epochs > 4.5:
        text = f"{demand.epochs:.1f} epochs: beyond 4, repeating is worth less and less, and beyond 16 nearly nothing"
        yield Advice("epochs", text, "Muennighoff et al. 2023", 2 if demand.epochs > 16 else 1)
    if demand.aim == "tune":
        usual = 3 if demand.records <= 8_333 else max(1, 25_000 // max(demand.records, 1))
        if demand.epochs > 3 * usual and demand.records > 100:
            text = f"{demand.epochs:.1f} epochs over {demand.records:,} records: about {usual} are usual"
            yield Advice("epochs", text, "OpenAI cookbook, fine-tuning data preparation, 2023")


def warm_up(case: Case) -> Iterator[Advice]:
    """Some steps of warm-up, and no more than a tenth."""
    demand = case.demand
    if demand.warmup is None:
        return
    if demand.warmup == 0 and demand.steps > 100 and demand.aim in ("pretrain", "continue", "tune"):
        yield Advice(
            "warm-up", "no warm-up: 1 to 10 % of the steps keep Adam's first ones small", "Gotmare et al. 2018", 0
        )
    if demand.warmup > 0.2:
        yield Advice(
            "warm-up", f"warm-up takes {demand.warmup:.0%} of the steps: 1 to 10 % are usual", "Gotmare et al. 2018", 0
        )


def enough_tokens(case: Case) -> Iterator[Advice]:
    """20 tokens a parameter and more, from scratch."""
    demand = case.demand
    ratio = demand.tokens * demand.filled / max(demand.network.parameters, 1)
    said = "Hoffmann et al. 2022 (20); Sardana et al. 2023 and Llama 3 for far more"
    if demand.aim != "pretrain":
        return
    if ratio < 10:
        best = demand.tokens * demand.filled / 20
        usual = "where 20 to 100 are usual: a network of"
        text = f"{ratio:.1f} tokens a parameter, {usual} {best / 1e6:,.3g} M parameters would suit them"
        yield Advice("enough-tokens", text, said, 2 if ratio < 2 else 1)
    if ratio > 200:
        yield Advice("enough-tokens", f"{ratio:,.0f} tokens a parameter: a larger network would learn more", said, 0)


GENERAL = re.compile(r"general|web|crawl|wiki|common|open|packages|instruct")
CODE = re.compile(r"code|github|stack(?!exchange)")
BOOKS = re.compile(r"book|paper|arxiv|academic")


def domain_share(case: Case) -> Iterator[Advice]:
    """What is new must not drown what was known."""
    by_source = case.demand.by_source
    general = sum(n for name, n in by_source.items() if GENERAL.search(name.lower()))
    total = sum(by_source.values())
    if not total or not general or general == total or case.demand.aim not in ("continue", "tune"):
        return
    share = 1 - general / total
    most, words = (
        (0.2, "4 to 1, and at most 15 % where a model is trained on")
        if case.demand.aim == "continue"
        else (0.6, "about 1 to 1")
    )
    if share > most:
        text = f"{share:.0%} of the tokens are of the domain: general to domain is usually {words}"
        yield Advice("domain-share", text, "Wen et al. 2023 (ChatHome); Ibrahim et al. 2024; Dong et al. 2023")


def source_types(case: Case) -> Iterator[Advice]:
    """How much of a pre-training mix is web, code and books."""
    by_source, total = case.demand.by_source, sum(case.demand.by_source.values())
    if case.demand.aim != "pretrain" or len(by_source) < 2 or not total:
        return
    for what, pattern, most in (("code", CODE, 0.4), ("books and papers", BOOKS, 0.3)):
        share = sum(n for name, n in by_source.items() if pattern.search(name.lower())) / total
        if share > most:
            text = f"{share:.0%} of the tokens are {what}: general mixes have up to {most:.0%}"
            yield Advice("source-types", text, "Zhao et al. 2023, survey, figure 6; Touvron et al. 2023", 0)


def too_large(case: Case) -> Iterator[Advice]:
    """What takes weeks, or does not fit."""
    training = case.training
    if training.cost.seconds > 30 * DAY:
        days = f"{training.cost.seconds / DAY:,.0f} days on {case.site.count} x {case.site.card.name}"
        text = f"{days}: try a smaller network first"
        yield Advice("too-large", text, "scaling laws are read from small runs: Kaplan et al. 2020", 2)
    if not training.fits:
        room = f"{case.site.card.name} has {case.site.card.usable / 2**30:,.1f}"
        text = f"needs {training.peak / 2**30:,.1f} GiB, and {room}"
        yield Advice("too-large", text, "the closed form, see `memory`", 2)


def trained_share(case: Case) -> Iterator[Advice]:
    """How much of what is read is learnt, and of each row is padding."""
    demand = case.demand
    if demand.filled < 0.6 and demand.aim in ("pretrain", "continue", "tune"):
        text = f"{1 - demand.filled:.0%} of every row is padding: `packing` or a shorter `context` wastes less"
        yield Advice("padding", text, "Krell et al. 2021")
    if demand.aim == "tune" and demand.learnt < 0.1:
        text = f"{demand.learnt:.0%} of the tokens are learnt: the answers are short beside what is asked"
        yield Advice("padding", text, "Shi et al. 2024, instruction modelling", 0)


RULES: dict[str, Rule] = {
    "base-or-chat": base_or_chat,
    "adapter-or-all": adapter_or_all,
    "learning-rate": learning_rate,
    "batch-size": batch_size,
    "epochs": epochs,
    "warm-up": warm_up,
    "enough-tokens": enough_tokens,
    "domain-share": domain_share,
    "source-types": source_types,
    "too-large": too_large,
    "padding": trained_share,
}
"""Our own rules."""


def rules(silenced: Iterable[str]) -> dict[str, Rule]:
    """All rules but those that are silenced; other packages' come behind ours. Raises PluginError for a broken one."""
    found = dict(RULES)
    for point in metadata.entry_points(group="finery.advice"):
        try:
            found.setdefault(point.name, point.load())
        except (ImportError, AttributeError) as error:
            raise PluginError.at(
                f"advice '{point.name}'", f"cannot be loaded: {error}", "reinstall its package"
            ) from None
    return {name: rule for name, rule in found.items() if name not in set(silenced)}


def advice(case: Case, silenced: Iterable[str] = ()) -> list[Advice]:
    """What the rules say of a training, the gravest first."""
    said = [one for rule in rules(silenced).values() for one in rule(case)]
    return sorted(said, key=lambda one: -one.weight)
