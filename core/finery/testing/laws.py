"""The laws that let the kernel cut, order and repeat work: an answer depends on its record alone."""

from __future__ import annotations

import contextlib
import tempfile
from collections.abc import Iterator, Sequence
from functools import partial
from typing import Any

import pyarrow as pa

from finery.errors import Fault
from finery.plugins import hooks
from finery.testing.answers import is_array
from finery.testing.dataset import MemoryDataset
from finery.testing.rows import Rows, differences, joined, rows_of
from finery.testing.samples import copied
from finery.testing.subject import Raised, Skipped, Subject, attempt

Faults = Iterator[Fault]

ALONE = "let an answer depend on its own record; what needs all records goes into `prepare`"
NO_CHANCE = "take chance from finery.chance(batch, stage), keep nothing between calls, or say deterministic=False"
SMALL = 7  # records a batch, for a prepare that ought not to care


def twice(subject: Subject) -> Faults:
    """The same batch has the same answer a second time."""
    if not subject.manifest.deterministic:
        raise Skipped("it says deterministic=False")
    yield from alike(subject, subject.base, subject.again(), "when asked again", NO_CHANCE)


def split(subject: Subject) -> Faults:
    """Cutting a batch in two changes nothing, wherever it is cut."""
    for given, before in zip(subject.batches, subject.law, strict=True):
        batch, cuts = subject.cuts(given)
        for cut in cuts:
            halves = copied(batch, range(cut)), copied(batch, range(cut, len(batch)))
            after = attempt(partial(joined_rows, subject, halves, given))
            when = f"when the batch is cut after {cut} records"
            yield from alike(subject, [before], listed(after), when, ALONE)


def permuted(subject: Subject) -> Faults:
    """Another order of records, or of a mix's sources, permutes the answer."""
    for given, before in zip(subject.trials, subject.law, strict=True):
        if isinstance(given, pa.Table):
            moved = copied(given, scrambled(len(given)))
            after = attempt(partial(subject.rows, moved, given))
        else:
            after = attempt(partial(subject.rows, given[::-1]))
        yield from alike(subject, [before], listed(after), "in another order", ALONE)


def chunked(subject: Subject) -> Faults:
    """Columns in several chunks, cut at different places, are read like any other."""
    remedy = "use column.combine_chunks() before reading buffers, and no column.chunk(0)"
    for batch, before in zip(subject.batches, subject.law, strict=True):
        after = attempt(partial(subject.rows, in_chunks(batch)))
        yield from alike(subject, [before], listed(after), "when columns come in chunks", remedy)


def sliced(subject: Subject) -> Faults:
    """Columns that begin in the middle of their buffers are read from there."""
    remedy = "heed array.offset when reading buffers"
    for batch, before in zip(subject.batches, subject.law, strict=True):
        before_it = copied(batch, range(len(batch))[::-1])
        inner = pa.concat_tables([before_it, batch]).combine_chunks().slice(len(batch))
        after = attempt(partial(subject.rows, inner))
        yield from alike(subject, [before], listed(after), "when columns are slices", remedy)


def fixed_types(subject: Subject) -> Faults:
    """Columns have the same type in every batch: shards of one dataset share a schema."""
    for one in subject.usable:
        expected = arrow_types(one.answer)
        single = [one.given.slice(i, 1) for i in range(min(5, len(one.given)))]
        for batch in (one.given.slice(0, 0), *single):
            done = attempt(partial(subject.answered, batch))
            if not isinstance(done, Raised) and arrow_types(done.answer) != expected:
                wrong = f"answers {shown(expected, arrow_types(done.answer))} for {len(batch)} records"
                yield subject.fault(wrong, "name the type: pa.array(values, pa.int64())", subject.verb)
                return


def working_directory(subject: Subject) -> Faults:
    """Another working directory changes nothing: workers have their own."""
    remedy = "find files beside the module with importlib.resources, and give absolute paths as options"
    before = subject.law
    with tempfile.TemporaryDirectory() as folder, contextlib.chdir(folder):
        after = subject.again(subject.cls(**subject.options))
    yield from alike(subject, before, after, "in another working directory", remedy)


def state_batches(subject: Subject) -> Faults:
    """`prepare` finds the same in small batches as in large ones."""
    tables = subject.samples.batches
    _ = subject.law
    after = attempt(lambda: subject.prepared(MemoryDataset(tables, SMALL)))
    if repr(after) != repr(subject.state):
        remedy = "gather exact counts or values over all batches; sums of floats depend on the order"
        yield subject.fault("finds another state when the batches are smaller", remedy, "prepare")


def alike(subject: Subject, before: Sequence[Rows], after: Sequence[Rows] | Raised, when: str, remedy: str) -> Faults:
    """A fault where answers differ, or where there is none."""
    if isinstance(after, Raised):
        yield subject.fault(f"{after} ({when})", remedy, subject.verb)
        return
    for old, new in zip(before, after, strict=True):
        for difference in differences(old, new):
            yield subject.fault(f"answers differently {when}: {difference}", remedy, subject.verb)
            return


def joined_rows(subject: Subject, parts: Sequence[pa.Table], whole: pa.Table) -> Rows:
    """The rows of several batches, one behind the other; of gathered ones, in the order of the whole."""
    if "gather" not in hooks(subject.cls):
        return joined([subject.rows(part) for part in parts])
    answer = pa.concat_tables([subject.answered(part).answer for part in parts], promote_options="permissive")
    return rows_of(str(subject.verb), whole, answer)


def listed(rows: Rows | Raised) -> list[Rows] | Raised:
    """One answer as several."""
    return rows if isinstance(rows, Raised) else [rows]


def scrambled(length: int) -> list[int]:
    """Positions in a fixed order without pattern (Knuth's multiplicative hash)."""
    return sorted(range(length), key=lambda i: (i + 1) * 2_654_435_761 % 2**32)


def in_chunks(batch: pa.Table) -> pa.Table:
    """The batch with each column cut at places of its own."""
    columns = []
    for number, column in enumerate(batch.columns):
        step = 3 + 2 * number
        pieces = [column.slice(start, step).combine_chunks() for start in range(0, len(column), step)]
        columns.append(pa.chunked_array(pieces, column.type))
    return pa.table(columns, schema=batch.schema)


def arrow_types(answer: Any) -> dict[str, str]:
    """The type of each column of a score's, dedupe's or format's answer."""
    if isinstance(answer, pa.Table):
        return {field.name: str(field.type) for field in answer.schema}
    columns = {"keys": answer} if is_array(answer) else answer
    return {name: str(column.type) for name, column in columns.items()}


def shown(expected: dict[str, str], found: dict[str, str]) -> str:
    """The first column whose type differs."""
    for name in {**expected, **found}:
        if expected.get(name) != found.get(name):
            return f"'{name}' as {found.get(name, 'no column')} rather than {expected.get(name, 'no column')}"
    return "columns in another order"
