"""The plugin under test: what it is, what it is tried on, and what it answered."""

from __future__ import annotations

import contextlib
import io
import shutil
import tempfile
import weakref
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any, Generic, TypeVar

import pyarrow as pa

from finery.data.identity import stage_seed
from finery.errors import Fault, FineryError, MissingExtra, said_by
from finery.kernel import asks, bind
from finery.memo import Memo
from finery.plugins import Manifest, hooks, manifest
from finery.stages.answers import group_table, reasons_by_id
from finery.stages.gather import in_order
from finery.testing.answers import CODE, unusable
from finery.testing.dataset import MemoryDataset
from finery.testing.journal import MemoryJournal
from finery.testing.rows import Rows, rows_of
from finery.testing.samples import Samples, copied
from finery.types import Born, Source, Stage, State, Tally
from finery.verbs import VERBS

MAPS = ("filter", "score", "dedupe", "format")
"""Verbs whose answer is a map over batches."""

TRIED = (*MAPS, "mix")
"""Verbs that the kit calls; training and evaluating cost too much."""

Value = TypeVar("Value")


class Skipped(Exception):
    """A check that does not apply, or that waits for another to pass; the message says which."""


@dataclass(frozen=True)
class Raised:
    """An exception that a plugin raised."""

    error: Exception

    def __str__(self) -> str:
        name = type(self.error).__name__
        return f"raised {name}" + (f": {said_by(self.error, 200)}" if str(self.error).strip() else "")


@dataclass(frozen=True)
class Answered(Generic[Value]):
    """What a hook was given, and what it gave back."""

    given: Value
    answer: Any
    tally: Tally


def attempt(work: Callable[[], Value]) -> Value | Raised:
    """What `work` returns, or what it raised. Raises Skipped where a library is missing."""
    try:
        return work()
    except MissingExtra as missing:
        raise Skipped(str(missing)) from None
    except Skipped:
        raise
    except Exception as error:  # noqa: BLE001 - a plugin under test may raise anything
        return Raised(error)


def check_reasons(answer: Born, batch: pa.Table) -> None:
    """Raise ValueError for reasons that no decision can carry: other words than codes, or not one a record."""
    for code in reasons_by_id(answer.reasons, batch).values():
        if not CODE.fullmatch(code):
            raise ValueError(f"the reason {code[:60]!r} is no short kebab-case word")


