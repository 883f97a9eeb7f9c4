"""The conformance kit: a plugin held against every check, as a report or as cases of a pytest test."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from finery.errors import Fault
from finery.testing.checks import CHECKS, Check
from finery.testing.samples import Given, gather
from finery.testing.subject import Raised, Skipped, Subject, attempt


@dataclass(frozen=True)
class Result:
    """What one check found."""

    check: str
    faults: tuple[Fault, ...] = ()
    skipped: str | None = None
    """Why the check could not say anything, where it could not."""


@dataclass(frozen=True)
class Report:
    """What all checks found of one plugin."""

    plugin: str
    results: tuple[Result, ...]

    @property
    def faults(self) -> tuple[Fault, ...]:
        """Every fault, in the order of the checks."""
        return tuple(fault for result in self.results for fault in result.faults)

    @property
    def failed(self) -> tuple[str, ...]:
        """The names of the checks that found faults."""
        return tuple(result.check for result in self.results if result.faults)


def check(plugin: object, samples: Given = None) -> Report:
    """Hold a plugin against every check that applies to its hook; needs no pytest.

    `samples` names the shapes that it is for (`"messages"`, or several), or gives tables, or the sources of
    a mix. Raises UsageError for a shape that there is no sample of.
    """
    subject = Subject(plugin, gather(samples))
    return Report(subject.place, tuple(result(one, subject) for one in CHECKS if one.applies(subject)))


def conformance(plugin: object, samples: Given = None) -> Callable[[Check], None]:
    """A pytest test of a plugin with one case a check: `test_letters = conformance(Letters())`.

    `samples` as in `check`. A case is skipped, with its reason, where the check cannot say anything.
    """
    import pytest

    subject = Subject(plugin, gather(samples))
    cases = [pytest.param(one, id=one.name) for one in CHECKS if one.applies(subject)]

    @pytest.mark.parametrize("claim", cases)
    def holds(claim: Check) -> None:
        found = result(claim, subject)
        if found.skipped:
            pytest.skip(found.skipped)
        if found.faults:
            pytest.fail("\n".join(map(str, found.faults)), pytrace=False)

    return holds


def result(claim: Check, subject: Subject) -> Result:
    """What one check found; a check that is itself brought down is a fault of the plugin that did it."""
    try:
        found = attempt(lambda: tuple(claim.find(subject)))
    except Skipped as reason:
        return Result(claim.name, skipped=str(reason))
    if isinstance(found, Raised):
        remedy = "see that nothing in the class raises when it is looked at"
        return Result(claim.name, (subject.fault(str(found), remedy),))
    return Result(claim.name, found)
