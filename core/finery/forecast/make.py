"""A plan's forecast: what stands before each stage, what it will take, and what that costs."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from finery.demand import Amount, Demand, Network, Trial
from finery.errors import FineryError
from finery.forecast.alternatives import Reckoner, alternatives
from finery.forecast.amounts import Amounts
from finery.forecast.calibration import Calibration, calibrated
from finery.forecast.case import Case, Forecast, StageForecast, Training
from finery.forecast.compute import cost, seconds, work
from finery.forecast.effort import effort
from finery.forecast.hardware import CORE_RATE, Site, machine, site
from finery.forecast.history import History, history
from finery.forecast.memory import STATE_BYTES, WEIGHT_BYTES, memory
from finery.forecast.rules import advice
from finery.kernel import bind
from finery.lineage.store import database
from finery.plan import Plan, Step
from finery.plugins import hooks
from finery.stages.answers import blamed
from finery.types import Model, World

USUAL_BYTES = 8e9
"""Bytes a second of one process between memory and core, where this machine has no history."""
USUAL_CALL = 2e-5
"""Seconds to begin one operation."""
CARD_CALL = 1e-5
"""Seconds to begin one operation on a card: what small networks wait for."""
TEXT_BYTES = 0.45
"""Bytes on disk of a character of text, as zstd leaves it."""

LEVELS = ("instant", "trace", "probe")


class Forecaster:
    """Goes through a plan, keeping the sizes of the networks that it will make."""

    def __init__(self, plan: Plan, level: str = "instant") -> None:
        self.plan = plan
        self.level = level
        self.site: Site = site(plan.pipeline.plan)
        self.amounts = Amounts(plan)
        self.known: History = history(plan.artifacts.root)
        self.networks: dict[str, Network] = {}
        self.done: list[StageForecast] = []
        self.calibrations: dict[int, Calibration] = {}

    def forecast(self) -> Forecast:
        """All stages."""
        for step in self.plan.steps:
            self.done.append(self.stage(step))
        told = self.calibrations.get(4) or next(iter(self.calibrations.values()), None)
        return Forecast(self.site, self.level, tuple(self.done), told, self.disk(), tuple(self.amounts.told()))

    def stage(self, step: Step) -> StageForecast:
        """One stage."""
        made = StageForecast(step.stage.id, step.stage.hook, step.stage.plugin, step.reused)
        if step.stage.hook == "train":
            return self.training(step, made)
        if step.reused:
            return replace(made, seconds=0.0)
        amounts = self.amounts.before(step) if step.source is None else self.read(step)
        speed = (self.known.speeds or {}).get((step.stage.hook, step.stage.plugin))
        records = sum(one.records for one in amounts)
        if speed is None:
            return replace(made, amounts=amounts, unknown="no stage of its kind has run here yet")
        return replace(made, amounts=amounts, seconds=records / speed)

    def read(self, step: Step) -> list[Amount]:
        """What a source's files hold."""
        found = self.amounts.standing(step.touched[0], None)
        return [] if found is None else [found]

    def training(self, step: Step, made: StageForecast) -> StageForecast:
        """A train stage; of one whose plugin says nothing, that it says nothing."""
        amounts = self.amounts.before(step)
        made = replace(made, amounts=amounts)
        try:
            demand = self.demanded(step, amounts)
        except FineryError as error:
            return replace(made, seconds=0.0 if step.reused else None, unknown=error.faults[0].fault)
        self.networks[step.stage.id] = demand.network
        if step.reused:
            return replace(made, seconds=0.0)
        trial, why = self.tried(step, demand)
        training = self.reckoned(step, demand, trial)
        made = replace(made, training=training, seconds=training.cost.seconds, unknown=why)
        case = Case(made, training, self.site, tuple(self.done))
        said = advice(case, self.plan.pipeline.plan.silence)
        return replace(made, training=replace(training, advice=tuple(said)))

    def demanded(self, step: Step, amounts: Sequence[Amount]) -> Demand:
        """What the stage's plugin asks for. Raises FineryError where it does not say."""
        plugin = step.configured.plugin
        if "demand" not in hooks(type(plugin)):
            raise FineryError.at(step.stage.id, f"'{step.stage.plugin}' does not say what it needs")
        world = World(size=step.configured.workers, threads=step.configured.threads)
        model, network = self.model_of(step)
        ask = bind(plugin, "demand")
        with blamed(step):
            found: Demand = ask(amounts=amounts, model=model, network=network, world=world, stage=step.stage)
        # Kernels of accelerators leave out without keeping what they left.
        return replace(found, is_dropping=found.is_dropping and self.site.is_cpu)

    def model_of(self, step: Step) -> tuple[Model | None, Network | None]:
        """The model that a stage starts from, as far as it is there; its sizes where it has yet to be made."""
        if step.model is None:
            return None, None
        for passed in self.plan.steps:
            if passed.stage.id == step.model and passed.stage.hook == "train":
                folder = self.plan.artifacts.path(passed.fingerprint) / "out"
                made = Model(folder, step.model, passed.fingerprint)
                return made, None if passed.reused else self.networks.get(step.model)
        local = self.plan.pipeline.folder / step.model
        return Model(local if local.is_dir() else Path(step.model), step.model, str(step.parts["model"])), None

    def tried(self, step: Step, demand: Demand) -> tuple[Trial | None, str]:
        """What a try of the stage took, where one is asked for; and why there is none."""
        plugin = step.configured.plugin
        if self.level == "instant":
            return None, ""
        if "trial" not in hooks(type(plugin)):
            return None, f"'{step.stage.plugin}' cannot be tried"
        try:
            with tempfile.TemporaryDirectory(prefix="finery-plan-") as folder, blamed(step):
                return self.trial(step, demand, Path(folder)), ""
        except FineryError as error:
            return None, f"{self.level}: {error.faults[0].fault}"

    def trial(self, step: Step, demand: Demand, out: Path) -> Trial:
        """Ask the plugin to try. Raises FineryError."""
        from finery.forecast.longest import longest

        weights = self.level == "probe"
        model, network = self.model_of(step)
        examples = longest(self.plan, step, demand) if weights else None
        world = World(threads=step.configured.threads)
        ask = bind(step.configured.plugin, "trial")
        given = model if weights or network is None else None
        found: Trial = ask(
            examples=examples, asked=demand, model=given, out=out, world=world, stage=step.stage, weights=weights
        )
        return found

    def reckoned(self, step: Step, demand: Demand, trial: Trial | None) -> Training:
        """Memory, time and cost of a demand."""
        held, cores = memory(demand), step.configured.threads
        learnt = self.calibration(demand.compute_bytes, cores)
        factor = learnt.memory if self.site.is_here else 1.0
        peak = trial.peak_bytes if trial is not None else held.peak * factor
        took = self.took(demand, cores, trial)
        reckoner = Reckoner(peak / held.peak, lambda other: self.took(other, cores, None)[0], self.site)
        return Training(
            demand=demand,
            memory=held,
            peak=peak,
            work=work(demand),
            effort=effort(demand, cores),
            cost=cost(
                *took, self.site if self.site.count >= demand.workers else replace(self.site, count=demand.workers)
            ),
            disk=disk_bytes(demand),
            fits=peak <= self.site.card.usable or not self.site.card.usable,
            trial=trial,
            alternatives=tuple(alternatives(demand, reckoner)),
        )

    def took(self, demand: Demand, cores: int, trial: Trial | None) -> tuple[float, float, float]:
        """Seconds of a demand: the likely ones, the least, the most.

        By a try where there was one, else by this machine's history, else by peak rates and what is usually reached.
        """
        learnt = self.calibration(demand.compute_bytes, cores)
        if trial is not None and trial.seconds is not None:
            likely = trial.seconds * demand.steps + learnt.around
            return likely, likely * 0.9, likely * 1.1
        if self.site.is_here and (learnt.runs or self.site.is_cpu):
            likely = learnt.step_seconds(effort(demand, cores)) * demand.steps + learnt.around
            spread = 1 + (learnt.error if learnt.error is not None else 0.5 if learnt.runs else 2.0)
            return likely, likely / spread, likely * spread
        step = effort(demand)
        begun = step.calls * CARD_CALL * demand.steps
        likely, least, most = seconds(demand, self.site, cores)
        return likely + begun, least + begun / 2, most + begun * 2

    def calibration(self, compute_bytes: int, cores: int) -> Calibration:
        """What the runs of this machine teach of trainings in so many bytes a number."""
        if compute_bytes not in self.calibrations:
            rate = CORE_RATE if self.site.is_cpu else self.site.card.rate(compute_bytes) * self.site.utilisation[1]
            usual = (1 / rate, 1 / (USUAL_BYTES if self.site.is_cpu else 1e12), USUAL_CALL)
            self.calibrations[compute_bytes] = calibrated(self.known.past(compute_bytes), usual)
        return self.calibrations[compute_bytes]

    def disk(self) -> float:
        """Bytes of the records that stages which have to run will write: whole ones where text changes."""
        writing = [one for one in self.done if not one.reused and one.hook in ("read", "format")]
        return sum(amount.characters for one in writing for amount in one.amounts) * TEXT_BYTES


