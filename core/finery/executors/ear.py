"""What the workers of a cluster tell the driver: an actor beside it keeps their words until the driver takes them."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any

from finery.errors import FineryError, WorkError, said_by
from finery.executors.group import SAID, Heard
from finery.types import Journal

PATIENCE_SECONDS = 0.5
"""How long a question of the driver stays open where nothing is said."""


class Ear:
    """Hears words of workers, and hands them on in the order in which they came."""

    def __init__(self) -> None:
        self.words: list[tuple[int, str, Any]] = []
        self.spoken = asyncio.Event()
        self.begun = 0
        self.closed = False

    async def begin(self, rank: int) -> bool:
        """Whether there is anything left to do for a worker that has just started.

        When the first one starts for the second time, the driver hears that another attempt has begun.
        """
        if not rank and self.begun:
            self.hear(rank, "begun", self.begun)
        self.begun += not rank
        return not self.closed

    async def say(self, rank: int, word: str, values: Any) -> None:
        """Keep a word."""
        self.hear(rank, word, values)

    def hear(self, rank: int, word: str, values: Any) -> None:
        """Keep a word, and wake whoever waits for one."""
        self.words.append((rank, word, values))
        self.spoken.set()

    async def close(self) -> None:
        """Let workers that start from now on know that all is over."""
        self.closed = True

    async def take(self) -> Sequence[tuple[int, str, Any]]:
        """What was said since the last time; nothing where all are silent for a while."""
        try:
            await asyncio.wait_for(self.spoken.wait(), PATIENCE_SECONDS)
        except TimeoutError:
            return []
        said, self.words = self.words, []
        self.spoken.clear()
        return said


@contextmanager
def listening() -> Iterator[Any]:
    """An ear on the driver's node."""
    import ray
    from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

    beside = NodeAffinitySchedulingStrategy(ray.get_runtime_context().get_node_id(), soft=False)
    remote: Any = ray.remote
    ear = remote(num_cpus=0, scheduling_strategy=beside)(Ear).remote()
    try:
        yield ear
    finally:
        with suppress(Exception):
            # A worker that Ray starts yet finds nothing to do.
            ray.get(ear.close.remote(), timeout=5)


@dataclass(frozen=True)
class Wire:
    """A worker's line to the driver; what it says is there when `send` returns, but for how far it is."""

    ear: Any
    rank: int

    def send(self, said: tuple[str, Any]) -> None:
        """Hand a word and what belongs to it on."""
        import ray

        word, values = said
        told = self.ear.say.remote(self.rank, word, values)
        if word != "progress":
            ray.get(told)


def heard(ear: Any, work: Callable[[], Any], journal: Journal, found: Heard) -> Any:
    """The first worker's answer, once the work is done; what is told meanwhile goes into the journal.

    Raises the first fault that is a worker's own, and WorkError where there is none and the work failed.
    """
    import ray

    waited = Waited(work)
    own: FineryError | None = None
    while True:
        over = waited.over
        words = ray.get(ear.take.remote())
        for rank, word, values in words:
            failure = told(rank, word, values, journal, found)
            if failure is not None and own is None:
                own = failure
                ray.get(ear.close.remote())
        if over and not words:
            break
    if own is not None:
        raise own
    if waited.error is not None:
        raise lost(found, waited.error)
    return found.answer


def told(rank: int, word: str, values: Any, journal: Journal, found: Heard) -> FineryError | None:
    """Take one word; the error where it is a fault of a worker's own."""
    if word in SAID:
        getattr(journal, word)(*values)
    elif word == "begun":
        # Not every journal knows of attempts: what is told twice then stands there twice.
        getattr(journal, "again", lambda: None)()
    elif word == "answer":
        found.answer = found.answer if rank else values
    elif not values[0]:
        return found.failure(rank, word, values[1]).error
    return None


class Waited:
    """A call that is waited for in a thread of its own, so that the driver can listen."""

    def __init__(self, work: Callable[[], Any]) -> None:
        self.work = work
        self.error: BaseException | None = None
        self.thread = threading.Thread(target=self.wait, daemon=True)
        self.thread.start()

    def wait(self) -> None:
        """Make the call, and keep what it raises."""
        try:
            self.work()
        except BaseException as error:  # noqa: BLE001 the driver is told
            self.error = error

    @property
    def over(self) -> bool:
        """Whether it has returned."""
        return not self.thread.is_alive()


def lost(found: Heard, error: BaseException) -> FineryError:
    """What to say of workers that were lost more often than Ray replaces them, or never found room."""
    stage = f"stage '{found.stage.id}' ({found.stage.plugin})"
    said = {
        "ControllerError": ("found no room on the cluster for its workers", "add nodes, or ask for less with `needs`"),
        "WorkerGroupError": ("lost its workers again and again", "is there enough memory?"),
    }
    other = f"could not go on: {type(error).__name__}: {said_by(error)}", "look at the cluster"
    fault, remedy = said.get(type(error).__name__, other)
    made = WorkError.at(stage, fault, f"{remedy}; run again: it goes on from the newest checkpoint")
    made.__cause__ = error
    return made
