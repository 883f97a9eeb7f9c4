"""What is forecast of one stage, and of all stages of a plan."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from finery.demand import Amount, Demand, Trial
from finery.forecast.calibration import Calibration
from finery.forecast.compute import Cost, Work
from finery.forecast.effort import Effort
from finery.forecast.hardware import Site
from finery.forecast.memory import Memory


@dataclass(frozen=True)
class Alternative:
    """Another way to carry a training out."""

    name: str
    how: str
    """What to write in the stage, or which card to take."""
    peak: float
    """Bytes of one worker."""
    seconds: float
    fits: bool
    price: float = 0.0
    """Dollars in all."""


@dataclass(frozen=True)
class Advice:
    """One thing that a rule says of a training."""

    rule: str
    """Its name, by which `[plan] silence` silences it."""
    text: str
    source: str
    """Whose finding or practice it is."""
    weight: int = 1
    """2 where the training as it stands is likely to fail or to be wasted, 0 for what is merely worth a look."""


@dataclass(frozen=True)
class Training:
    """What a train stage will need."""

    demand: Demand
    memory: Memory
    peak: float
    """Bytes of one worker: as traced or probed, else the closed form, drawn towards what runs of this machine took."""
    work: Work
    effort: Effort
    """What one step takes of one worker."""
    cost: Cost
    disk: float
    """Bytes of its checkpoints and of the model that it leaves."""
    fits: bool
    trial: Trial | None = None
    alternatives: Sequence[Alternative] = ()
    advice: Sequence[Advice] = ()


@dataclass(frozen=True)
class StageForecast:
    """What is forecast of one stage."""

    stage: str
    hook: str
    plugin: str
    reused: bool
    amounts: Sequence[Amount] = ()
    """What stands before it."""
    seconds: float | None = None
    """None where nothing is known."""
    training: Training | None = None
    unknown: str = ""
    """Why something is not known."""


@dataclass(frozen=True)
class Forecast:
    """What is forecast of a plan."""

    site: Site
    level: str
    """`instant`, `trace` or `probe`."""
    stages: Sequence[StageForecast] = ()
    calibration: Calibration | None = None
    disk: float = 0.0
    """Bytes of the data that stages which have to run will leave."""
    notes: Sequence[str] = field(default_factory=tuple)


@dataclass(frozen=True)
class Case:
    """What a rule of advice is shown."""

    stage: StageForecast
    training: Training
    site: Site
    earlier: Sequence[StageForecast] = ()
    """The stages before it."""

    @property
    def demand(self) -> Demand:
        """What the training asks for."""
        return self.training.demand
