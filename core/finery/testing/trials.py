"""Checks of the answers to ordinary and to odd input: that there are any, and of the right kind."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import pyarrow as pa

from finery.errors import Fault
from finery.testing.answers import LENGTHS, TYPES, Validator, unusable
from finery.testing.dataset import MemoryDataset
from finery.testing.samples import copied
from finery.testing.subject import Raised, Skipped, Subject, attempt
from finery.types import Tally

Faults = Iterator[Fault]


def answers(subject: Subject) -> Faults:
    """The hook answers every ordinary sample, and does not answer None."""
    outcome, _ = subject.trial
    if isinstance(outcome, Raised):
        remedy = "return an answer for every record; name the shape with conformance(..., samples='messages')"
        yield subject.fault(str(outcome), remedy, subject.verb)


def answer_type(subject: Subject) -> Faults:
    """The answer has the type that the hook's specification says."""
    for one in subject.answers:
        yield from subject.faults(TYPES[str(subject.verb)](one.given, one.answer))


def answer_length(subject: Subject) -> Faults:
    """The answer has one value a record."""
    if list(answer_type(subject)):
        raise Skipped("waits for 'answer-type'")
    for one in subject.answers:
        yield from subject.faults(LENGTHS[str(subject.verb)](one.given, one.answer))


def holds(validator: Validator) -> Callable[[Subject], Faults]:
    """A check that one validator finds nothing in usable answers."""

    def check(subject: Subject) -> Faults:
        for one in subject.usable:
            yield from subject.faults(validator(one.given, one.answer))

    return check


def of_tables(validator: Validator) -> Callable[[Subject], Faults]:
    """A check that one validator finds nothing in a format's tables."""

    def check(subject: Subject) -> Faults:
        if list(answer_type(subject)):
            raise Skipped("waits for 'answer-type'")
        for one in subject.answers:
            yield from subject.faults(validator(one.given, one.answer))

    return check


def takes(kind: str) -> Callable[[Subject], Faults]:
    """A check that a kind of odd text is answered like any other."""

    def check(subject: Subject) -> Faults:
        _ = subject.usable
        for batch in subject.samples.odd(kind):
            yield from survives(subject, batch, kind)

    return check


def empty_batch(subject: Subject) -> Faults:
    """A batch of no records is answered: filters before this stage may leave none."""
    for one in subject.usable:
        yield from survives(subject, one.given.slice(0, 0), "a batch of no records")


def survives(subject: Subject, batch: pa.Table, what: str) -> Faults:
    """Faults of the answer to one odd batch."""
    done = attempt(partial(subject.answered, batch))
    if isinstance(done, Raised):
        remedy = "answer for such records too: a run meets them, and each would be counted as failed"
        yield subject.fault(f"{done} (given {what})", remedy, subject.verb)
        return
    for wrong, remedy in unusable(str(subject.verb), batch, done.answer):
        yield subject.fault(f"{wrong} (given {what})", remedy, subject.verb)


def input_unchanged(subject: Subject) -> Faults:
    """The batch that was given is left as it was: stages of one pass share it."""
    for one, sample in zip(subject.answers, subject.samples.batches, strict=True):
        if written(one.given) != written(copied(sample, range(len(sample)))):
            remedy = "copy a buffer before writing to it: numpy.array(column), not numpy.asarray"
            yield subject.fault("changed the batch it was given", remedy, subject.verb)


def written(batch: pa.Table) -> bytes:
    """A batch as bytes."""
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, batch.schema) as stream:
        stream.write_table(batch)
    content: bytes = sink.getvalue().to_pybytes()
    return content


def extra_columns(subject: Subject) -> Faults:
    """Columns that other stages added change nothing, and a format carries them along."""
    for one in subject.usable:
        batch = with_extras(one.given)
        done = attempt(partial(subject.answered, batch))
        if isinstance(done, Raised):
            yield subject.fault(f"{done} (given columns it does not know)", BY_NAME, subject.verb)
            continue
        if subject.verb == "format":
            yield from carried(subject, batch, done.answer)
        if subject.manifest.deterministic and subject.steady and not same_beside(subject, one.given, batch):
            yield subject.fault("answers differently beside columns it does not know", BY_NAME, subject.verb)


def same_beside(subject: Subject, without: pa.Table, beside: pa.Table) -> bool:
    """Whether answers are equal but for the columns that were added."""
    rows = subject.rows(beside)
    return {name: rows[name] for name in rows if name not in EXTRAS} == subject.rows(without)