@dataclass(frozen=True)
class Subject:
    """One plugin and its samples. What is costly is found out once."""

    plugin: object
    samples: Samples

    @property
    def cls(self) -> type:
        """The plugin's class, also where the class itself was given."""
        return self.plugin if isinstance(self.plugin, type) else type(self.plugin)

    @property
    def place(self) -> str:
        """Where faults of the class are said to be."""
        return self.cls.__qualname__

    @property
    def options(self) -> dict[str, Any]:
        """The plugin's options as they are."""
        return {name: getattr(self.plugin, name) for name in vars(self.cls)["__pydantic_fields__"]}

    @cached_property
    def manifest(self) -> Manifest:
        """What the class says of itself. Raises Skipped where it is no plugin of this contract."""
        try:
            return manifest(self.cls)
        except FineryError:
            raise Skipped("waits for 'plugin-class'") from None

    @cached_property
    def verb(self) -> str | None:
        """The one verb that the class implements, else None."""
        found = [hook for hook in hooks(self.cls) if hook in VERBS]
        return found[0] if len(found) == 1 else None

    @cached_property
    def stage(self) -> Stage:
        """The stage that the plugin is told it serves."""
        verb = self.verb or "none"
        return Stage("conformance", verb, self.place, stage_seed(17, "conformance"))

    @cached_property
    def bound(self) -> Callable[..., Any] | Raised:
        """The verb as a run binds it, or why it cannot be bound. Raises Skipped without one verb."""
        verb = self.verb
        if verb is None or isinstance(self.plugin, type):
            raise Skipped("waits for 'one-verb'" if verb is None else "waits for 'plugin-class'")
        return attempt(lambda: bind(self.plugin, verb))

    @property
    def work(self) -> Callable[..., Any]:
        """The bound verb. Raises Skipped where it cannot be bound."""
        if isinstance(self.bound, Raised):
            raise Skipped("waits for 'binds'")
        return self.bound

    @cached_property
    def state(self) -> State:
        """What `prepare` answers for the samples, None without it."""
        return self.prepared(MemoryDataset(self.samples.batches))

    def prepared(self, dataset: MemoryDataset) -> State:
        """What `prepare` answers for a dataset, None without it."""
        if "prepare" not in hooks(self.cls):
            return None
        return bind(self.plugin, "prepare")(dataset=dataset, stage=self.stage, journal=MemoryJournal())

    @property
    def sources(self) -> tuple[Source, ...]:
        """What a mix is given: the sources of the samples, where `prepare` has seen them, else made-up ones."""
        if "prepare" not in hooks(self.cls):
            return self.samples.sources
        batches = self.samples.batches
        dataset = MemoryDataset(batches)
        records = {name: sum(len(batch) for batch in dataset.batches(only=[name])) for name in dataset.sources}
        return tuple(Source(name, count, {"characters": 100.0 * count}) for name, count in records.items())

    def answered(self, given: Any) -> Answered[Any]:
        """What the verb answers for a batch, or for a mix's sources."""
        tally = Tally()
        if self.verb == "mix":
            return Answered(given, self.work(sources=given, state=self.state, stage=self.stage), tally)
        work, batch = self.work, self.gathered(given)
        shared = {"stage": self.stage, "tally": tally, "memo": Memo(len(batch)), "out": self.out}
        answer = work(batch=batch, state=self.state, **shared)
        if isinstance(answer, Born):
            check_reasons(answer, batch)
            answer = answer.records
        return Answered(given, answer, tally)

    def gathered(self, batch: pa.Table) -> pa.Table:
        """A batch as the kernel brings it before the verb: in the order of its keys, where the plugin gathers."""
        keys = attempt(lambda: self.keys(batch))
        if isinstance(keys, Raised):
            raise Skipped("waits for 'gather-keys'")
        return batch if keys is None else in_order(batch, keys)[0]

    def cuts(self, batch: pa.Table) -> tuple[pa.Table, list[int]]:
        """The batch, and where it may be cut: near its ends and in the middle, but through no group of records."""
        keys = self.keys(batch)
        if keys is None:
            return batch, sorted({1, len(batch) // 2, len(batch) - 1} - {0, len(batch)})
        batch, starts = in_order(batch, keys)
        borders = starts[1:].tolist()
        return batch, sorted({borders[i] for i in (0, len(borders) // 2, -1)}) if borders else []

    def keys(self, batch: pa.Table) -> pa.Array | None:
        """The key of each record by which the plugin gathers; None where it does not."""
        if "gather" not in hooks(self.cls):
            return None
        answer = bind(self.plugin, "gather")(batch=batch, state=self.state, stage=self.stage)
        return group_table(answer, batch).column("key").combine_chunks()

    @cached_property
    def out(self) -> Path | None:
        """A folder for what the plugin keeps, where it asks for one; gone with this subject."""
        if not asks(self.plugin, str(self.verb), "out"):
            return None
        folder = tempfile.mkdtemp(prefix="finery-conformance-")
        weakref.finalize(self, shutil.rmtree, folder, ignore_errors=True)
        return Path(folder)

    def rows(self, given: Any, reference: Any = None) -> Rows:
        """The rows of the answer for a batch or sources. Raises ValueError for one that cannot be read."""
        answer = self.answered(given).answer
        for wrong, remedy in unusable(str(self.verb), given, answer):
            raise ValueError(f"{wrong} ({remedy})")
        return rows_of(str(self.verb), given, answer, reference)

    @cached_property
    def trial(self) -> tuple[list[Answered[Any]] | Raised, str]:
        """The first answers for copies of the ordinary samples, and what was printed meanwhile."""
        printed = io.StringIO()
        copies = [copied(batch, range(len(batch))) for batch in self.samples.batches]
        given = [self.sources] if self.verb == "mix" else copies
        with contextlib.redirect_stdout(printed):
            outcome = attempt(lambda: [self.answered(one) for one in given])
        return outcome, printed.getvalue()

    @property
    def answers(self) -> list[Answered[Any]]:
        """The first answers for the ordinary samples. Raises Skipped where there are none."""
        outcome, _ = self.trial
        if isinstance(outcome, Raised):
            raise Skipped("waits for 'answers'")
        return outcome

    @property
    def usable(self) -> list[Answered[Any]]:
        """The same answers where they can be read. Raises Skipped where they cannot."""
        for one in self.answers:
            if unusable(str(self.verb), one.given, one.answer):
                raise Skipped("waits for an answer of the right type and length")
        return self.answers

    @cached_property
    def batches(self) -> tuple[pa.Table, ...]:
        """What the laws are tried on: the samples, with odd records unless the plugin fails on those."""
        ordinary = tuple(one.given for one in self.usable)
        everything = self.samples.everything()
        taken = attempt(lambda: [self.rows(batch) for batch in everything])
        return ordinary if isinstance(taken, Raised) else everything

    @property
    def trials(self) -> tuple[Any, ...]:
        """What the verb is called with: batches, or a mix's sources."""
        return tuple(one.given for one in self.usable) if self.verb == "mix" else self.batches

    @cached_property
    def base(self) -> list[Rows]:
        """The rows that every law is held against."""
        return [self.rows(given) for given in self.trials]

    def again(self, plugin: object | None = None) -> list[Rows] | Raised:
        """The rows once more, from this plugin or from another that ought to be the same."""
        other = replace(self, plugin=plugin or self.plugin)
        return attempt(lambda: [other.rows(given) for given in self.trials])

    @cached_property
    def steady(self) -> bool:
        """Whether the same call gives the same answer."""
        return self.again() == self.base

    @property
    def law(self) -> list[Rows]:
        """The base, for a law to be held against. Raises Skipped where answers do not repeat."""
        if not self.manifest.deterministic:
            raise Skipped("it says deterministic=False")
        if not self.steady:
            raise Skipped("waits for 'twice'")
        return self.base

    def fault(self, wrong: str, remedy: str, hook: str | None = None) -> Fault:
        """A fault of the class, or of one of its hooks."""
        return Fault(f"{self.place}.{hook}" if hook else self.place, wrong, remedy)

    def faults(self, complaints: Iterator[tuple[str, str]]) -> Iterator[Fault]:
        """Complaints of an answer as faults of the verb."""
        for wrong, remedy in complaints:
            yield self.fault(wrong, remedy, self.verb)