def disk_bytes(demand: Demand) -> float:
    """Each network, and its checkpoints with the states of what is trained."""
    total = 0.0
    for one in demand.networks:
        checkpoint = one.learning * (WEIGHT_BYTES + STATE_BYTES) + (0 if one.added else one.frozen * WEIGHT_BYTES)
        total += checkpoint * one.checkpoints + one.network.parameters * WEIGHT_BYTES
    return total


def forecast(plan: Plan, level: str = "instant") -> Forecast:
    """What a plan will take. `instant` starts no worker and loads no weights."""
    return Forecaster(plan, level).forecast()


def kept(plan: Plan) -> dict[str, Any]:
    """The measures of each stage that has to run, as a run's record keeps them; see `finery.forecast.history`.

    None are made of a plan that trains nothing and has no past. A forecast is never a reason for a run to stop: what
    went wrong stands in `fault`.
    """
    told: dict[str, Any] = {"machine": machine(), "stages": {}}
    trains = any(step.stage.hook == "train" and not step.reused for step in plan.steps)
    if not trains and not database(plan.artifacts.root).exists():
        return told
    try:
        made = forecast(plan)
    except Exception as error:  # noqa: BLE001
        return told | {"fault": f"{type(error).__name__}: {error}"}
    return told | {"stages": {one.stage: dict(measures(one)) for one in made.stages if not one.reused}}


def measures(one: StageForecast) -> Iterator[tuple[str, float]]:
    """What is kept of a forecast."""
    if one.seconds is not None:
        yield "seconds", one.seconds
    if one.amounts:
        yield "records", float(sum(amount.records for amount in one.amounts))
    if one.training is None:
        return
    training, demand, step = one.training, one.training.demand, one.training.effort
    yield from {"flop": step.flop, "moved": step.moved, "calls": step.calls}.items()
    yield from {"peak_bytes": training.peak, "reckoned_bytes": training.memory.peak, "tokens": demand.tokens}.items()
    yield from {"steps": demand.steps, "compute_bytes": demand.compute_bytes, "disk_bytes": training.disk}.items()
    yield from {"dollars": training.cost.dollars, "kilowatt_hours": training.cost.kilowatt_hours}.items()
