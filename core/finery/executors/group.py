"""A group of processes on this machine that train one model together: each calls the plugin, the first one answers."""

from __future__ import annotations

import math
import multiprocessing
import os
import tempfile
import time
import traceback
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any, Protocol

import pyarrow as pa

from finery.errors import FineryError, PluginError, WorkError
from finery.executors.local import start_worker, uninterrupted
from finery.kernel import bind
from finery.specs import hookimpl
from finery.types import Dataset, Journal, Model, Stage, World

GRACE_SECONDS = 1.0
"""How long others are listened to after a worker failed: the first to be heard need not be the cause."""
SHARED = ("steps", "losses")
"""What every worker's journal hands on; the rest is the first worker's to say."""
SAID = (*SHARED, "metric", "note", "progress")
"""The words of a journal."""
LAST = ("answer", "raised", "died")
"""Words behind which a worker says nothing more."""


class Group:
    """Stands for a train plugin whose stage is the work of several processes."""

    def __init__(self, plugin: Any) -> None:
        self.plugin = plugin

    @hookimpl
    def train(
        self, examples: Dataset, model: Model | None, out: Path, world: World, stage: Stage, journal: Journal
    ) -> Any:
        """The first worker's answer, once all have ended.

        Raises what a worker raised, with its number, and WorkError where one died; the others are ended then.
        """
        arguments = {"examples": examples, "model": model, "out": out, "stage": stage}
        with tempfile.TemporaryDirectory(prefix="finery-") as folder:
            place = f"file://{folder}/rendezvous"
            members: list[Member] = []
            try:
                for rank in range(world.size):
                    members.append(started(self.plugin, arguments, at(world, rank, place)))
                return heard(members, journal, stage)
            finally:
                end(members)


def at(world: World, rank: int, rendezvous: str) -> World:
    """A worker's place in the world; all are on this machine."""
    return replace(world, rank=rank, local_rank=rank, rendezvous=rendezvous)


@dataclass(frozen=True)
class Member:
    """One worker, as the driver sees it."""

    world: World
    process: BaseProcess
    line: Connection
    """Where it says what it says: pairs of a word and what belongs to it."""


@dataclass(frozen=True)
class Failure:
    """A worker's end before its time."""

    rank: int
    error: FineryError
    doubt: int
    """How likely it is that another worker's end is behind it: 0 for an error of ours, 1 for a death, 2 for others."""


class RemoteTraceback(Exception):
    """The traceback of a worker's exception, as text: the cause of what the driver raises."""

    def __str__(self) -> str:
        return f"\n{self.args[0]}"


class Speaks(Protocol):
    """What takes words to the driver."""

    def send(self, said: tuple[str, Any], /) -> None:
        """Hand a word and what belongs to it on."""


class Line:
    """A Journal that hands on what it is told to the driver; of workers but the first, only what all have to say."""

    def __init__(self, line: Speaks, rank: int) -> None:
        self.line = line
        self.rank = rank

    def say(self, word: str, *values: Any) -> None:
        """Hand on, if it is this worker's to say."""
        if not self.rank or word in SHARED:
            self.line.send((word, values))

    def metric(self, name: str, value: float, step: int | None = None, source: str | None = None) -> None:
        """One number."""
        self.say("metric", name, float(value), step, source)

    def steps(self, table: pa.Table) -> None:
        """Which records went into which step."""
        self.say("steps", table)

    def losses(self, table: pa.Table) -> None:
        """The loss of each record in an epoch."""
        self.say("losses", table)

    def note(self, text: str) -> None:
        """One line for the reader."""
        self.say("note", text)

    def progress(self, done: float, total: float, unit: str) -> None:
        """How far the stage is."""
        self.say("progress", done, total, unit)


def started(plugin: Any, arguments: Mapping[str, Any], world: World) -> Member:
    """A worker, on its way."""
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe(duplex=False)
    process = context.Process(target=work, args=(theirs, plugin, arguments, world), name=f"worker-{world.rank}")
    with uninterrupted():
        process.start()
    theirs.close()
    return Member(world, process, ours)


