"""What takes a run's events to a tracker: in order, beside the run, and never in its way."""

from __future__ import annotations

import importlib.util
import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

from finery import missing_extra, said_by

Deliver: TypeAlias = Callable[[Sequence[Any]], None]
"""Hands events over; raises where the tracker does not take them, and is then given the very same list again."""

MOST = 500
"""Events a delivery; MLflow takes 1,000 metrics in one request."""
PAUSES = (0.5, 1.0, 2.0, 5.0, 15.0)
"""Seconds before the next attempt, the last of them from then on."""


class Courier:
    """A thread with a queue. A tracker that is down costs the run one line, and nothing is lost if it comes back.

    Events wait in memory and are tried again until `close` runs out of patience; the lineage has them all anyhow.
    """

    def __init__(self, name: str, deliver: Deliver, pauses: Sequence[float] = PAUSES) -> None:
        self.name = name
        self.deliver = deliver
        self.pauses = pauses
        self.waiting: deque[Any] = deque()
        self.batch: list[Any] = []
        self.changed = threading.Condition()
        self.closing = False
        self.deadline: float | None = None
        self.failures = 0
        self.thread = threading.Thread(target=self.work, name=f"finery-{name}", daemon=True)
        self.thread.start()

    def send(self, event: Any) -> None:
        """Queue an event; returns at once."""
        with self.changed:
            self.waiting.append(event)
            self.changed.notify()

    def close(self, seconds: float) -> None:
        """Deliver what waits, for so long at most, and say what is left."""
        with self.changed:
            self.closing = True
            self.deadline = time.monotonic() + seconds
            self.changed.notify()
        self.thread.join(seconds + 0.1)
        if left := len(self.waiting) + len(self.batch):
            told(f"{self.name}: gave up {left} events; the lineage has what they say: see finery sql")

    def work(self) -> None:
        """Deliver until closed, and what waits then until the deadline."""
        while True:
            with self.changed:
                self.changed.wait_for(lambda: self.batch or self.waiting or self.closing)
                while self.waiting and len(self.batch) < MOST and not self.failures:
                    self.batch.append(self.waiting.popleft())
            if not self.batch or self.late():
                return
            self.attempt()

    def attempt(self) -> None:
        """One delivery; where it fails the events stay, and the next attempt waits a while."""
        try:
            self.deliver(self.batch)
        except Exception as error:  # noqa: BLE001 - whatever a tracker's client raises, the run goes on
            self.failed(error)
            return
        self.failures = 0
        self.batch = []

    def failed(self, error: Exception) -> None:
        """Say so, once until it works again, and pause."""
        if not self.failures:
            fault = f"{type(error).__name__}: {said_by(error, 200)}"
            told(f"{self.name}: does not take events ({fault}); the run goes on and tries again")
        pause = self.pauses[min(self.failures, len(self.pauses) - 1)]
        self.failures += 1
        with self.changed:
            self.changed.wait_for(lambda: self.closing, pause)
        if self.closing:
            time.sleep(min(pause, 0.5))

    def late(self) -> bool:
        """Whether the patience of `close` has run out."""
        return self.deadline is not None and time.monotonic() > self.deadline


def told(line: str) -> None:
    """One line for who watches the run."""
    sys.stderr.write(f"{line}\n")


def require(module: str, place: str, extra: str) -> None:
    """Raise MissingExtra now, before a run has begun, where a tracker's library is not installed."""
    try:
        there = importlib.util.find_spec(module) is not None
    except ModuleNotFoundError:
        there = False
    if not there:
        raise missing_extra(place, module, extra)
