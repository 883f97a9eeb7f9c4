"""How a forecast is shown: a line a stage, then each training with its memory, time, alternatives and advice."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict
from typing import Any

import click

from finery.cli.render import Branch, emit, indented, tree
from finery.forecast.alternatives import smallest
from finery.forecast.case import Forecast, StageForecast, Training
from finery.forecast.compute import TOKENS_PER_PARAMETER, optimal
from finery.forecast.memory import Split, memory, rule_of_thumb

SHOWN = 4
"""Alternatives of a training that are shown."""


def page(found: Forecast) -> None:
    """Print a forecast."""
    click.echo()
    emit([row(one) for one in found.stages], ["stage", "records", "text", "tokens", "peak", "time", "cost"], False)
    click.echo()
    for one in found.stages:
        if one.training is not None:
            tree(branch(one, one.training, found))
            click.echo()
        elif one.hook == "train" and one.unknown:
            click.echo("\n".join([*indented(Branch(f"{one.stage}: unknown: {one.unknown}"), 0), ""]))
    for line in closing(found):
        click.echo("\n".join(indented(Branch(line), 0)))


def row(one: StageForecast) -> dict[str, Any]:
    """A stage in a line."""
    training, first = one.training, one.amounts and one.amounts[0]
    made: dict[str, Any] = {"stage": one.stage, "time": "reused" if one.reused else told_time(one.seconds)}
    if first:
        sure = "" if all(amount.origin == "counted" for amount in one.amounts) else "~"
        made |= {"records": f"{sure}{big(sum(a.records for a in one.amounts))}"}
        made |= {"text": f"{sure}{big(sum(a.characters for a in one.amounts))}"}
    if training is not None:
        made |= {
            "tokens": big(training.demand.tokens),
            "peak": size(training.peak),
            "cost": money(training.cost.dollars),
        }
    return made


def branch(one: StageForecast, training: Training, found: Forecast) -> Branch:
    """A training as a tree."""
    root = Branch(f"{one.stage}: {one.plugin}, {title(training)}")
    learns = training.demand.learning > 0
    for name, lines in (
        ("data", data_lines(one, training) if learns else read_lines(training)),
        ("memory of one worker", memory_lines(training)),
        ("time", time_lines(training, found)),
        ("instead", alternative_lines(training)),
        ("advice", (f"{a.rule}: {a.text} [{a.source}]" for a in training.advice)),
        ("assumed", [*training.demand.notes, *([one.unknown] if one.unknown else [])]),
    ):
        told = list(lines)
        below = root.add(name) if told else None
        for line in told:
            below.add(line)  # type: ignore[union-attr]
    return root


def title(training: Training) -> str:
    """The network and how it is trained."""
    demand, network = training.demand, training.demand.network
    guessed = f" (sizes by {network.guessed})" if network.guessed else ""
    share = "" if demand.share in (0, 1) else f", {demand.method}: {demand.share:.3%} of the weights trained"
    return f"{big(network.parameters)} parameters{guessed}{share}"


def read_lines(training: Training) -> Iterator[str]:
    """What is read where nothing is trained."""
    demand = training.demand
    yield f"{demand.records:,} records, {big(demand.tokens)} tokens, read before and after"


def data_lines(one: StageForecast, training: Training) -> Iterator[str]:
    """Tokens by source, lengths, what is trained, what is padding; tokens a parameter."""
    demand = training.demand
    total = sum(demand.by_source.values())
    shares = ", ".join(f"{name} {big(n)} ({n / max(total, 1):.0%})" for name, n in demand.by_source.items())
    yield f"tokens of an epoch: {shares}" if shares else "tokens: unknown"
    if marks := percentiles([length for amount in one.amounts for length in amount.lengths]):
        yield "characters of a record: " + ", ".join(f"{name} {big(value)}" for name, value in marks.items())
    real = f"{demand.filled:.0%} of them no padding, {demand.learnt:.0%} of these learnt"
    yield f"{demand.epochs:,.3g} epochs are {big(demand.tokens)} tokens, {real}"
    ratio = demand.tokens * demand.filled / max(demand.network.parameters, 1)
    yield f"{ratio:,.3g} tokens a parameter; from scratch {TOKENS_PER_PARAMETER:g} are optimal, 20 to 100 usual"
    best, wanted = optimal(training.work.total)
    yield f"as much computing suits {big(best)} parameters and {big(wanted)} tokens best"


def memory_lines(training: Training) -> Iterator[str]:
    """The parts, the phases, the rule of thumb, and how it would be divided."""
    held, demand = training.memory, training.demand
    how = "traced" if training.trial and training.trial.seconds is None else "probed" if training.trial else "reckoned"
    yield f"peak {size(training.peak)} ({how}), in the {(training.trial and training.trial.phase) or held.phase} phase"
    parts = {"weights": held.weights, "gradients": held.gradients, "optimizer": held.states}
    parts |= {"activations": held.activations, "loss": held.loss, "buffers": held.buffers}
    yield ", ".join(f"{name} {size(value)}" for name, value in parts.items() if value)
    if not demand.learning:
        return
    yield f"phases: forward {size(held.forward)}, backward {size(held.backward)}, step {size(held.step)}"
    low, high = map(size, rule_of_thumb(demand))
    yield f"rule of thumb, 16 to 20 bytes a trained parameter: {low} to {high}, without activations and loss"
    if demand.workers > 1:
        halves = memory(demand, Split(tensor=2)).peak, memory(demand, Split(pipeline=2)).peak
        yield f"with 2 cards a model: {size(halves[0])} by tensors, {size(halves[1])} by layers"
    if held.host:
        yield f"in the machine's own memory: {size(held.host)}"


def time_lines(training: Training, found: Forecast) -> Iterator[str]:
    """Operations, time, cost, energy, disk."""
    work, cost, demand = training.work, training.cost, training.demand
    again = f", {work.again / work.total:.0%} of them again" if work.again else ""
    yield f"{work.total:.3g} operations ({work.attention / work.total:.0%} in attention{again}), {demand.steps:,} steps"
    band = f"{told_time(cost.low)} to {told_time(cost.high)}"
    yield f"{told_time(cost.seconds)} ({band}) on {max(found.site.count, demand.workers)} x {found.site.card.name}"
    energy = f"{money(cost.dollars)}, {cost.kilowatt_hours:.3g} kWh"
    yield f"{energy}; {size(training.disk)} of disk for checkpoints and model"


def alternative_lines(training: Training) -> Iterator[str]:
    """The best alternatives, against what it is now, each with the smallest card that would hold it."""
    for one in training.alternatives[:SHOWN]:
        less = one.peak - training.peak
        time = one.seconds / training.cost.seconds - 1 if training.cost.seconds else 0.0
        card = smallest(one.peak)
        fits = "fits" if one.fits else f"fits {card}" if card else "fits no card"
        change = f"{'+' if less > 0 else '-'}{size(abs(less))}, {time:+.0%} time, {fits}"
        yield f"{one.name} ({change}): {one.how}"


def closing(found: Forecast) -> Iterator[str]:
    """What goes for all stages: total time, disk, what is assumed, and how good earlier forecasts were."""
    known = [one.seconds for one in found.stages if one.seconds is not None and not one.reused]
    unknown = [one.stage for one in found.stages if one.seconds is None]
    more = f", and {', '.join(unknown)}, of whose speed nothing is known yet" if unknown else ""
    yield f"in all: {told_time(sum(known))}{more}; about {size(found.disk)} of disk for records"
    told = found.calibration
    if told is not None and told.runs:
        time, peak = errors(told.error, told.runs, "time"), errors(told.memory_error, told.memory_runs, "memory")
        yield f"on this machine: {time}; {peak}"
    elif found.site.is_here:
        yield "on this machine: no training has run yet, so its speed is a guess"
    yield from found.notes
    if found.level == "instant":
        yield "look closer: --trace (memory, half a minute) or --probe (memory and time, three real steps)"


def errors(error: float | None, runs: int, what: str) -> str:
    """How far off forecasts were."""
    if error is None:
        return f"{what} by {runs} earlier {'run' if runs == 1 else 'runs'}"
    return f"{what} median error {error:.0%}, n = {runs}"


def size(value: float) -> str:
    """Bytes in a unit that suits them."""
    for unit in ("B", "KiB", "MiB"):
        if value < 1024:
            return f"{value:.3g} {unit}"
        value /= 1024
    return f"{value:,.3g} GiB" if value < 1024 else f"{value / 1024:,.3g} TiB"


def big(value: float) -> str:
    """A count in thousands, millions or billions."""
    for unit in ("", " k", " M"):
        if value < 1000:
            return f"{value:.3g}{unit}"
        value /= 1000
    return f"{value:,.3g} G"


def money(value: float) -> str:
    """Dollars; nothing where there are none."""
    return f"${value:,.2f}" if value else "$0"


def told_time(value: float | None) -> str:
    """Seconds in a unit that suits them."""
    if value is None:
        return "unknown"
    for unit, length in (("s", 60.0), ("min", 60.0), ("h", 48.0)):
        if value < length:
            return f"{value:.2g} {unit}" if value < 10 else f"{value:.0f} {unit}"
        value /= length if unit != "h" else 24
    return f"{value:,.3g} days"


def plain(found: Forecast) -> dict[str, Any]:
    """A forecast as plain values; texts of records are left out."""
    return {
        "level": found.level,
        "site": {**asdict(found.site.card), "count": found.site.count, "is_here": found.site.is_here},
        "forecast": [plain_stage(one) for one in found.stages],
        "calibration": asdict(found.calibration) if found.calibration else None,
        "disk_bytes": found.disk,
        "notes": list(found.notes),
    }


def plain_stage(one: StageForecast) -> dict[str, Any]:
    """A stage as plain values."""
    made = asdict(one)
    for amount in made["amounts"]:
        amount["lengths"] = percentiles(amount["lengths"])
        del amount["sample"]
    if one.training is not None:
        made["training"]["memory"] |= {"peak": one.training.memory.peak, "phase": one.training.memory.phase}
        made["training"]["work"]["total"] = one.training.work.total
    return made


def percentiles(lengths: Sequence[float]) -> dict[str, float]:
    """Characters that so many of a hundred records have at most."""
    ordered = sorted(lengths)
    last = len(ordered) - 1
    return {f"p{n}": ordered[min(n * len(ordered) // 100, last)] for n in (1, 5, 25, 50, 75, 95, 99)} if ordered else {}
