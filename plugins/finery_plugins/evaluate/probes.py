"""What `probe` measures: right answers of records, with their prompts, other wordings, and a stranger's prompt."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

from finery_plugins.evaluate.items import Occurrences, item_id
from finery_plugins.evaluate.questions import DRAW, Message, Question, bound, from_record, shape_of
from finery_plugins.train.records import Records, drawn

POOL = 64
"""Prompts of a source of which each record gets a stranger's."""


@dataclass(frozen=True)
class Probed:
    """One item: a target, and the prompts it is measured behind."""

    item: str
    source: str
    tags: tuple[str, ...]
    messages: tuple[Message, ...]
    """What stands before the target; nothing for a plain text."""
    target: str
    stranger: tuple[Message, ...] = ()
    """Another record's prompt; nothing where the source has no other."""
    phrasings: tuple[str, ...] = ()
    """Other wordings of the last question."""
    record: str = ""

    @property
    def prompt(self) -> str:
        """The last question."""
        return self.messages[-1]["content"] if self.messages else ""

    def asking(self, question: str) -> tuple[Message, ...]:
        """The messages with another wording of the last question."""
        return (*self.messages[:-1], {**self.messages[-1], "content": question})

    def content(self) -> dict[str, Any]:
        """All of it, as JSON carries it."""
        return asdict(self)


def probes(records: Records, limit: int | None, phrasings: str | None) -> Iterator[Probed]:
    """The items of all sources; of each, `limit` are drawn by chance, alike in every evaluation.

    Raises DataError for a source that has neither text nor questions.
    """
    seen = Occurrences()
    for name in records.sources:
        one = replace(records, stage=replace(records.stage, seed=DRAW, only=(name,)))
        under = bound(one, limit)
        if "text" in records.examples.columns(name):
            yield from texts(one, name, under, seen)
        else:
            yield from answers(one, name, under, seen, phrasings)


def texts(records: Records, source: str, under: float, seen: Occurrences) -> Iterator[Probed]:
    """The items of a source of plain texts."""
    for batch in records.batches("text", "tags"):
        for row in drawn(batch, records.stage, under).to_pylist():
            if row["text"]:
                item = seen.name(item_id({"text": row["text"]}))
                yield Probed(item, source, tuple(row.get("tags") or ()), (), row["text"], record=str(row["id"]))


def answers(records: Records, source: str, under: float, seen: Occurrences, phrasings: str | None) -> Iterator[Probed]:
    """The items of a source of questions with answers."""
    pool = strangers(records, source)
    for row, question in asked(records, source, under, seen, phrasings):
        said = tuple(str(one) for one in (row.get(phrasings) or ()) if one) if phrasings else ()
        other = stranger(pool, question)
        target = question.target or ""
        yield Probed(
            question.item, source, question.tags, question.messages, target, other, said, record=str(row["id"])
        )


def asked(
    records: Records, source: str, under: float, seen: Occurrences, phrasings: str | None
) -> Iterator[tuple[Mapping[str, Any], Question]]:
    """Each record that is drawn and has an answer, and its question."""
    shape, columns = shape_of(records, source)
    more = ("tags", phrasings) if phrasings else ("tags",)
    for batch in records.batches(*columns, *more):
        for row in drawn(batch, records.stage, under).to_pylist():
            found = [one for one in from_record(row, shape, source, (), seen) if one.target]
            yield from ((row, one) for one in found)


def strangers(records: Records, source: str) -> Sequence[Question]:
    """Questions of a source, drawn by chance."""
    seen = Occurrences()
    return [one for _, one in asked(records, source, bound(records, POOL), seen, None)]


def stranger(pool: Sequence[Question], own: Question) -> tuple[Message, ...]:
    """The prompt of another record with another target, picked by a hash of the own one; nothing where none is."""
    start = int(own.item[:8], 16)
    order = (pool[(start + step) % len(pool)] for step in range(len(pool)))
    return next((one.messages for one in order if one.messages != own.messages and one.target != own.target), ())
