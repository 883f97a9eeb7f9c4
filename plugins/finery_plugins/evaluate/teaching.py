"""What the training records say of a question: who teaches which answer, and what these records cost in training."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from finery import Found, Search
from finery_plugins.evaluate.journals import Trail

BESIDE = 3
"""Words of a question that are looked for beside an answer: the rarest, and one of them may be missing. Ours."""
COMMON = 0.5
"""The share of records from which on a word says nothing of a question: ours; it leaves out what grammar needs."""
LONG = 8
"""Words of an answer that are looked for, at most."""
MOST = 1_000
"""Records that are held against the steps of the training; where more hold an answer, the count alone is exact."""

TOLD = """
with wanted as (select unnest($records)::varchar as record),
steps as (select record, count(*) as times, min(step) as first_step, max(step) as last_step
          from {steps} semi join wanted using (record) group by record),
losses as (select record, min_by(loss, epoch) as first_loss, max_by(loss, epoch) as last_loss, count(*) as epochs
           from {losses} semi join wanted using (record) where epoch > 0 group by record)
select record, times, first_step, last_step, first_loss, last_loss, epochs
from wanted left join steps using (record) left join losses using (record)
"""
NO_STEPS = "(select null::varchar as record, null::bigint as step where false)"
NO_LOSSES = "(select null::varchar as record, null::int as epoch, null::double as loss where false)"


@dataclass(frozen=True)
class Fate:
    """What became of a record in the training."""

    times: int | None = None
    """Steps that read it; None where the training tells of no steps, or of none with it."""
    first_step: int | None = None
    last_step: int | None = None
    first_loss: float | None = None
    """Nats a token in the first epoch that tells of it."""
    last_loss: float | None = None
    epochs: int | None = None


@dataclass(frozen=True)
class Taught:
    """Training records that hold an answer near the terms of its question."""

    text: str
    """What was looked for."""
    total: int
    """Records that hold it there."""
    anywhere: int
    """Records that hold it, whatever the question."""
    records: tuple[str, ...]
    trained: int | None
    """Those of `records` that went into the training's steps; None where it tells of no steps."""
    first_loss: float | None
    last_loss: float | None
    """Means over the records, of the first and the last epoch."""
    epochs: int

    def told(self) -> dict[str, Any]:
        """What a row keeps of it."""
        return {**vars(self), "records": list(self.records)}


@dataclass
class Teaching:
    """The training records behind a model: by their text, and by what they cost."""

    search: Search
    trail: Trail
    fates: dict[str, Fate] = field(default_factory=dict)

    def of(self, answer: str, question: str, against: str) -> Taught:
        """The records that hold what is peculiar to an answer, near the rarest words of its question."""
        own = self.search.words(answer)
        peculiar = apart(own, self.search.words(against), self.search.words(question))[:LONG]
        text = " ".join(peculiar)
        near = self.terms(question, [*own, *self.search.words(against)])
        least = max(1, len(near) - 1)
        found = self.search.phrase(text, MOST, near, least) if near else Found(0, ())
        fates = self.told([hit.record for hit in found.hits])
        known = [fate for fate in fates.values() if fate.last_loss is not None]
        return Taught(
            text,
            found.total,
            self.search.phrase(text, 0).total,
            tuple(hit.record for hit in found.hits),
            sum(1 for fate in fates.values() if fate.times) if self.trail.has_steps else None,
            mean([fate.first_loss for fate in known]),
            mean([fate.last_loss for fate in known]),
            max((fate.epochs or 0 for fate in known), default=0),
        )

    def terms(self, question: str, without: Sequence[str]) -> list[str]:
        """The rarest words of a question that some records hold and most do not, those of the answers left out."""
        words = [word for word in dict.fromkeys(self.search.words(question)) if word not in without]
        counts = {word: self.search.known(word) for word in words}
        telling = (word for word in words if 0 < counts[word] <= COMMON * self.search.records)
        return sorted(telling, key=lambda word: counts[word])[:BESIDE]

    def nearest(self, question: str, answer: str, most: int) -> Found:
        """The records nearest to an item, by the words of question and answer."""
        return self.search.about(f"{question}\n{answer}", most)

    def told(self, records: Sequence[str]) -> dict[str, Fate]:
        """What became of each record in the training; each is asked for once."""
        fresh = [record for record in records if record not in self.fates]
        if fresh:
            steps = "told_steps" if self.trail.has_steps else NO_STEPS
            losses = "told_losses" if self.trail.has_losses else NO_LOSSES
            query = TOLD.format(steps=steps, losses=losses)
            for record, *values in self.trail.connection.execute(query, {"records": fresh}).fetchall():
                self.fates[record] = Fate(*values)
        return {record: self.fates[record] for record in records}


def apart(own: Sequence[str], against: Sequence[str], question: Sequence[str]) -> list[str]:
    """The words that tell an answer from another: without what both begin and end with, nor what the question says.

    All of the answer where nothing is left.
    """
    start = shared(own, against)
    end = min(shared(own[::-1], against[::-1]), len(own) - start, max(0, len(against) - start))
    left = list(own[start : len(own) - end])
    runs, run = [], list[str]()
    for word in left:
        if word in question:
            runs.append(run)
            run = []
        else:
            run.append(word)
    return max([*runs, run], key=len) or left or list(own)


def shared(left: Sequence[str], right: Sequence[str]) -> int:
    """How many words two texts begin with in common."""
    pairs = enumerate(zip(left, right, strict=False))
    return next((at for at, (a, b) in pairs if a != b), min(len(left), len(right)))


def mean(values: Sequence[float | None]) -> float | None:
    """The mean of those that are there; None for none."""
    found = [value for value in values if value is not None]
    return sum(found) / len(found) if found else None
