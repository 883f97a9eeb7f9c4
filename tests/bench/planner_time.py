"""Time of real trainings on CPU against what a plan says after three runs on this machine, on sizes it has not seen.

    python tests/bench/planner_time.py [rounds]

Seconds are those of the processor, on one thread, so that what else the machine does counts for little; a step is the
median of those of a training, without its first, which makes plans and buffers ready; each training is run `rounds`
times and the quickest counts. The three runs teach the prices of an operation, a byte and a call.
"""

from __future__ import annotations

import itertools
import statistics
import sys
import tempfile
import time
import warnings
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from planner_memory import STAGE, Case, Texts, made_model

from finery import World
from finery.forecast.calibration import Calibration, Past, calibrated
from finery.forecast.effort import Effort, effort
from finery.forecast.hardware import CORE_RATE, machine
from finery.forecast.make import USUAL_BYTES, USUAL_CALL
from finery.testing import MemoryJournal

USUAL = (1 / CORE_RATE, 1 / USUAL_BYTES, USUAL_CALL)
STEPS = 8
SEEN = (
    Case("2 x 128, 8 rows of 128", {"layers": 2, "width": 128}, {"context": 128}),
    Case("4 x 256, 4 rows of 256", {"layers": 4, "width": 256}, {"batch": 4}),
    Case("6 x 384, vocabulary 8,192", {"layers": 6, "width": 384, "vocabulary": 8192}, {"batch": 4}),
)
HELD_BACK = (
    Case("3 x 192, 8 rows of 256", {"layers": 3, "width": 192}, {"batch": 8}),
    Case("8 x 256, 4 rows of 256", {"layers": 8}, {"batch": 4}),
    Case("4 x 384, 8 rows of 128", {"width": 384}, {"context": 128}),
    Case("4 x 512, 4 rows of 128", {"width": 512}, {"context": 128, "batch": 4}),
    Case("4 x 256, vocabulary 16,384", {"vocabulary": 16_384}, {"batch": 4}),
    Case("4 x 256, twice accumulated", options={"batch": 4, "accumulate": 2}),
    Case("4 x 256, checkpointing", options={"batch": 4, "gradient_checkpointing": True}),
)


def main() -> None:
    """The table."""
    warnings.simplefilter("ignore")
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 2
    told = {case.name: took(case, rounds) for case in (*SEEN, *HELD_BACK)}
    past = [Past(*told[case.name], None, 0.0, 0.0) for case in SEEN]
    learnt, before = calibrated(past, USUAL), calibrated([], USUAL)
    print(f"{machine()}; {STEPS} steps, the best of {rounds} rounds, seconds of the processor a step")
    print("| training | measured | after three runs | error | before any |\n| --- | ---: | ---: | ---: | ---: |")
    errors = [row(case.name, *told[case.name], learnt, before) for case in (*SEEN, *HELD_BACK)][len(SEEN) :]
    print(f"held back: median error {statistics.median(errors):.1%}, largest {max(errors):.1%}, n = {len(errors)}")


def row(name: str, step: Effort, seconds: float, learnt: Calibration, before: Calibration) -> float:
    """Print one row; its error as a share."""
    guess = learnt.step_seconds(step)
    error = guess / seconds - 1
    print(f"| {name} | {seconds:.3f} | {guess:.3f} | {error:+.1%} | {before.step_seconds(step):.3f} |", flush=True)
    return abs(error)


def took(case: Case, rounds: int) -> tuple[Effort, float]:
    """The effort of a step as the plan reckons it, and the seconds that it took."""
    from finery_plugins.train.pretrain import Pretrain

    texts, seconds = Texts(), list[float]()
    with tempfile.TemporaryDirectory() as folder:
        model = made_model(case, texts, Path(folder) / "model")
        said: dict[str, Any] = {"context": 256, "batch": 8, "steps": STEPS, "checkpoint_steps": 1000, **case.options}
        plugin = Pretrain(**said)
        asked = plugin.demand([texts.amount()], model, None, World(), STAGE)
        for number in range(rounds):
            journal = Clock()
            plugin.train(texts, model, Path(folder) / f"out{number}", World(), STAGE, journal)
            seconds.append(statistics.median(later - now for now, later in itertools.pairwise(journal.clock)))
    return effort(asked), min(seconds)


@dataclass
class Clock(MemoryJournal):
    """A journal that keeps the processor's time at which each step was over."""

    clock: list[float] = field(default_factory=list)

    def progress(self, done: float, total: float, unit: str) -> None:
        """Look at the clock."""
        if unit == "steps":
            self.clock.append(time.process_time())


if __name__ == "__main__":
    main()
