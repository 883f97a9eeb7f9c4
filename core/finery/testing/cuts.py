"""Checks of `cut`, with which a dedupe plugin takes repeated passages out of records."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from finery.data.identity import one_chunk
from finery.errors import Fault
from finery.kernel import bind
from finery.stages.answers import cut_table, keys_table
from finery.testing.subject import Raised, Skipped, Subject, attempt
from finery.types import Tally

Faults = Iterator[Fault]

SHARES = (0, 1, 2)
"""Nothing is repeated, every second passage, every passage."""


def cut_answer(subject: Subject) -> Faults:
    """The changed columns of the records as they were typed, a value a record, whatever is repeated."""
    remedy = "answer the text columns with all their values, in the records' order; null where nothing is left"
    for batch, keys in keyed(subject):
        for share in SHARES:
            for part in (slice(0, len(batch)), slice(0, 0)):
                records, own = batch[part], keys.slice(part.start, part.stop)
                done = attempt(partial(cut, subject, records, own, share))
                if isinstance(done, Raised):
                    yield subject.fault(f"{done} (given {len(records)} records)", remedy, "cut")
                    return


def cut_nothing(subject: Subject) -> Faults:
    """Where nothing is repeated, records stay as they were."""
    for batch, keys in usable(subject):
        made, touched = cut(subject, batch, keys, 0), pc.greater(pc.list_value_length(keys), 0)
        for name in made.column_names:
            if not made[name].filter(touched).equals(batch[name].filter(touched)):
                yield subject.fault(f"changes '{name}' of records without repeated passages", LEAVE, "cut")


LEAVE = "take out what `repeated` marks and nothing else; keys and passages must stand in one order"


def cut_alone(subject: Subject) -> Faults:
    """A record is cut alone, whichever records it comes with."""
    if not subject.manifest.deterministic:
        raise Skipped("it says deterministic=False")
    for batch, keys in usable(subject):
        for share in SHARES[1:]:
            whole = cut(subject, batch, keys, share)
            singles = [cut(subject, batch.slice(i, 1), keys.slice(i, 1), share) for i in range(len(batch))]
            if pa.concat_tables(singles).to_pylist() != whole.to_pylist():
                yield subject.fault("cuts a record by the records beside it", "let a record be cut alone", "cut")


def keyed(subject: Subject) -> Iterator[tuple[pa.Table, pa.Array]]:
    """Each sample with its keys."""
    for one in subject.usable:
        yield one.given, one_chunk(keys_table(one.answer, one.given)["keys"])


def usable(subject: Subject) -> list[tuple[pa.Table, pa.Array]]:
    """The same, where `cut` answers. Raises Skipped where it does not."""
    if list(cut_answer(subject)):
        raise Skipped("waits for 'cut-answer'")
    return list(keyed(subject))


def cut(subject: Subject, batch: pa.Table, keys: pa.Array, share: int) -> pa.Table:
    """What `cut` answers where every key, every second key or none is repeated."""
    ends = np.concatenate([[0], np.cumsum(np.asarray(pc.fill_null(pc.list_value_length(keys), 0)), dtype=np.int64)])
    inner = np.arange(ends[-1]) - np.repeat(ends[:-1], np.diff(ends))
    marks = np.zeros(len(inner), bool) if share == 0 else inner % (3 - share) == 0
    marks &= np.asarray(pc.list_flatten(keys).is_valid())
    repeated, documents = (pa.LargeListArray.from_arrays(pa.array(ends), pa.array(v)) for v in (marks, marks * 3))
    answer: Any = bind(subject.plugin, "cut")(
        batch=batch, repeated=repeated, documents=documents, state=subject.state, stage=subject.stage, tally=Tally()
    )
    return cut_table(answer, batch)