BY_NAME = "ask for the columns you need by name"
EXTRAS = ("extra-number", "extra-list")


def with_extras(batch: pa.Table) -> pa.Table:
    """The batch with two columns that no plugin can know."""
    numbers = pa.array(range(len(batch)), pa.int64())
    lists = pa.array([[i, i + 1] for i in range(len(batch))], pa.large_list(pa.int64()))
    return batch.append_column(EXTRAS[0], numbers).append_column(EXTRAS[1], lists)


def carried(subject: Subject, batch: pa.Table, answer: pa.Table) -> Faults:
    """Faults of columns that a format lost or changed; a record of one parent keeps its parent's values.

    What is made of several records has no one's values.
    """
    remedy = "keep columns you do not know: batch.set_column(...), or batch.take(rows) where records split"
    owners = answer["parent" if "parent" in answer.column_names else "id"].to_pylist()
    place = {one: i for i, one in enumerate(batch["id"].to_pylist())}
    for name in EXTRAS:
        if name not in answer.column_names and merges(answer):
            return
        if name not in answer.column_names:
            yield subject.fault("loses columns that it does not know", remedy, subject.verb)
            return
        held, values = batch[name].to_pylist(), answer[name].to_pylist()
        pairs = zip(owners, values, strict=True)
        if any(held[place[owner]] != value for owner, value in pairs if not isinstance(owner, list)):
            yield subject.fault("changes columns that it does not know", remedy, subject.verb)
            return


def merges(answer: pa.Table) -> bool:
    """Whether a format's records have lists of parents."""
    return "parent" in answer.column_names and pa.types.is_list(answer.schema.field("parent").type)


def quiet(subject: Subject) -> Faults:
    """Nothing is printed: standard output belongs to the command, and `--json` is read by programs."""
    _ = subject.answers
    _, printed = subject.trial
    if printed:
        remedy = "count in `tally`, explain in Reasons.detail, or use the logging module"
        yield subject.fault(f"printed {printed[:40]!r}", remedy, subject.verb)


def tally_counts(subject: Subject) -> Faults:
    """A tally holds whole numbers under words."""
    for one in subject.answers:
        if any(isinstance(n, bool) or not isinstance(n, int) or n < 0 for n in one.tally.values()):
            remedy = "count records: tally['short'] += 1; averages do not add up"
            yield subject.fault(f"tallied {dict(one.tally)}", remedy, subject.verb)


def tally_adds_up(subject: Subject) -> Faults:
    """The tallies of two halves add up to that of the whole."""
    if not subject.manifest.deterministic:
        raise Skipped("it says deterministic=False")
    for one in subject.usable:
        if list(tally_counts(subject)):
            raise Skipped("waits for 'tally-counts'")
        batch, cuts = subject.cuts(one.given)
        middle = cuts[len(cuts) // 2] if cuts else 0
        halves = batch.slice(0, middle), batch.slice(middle)
        total: Tally = Tally()
        for half in halves:
            total.update(subject.answered(half).tally)
        if total != one.tally:
            wrong = f"tallied {dict(one.tally)} for a batch and {dict(total)} for its halves"
            yield subject.fault(wrong, "count records, not calls", subject.verb)


def state_kept(subject: Subject) -> Faults:
    """What `prepare` found out survives JSON, in which it is kept with the run, or is a table."""
    _ = subject.answers
    state: Any = subject.state
    if isinstance(state, pa.Table):
        return
    again = attempt(lambda: json.loads(json.dumps(state, allow_nan=False)))
    remedy = "return numbers, strings, lists and tables with string keys, or a pyarrow.Table"
    if isinstance(again, Raised):
        yield subject.fault(f"answered a state that JSON cannot carry: {again}", remedy, "prepare")
    elif again != state:
        yield subject.fault("answered a state that JSON gives back changed", remedy, "prepare")


def empty_dataset(subject: Subject) -> Faults:
    """`prepare` takes a dataset of no records: filters before this stage may leave none."""
    _ = subject.answers
    tables = tuple(batch.slice(0, 0) for batch in subject.samples.batches)
    done = attempt(lambda: subject.prepared(MemoryDataset(tables)))
    if isinstance(done, Raised):
        yield subject.fault(f"{done} (given no records)", "answer a state for no records too", "prepare")