def work(line: Connection, plugin: Any, arguments: Mapping[str, Any], world: World) -> None:
    """What a worker does: ask the plugin, and tell the driver what came of it."""
    start_worker()
    # Both are read when torch is first imported, which nothing before here does. Each worker would warn of what DDP
    # looks for and does not find.
    os.environ["OMP_NUM_THREADS"] = str(world.threads)
    os.environ.setdefault("TORCH_CPP_LOG_LEVEL", "ERROR")
    try:
        answer = bind(plugin, "train")(**arguments, world=world, journal=Line(line, world.rank))
        line.send(("answer", answer if not world.rank else None))
    except BaseException as error:  # noqa: BLE001 whatever it is, the driver is told
        line.send(("raised", in_words(error)))
        line.close()
        # Threads of a library may wait for workers that are gone.
        os._exit(1)


def in_words(error: BaseException) -> tuple[type[FineryError] | None, Any, str]:
    """An exception as what travels: which of ours it is, its faults or what it says, and its traceback."""
    trace = "".join(traceback.format_exception(error))
    if not isinstance(error, FineryError):
        return None, f"{type(error).__name__}: {error}", trace
    kind = next(kind for kind in type(error).__mro__ if kind.__module__ == FineryError.__module__)
    return kind, error.faults, trace


def heard(members: Sequence[Member], journal: Journal, stage: Stage) -> Any:
    """The first worker's answer, once all have answered; what they tell meanwhile goes into the journal.

    Raises the failure that is most likely the cause: when a worker ends, the others lose their connection to it and
    raise for that reason.
    """
    found, failures = Heard(stage, len(members)), list[Failure]()
    waiting = {member.line: member for member in members}
    until = math.inf
    while waiting and time.monotonic() < until:
        left = None if math.isinf(until) else max(until - time.monotonic(), 0)
        for line in wait(list(waiting), left):
            member = waiting[line]  # type: ignore[index]
            word, values = next_word(member)
            if word in LAST:
                del waiting[member.line]
            if word in SAID:
                getattr(journal, word)(*values)
            elif word != "answer":
                failures.append(found.failure(member.world.rank, word, values))
                until = min(until, time.monotonic() + GRACE_SECONDS)
            elif not member.world.rank:
                found.answer = values
    if failures:
        raise min(failures, key=lambda failure: (failure.doubt, 0 if failure.doubt else failure.rank)).error
    return found.answer


def next_word(member: Member) -> tuple[str, Any]:
    """What a worker says next; `died` and its exit code where it will say nothing more."""
    try:
        word, values = member.line.recv()
    except (EOFError, OSError):
        member.process.join()
        return "died", member.process.exitcode
    return word, values


@dataclass
class Heard:
    """What a group has said."""

    stage: Stage
    size: int
    answer: Any = None

    def failure(self, rank: int, word: str, values: Any) -> Failure:
        """A worker's failure, from its last word."""
        which = f"worker {rank} of {self.size}"
        stage = f"stage '{self.stage.id}' ({self.stage.plugin})"
        if word == "died":
            how = f"signal {-values}" if values < 0 else f"exit code {values}"
            remedy = "is there enough memory? run again: it goes on from the newest checkpoint"
            return Failure(rank, WorkError.at(stage, f"{which} died ({how})", remedy), 1)
        kind, said, trace = values
        if kind is None:
            return Failure(rank, caused(PluginError.at(f"{stage}, {which}", said), trace), 2)
        # All raise the same where an option is wrong: the first one's word is enough then.
        faults = [replace(fault, place=f"{fault.place}, {which}") for fault in said] if rank else said
        return Failure(rank, caused(kind(*faults), trace), 0)


def caused(error: FineryError, trace: str) -> FineryError:
    """An error with a worker's traceback as its cause."""
    error.__cause__ = RemoteTraceback(trace)
    return error


def end(members: Sequence[Member]) -> None:
    """End all workers, whatever they are doing: one that has answered has nothing left to do."""
    for member in members:
        member.process.kill()
        member.process.join()
        member.line.close()
        member.process.close()
