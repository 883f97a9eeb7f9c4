"""Checks of `gather`: a key a record that depends on the record alone, and a format that says what became of groups."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

import pyarrow as pa

from finery.errors import Fault
from finery.testing.samples import copied
from finery.testing.subject import Raised, Subject, attempt

Faults = Iterator[Fault]


def gather_keys(subject: Subject) -> Faults:
    """`gather` answers an integer or a string a record, null where it stands alone."""
    for batch in (*subject.samples.batches, subject.samples.batches[0].slice(0, 0)):
        done = attempt(partial(subject.keys, batch))
        if isinstance(done, Raised):
            yield subject.fault(str(done), "answer one integer or string a record, null for alone", "gather")


def gather_alone(subject: Subject) -> Faults:
    """A record's key is the same whatever stands beside it."""
    if list(gather_keys(subject)):
        return
    for batch in subject.samples.batches:
        whole = listed(subject, batch)
        single = [key for i in range(len(batch)) for key in listed(subject, copied(batch, [i]))]
        if single != whole:
            remedy = "let a key depend on its own record; what needs all records goes into `prepare`"
            yield subject.fault("gives a record another key alone than in a batch", remedy, "gather")


def gather_births(subject: Subject) -> Faults:
    """What is made of gathered records names its parents."""
    for one in subject.answers:
        if isinstance(one.answer, pa.Table) and "parent" not in one.answer.column_names:
            remedy = "add a `parent` column: the ids of the records that each one came from"
            yield subject.fault("gathered records and named no `parent`", remedy, "format")


def listed(subject: Subject, batch: pa.Table) -> list[object]:
    """The keys of a batch as a list."""
    keys = subject.keys(batch)
    return [] if keys is None else keys.to_pylist()
