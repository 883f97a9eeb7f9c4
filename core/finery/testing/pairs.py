"""Checks of `same`, with which a dedupe plugin verifies pairs of candidates."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pyarrow as pa
import pyarrow.types as is_type

from finery.errors import Fault
from finery.kernel import bind
from finery.testing.answers import described, is_array
from finery.testing.subject import Raised, Skipped, Subject, attempt

Faults = Iterator[Fault]


def same_answer(subject: Subject) -> Faults:
    """For each pair how alike the two are, as `float64`, null for a pair that is none; for no pairs too."""
    remedy = "answer a pa.Array of pa.float64(), one a pair"
    for left, right in pairs(subject):
        for length in (len(left), 0):
            found = compared(subject, left.slice(0, length), right.slice(0, length))
            if isinstance(found, Raised):
                yield subject.fault(f"{found} (given {length} pairs)", "answer every pair", "same")
            elif not is_array(found) or not is_type.is_float64(found.type):
                yield subject.fault(f"answered {described(found)} for {length} pairs", remedy, "same")
            elif len(found) != length:
                yield subject.fault(f"answered {len(found)} values for {length} pairs", remedy, "same")


def same_symmetric(subject: Subject) -> Faults:
    """Left and right may change places: the kernel pairs candidates in the order of their ids."""
    for left, right, answer in answered(subject):
        back = compared(subject, right, left)
        if isinstance(back, Raised) or printed(back) != answer:
            remedy = "measure what the two share, so that neither comes first"
            yield subject.fault("answers differently when left and right change places", remedy, "same")


def same_alone(subject: Subject) -> Faults:
    """A pair is judged alone, whichever pairs it comes with."""
    for left, right, answer in answered(subject):
        singles = [compared(subject, left.slice(i, 1), right.slice(i, 1)) for i in range(len(left))]
        listed = [value for one in singles for value in ([] if isinstance(one, Raised) else printed(one))]
        if listed != answer:
            wrong = "judges a pair by the pairs beside it"
            yield subject.fault(wrong, "compare row i with row i only", "same")


def pairs(subject: Subject) -> Iterator[tuple[pa.Table, pa.Table]]:
    """Each sample beside its own records, and beside those that follow them."""
    for one in subject.usable:
        batch = one.given
        following = batch.take([(i + 1) % len(batch) for i in range(len(batch))])
        yield pa.concat_tables([batch, batch]), pa.concat_tables([batch, following])


def answered(subject: Subject) -> Iterator[tuple[pa.Table, pa.Table, list[str]]]:
    """The pairs with their answer. Raises Skipped where it is not one, or not meant to be repeatable."""
    if list(same_answer(subject)):
        raise Skipped("waits for 'same-answer'")
    if not subject.manifest.deterministic:
        raise Skipped("it says deterministic=False")
    for left, right in pairs(subject):
        yield left, right, printed(compared(subject, left, right))


def compared(subject: Subject, left: pa.Table, right: pa.Table) -> Any:
    """What `same` answers for pairs, or what it raised."""
    return attempt(lambda: bind(subject.plugin, "same")(left=left, right=right, stage=subject.stage))


def printed(values: Any) -> list[str]:
    """Values as `repr` prints them."""
    return [repr(value) for value in values.to_pylist()]
