"""What a stage has spent, counted over all its workers, and the pace of its requests."""

from __future__ import annotations

import os
import time
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from threading import Event, Lock

from finery import FineryError, UsageError
from finery_plugins.generate.options import Server


@dataclass(frozen=True)
class Caps:
    """What may be spent."""

    cost: float | None = None
    tokens: int | None = None

    @classmethod
    def of(cls, server: Server) -> Caps:
        """The caps of the options, those of the environment before them. Raises UsageError for no number."""
        cost, tokens = from_environment("FINERY_MAX_COST"), from_environment("FINERY_MAX_TOKENS")
        return cls(
            server.max_cost if cost is None else cost, server.max_tokens_total if tokens is None else int(tokens)
        )


def from_environment(name: str) -> float | None:
    """A number from the environment. Raises UsageError for what is none."""
    said = os.environ.get(name)
    try:
        return float(said) if said else None
    except ValueError:
        raise UsageError.at(name, f"'{said}' is no number", "give a number, such as 20") from None


@dataclass
class Ledger:
    """A file to which every worker appends a line for each answer: `cost tokens`.

    A line is written before its answer is kept, so what a killed run paid counts.
    """

    file: Path
    caps: Caps
    cost: Decimal = Decimal(0)
    """Exact, so that ten times 0.2 reach a cap of 2."""
    tokens: int = 0
    read: int = 0
    """Bytes of the file that are counted."""
    lock: Lock = field(default_factory=Lock)

    def check(self) -> None:
        """Raise FineryError where a cap is reached."""
        if self.caps.cost is None and self.caps.tokens is None:
            return
        with self.lock:
            self.catch_up()
        self.within("cost", self.cost, self.caps.cost, "max_cost", "FINERY_MAX_COST")
        self.within("tokens", self.tokens, self.caps.tokens, "max_tokens_total", "FINERY_MAX_TOKENS")

    def within(self, what: str, spent: Decimal | int, cap: float | None, option: str, variable: str) -> None:
        """Raise FineryError where as much is spent as a cap allows."""
        if cap is not None and spent >= Decimal(repr(cap)):
            fault = f"has reached {option} = {cap:g}: {what} so far {float(spent):.6g}"
            remedy = f"answers are kept: raise it, or {variable} in the environment, run again, and it goes on"
            raise FineryError.at("server", fault, remedy)

    def catch_up(self) -> None:
        """Count the lines that were appended since the last time."""
        try:
            with self.file.open("rb") as file:
                file.seek(self.read)
                new = file.read()
        except FileNotFoundError:
            return
        whole = new[: new.rfind(b"\n") + 1]
        self.read += len(whole)
        for line in whole.decode("ascii", "replace").splitlines():
            cost, _, tokens = line.partition(" ")
            self.cost += Decimal(cost)
            self.tokens += int(tokens)

    def spend(self, cost: float, tokens: int) -> None:
        """Append what an answer cost, in one write."""
        flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT
        handle = os.open(self.file, flags, 0o644)
        try:
            os.write(handle, f"{cost!r} {tokens}\n".encode())
        finally:
            os.close(handle)


@dataclass(frozen=True)
class Pace:
    """Turns for requests, evenly spaced, shared by all workers through files that only one of them can make."""

    folder: Path
    per_minute: float | None

    def wait(self, stopping: Event) -> Path | None:
        """Take the next free turn and wait for it; the file of the turn, to be taken away afterwards."""
        if self.per_minute is None:
            return None
        seconds = 60 / self.per_minute
        self.folder.mkdir(parents=True, exist_ok=True)
        number = int(time.time() / seconds) + 1
        while not claimed(self.folder / str(number)):
            number += 1
        stopping.wait(max(0.0, number * seconds - time.time()))
        return self.folder / str(number)


def claimed(place: Path) -> bool:
    """Whether a file could be made that was not there."""
    try:
        place.touch(exist_ok=False)
    except FileExistsError:
        return False
    return True
