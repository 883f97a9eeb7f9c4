"""Batches to try a plugin on: one for each shape that a source may have, or an author's own tables."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
import pyarrow as pa

from finery.data.columns import TEXT
from finery.data.fields import PAIRS, TEXTS
from finery.data.identity import child_ids, record_ids
from finery.data.messages import MESSAGES
from finery.errors import UsageError, did_you_mean
from finery.testing.texts import ODD, ORDINARY, QUESTIONS
from finery.types import Source

Given: TypeAlias = "str | pa.Table | Source | Iterable[str | pa.Table | Source] | None"
"""What an author may pass as `samples`: a shape's name, a table, a mix's source, or several of them."""

SCHEMAS = {
    "text": pa.schema([("text", TEXT)]),
    "alpaca": pa.schema([("instruction", TEXT), ("input", TEXT), ("output", TEXT), ("history", PAIRS)]),
    "messages": pa.schema([("messages", MESSAGES)]),
    "preference": pa.schema([("prompt", TEXT), ("chosen", TEXT), ("rejected", TEXT)]),
    "ranked": pa.schema([("instruction", TEXT), ("input", TEXT), ("output", TEXTS)]),
    "classification": pa.schema([("text", TEXT), ("label", TEXT)]),
}

SHAPES = tuple(SCHEMAS)
"""The shapes that the kit has samples of."""

KEPT = ("role", "label")
"""Words of a closed set: an odd text takes the place of every other string of a record."""

SOURCES = (
    Source("general", 12_000, {"characters": 9_600_000.0, "words": 1_600_000.0}),
    Source("domain", 800, {"characters": 1_200_000.0, "words": 190_000.0}),
)
"""What a mix is tried on when its author gives no sources: a large and a small one."""


@dataclass(frozen=True)
class Samples:
    """What one plugin is tried on."""

    batches: tuple[pa.Table, ...]
    sources: tuple[Source, ...] = SOURCES

    def odd(self, kind: str) -> tuple[pa.Table, ...]:
        """Each batch's first record, told again with the odd texts of a kind."""
        return tuple(with_texts(batch, ODD[kind]) for batch in self.batches)

    def everything(self) -> tuple[pa.Table, ...]:
        """Each batch with its odd records behind the ordinary ones."""
        odd = zip(*(self.odd(kind) for kind in ODD), strict=True)
        return tuple(
            pa.concat_tables([batch, *more]).combine_chunks() for batch, more in zip(self.batches, odd, strict=True)
        )


def gather(given: Given = None) -> Samples:
    """The samples that an author asked for, else text. Raises UsageError for an unknown shape."""
    if given is None or isinstance(given, str | pa.Table | Source):
        given = ["text" if given is None else given]
    several = list(given)
    sources = tuple(one for one in several if isinstance(one, Source))
    tables = [one for one in several if not isinstance(one, Source)]
    return Samples(tuple(batch_of(one, i) for i, one in enumerate(tables)), sources or SOURCES)


def batch_of(given: str | pa.Table, number: int) -> pa.Table:
    """A named sample, or an author's table as a batch."""
    return sample(given) if isinstance(given, str) else identified(widened(given), f"sample-{number}")


def widened(table: pa.Table) -> pa.Table:
    """A table with its plain `string` columns as `large_string`, as a run reads them."""
    fields = [field.with_type(TEXT) if field.type == pa.string() else field for field in table.schema]
    return table.cast(pa.schema(fields))


def sample(shape: str) -> pa.Table:
    """40 ordinary records of a shape, their source named after it. Raises UsageError for another shape."""
    if shape not in SCHEMAS:
        fault = f"there is no sample of the shape '{shape}'{did_you_mean(shape, SHAPES)}"
        raise UsageError.at("samples", fault, f"choose from {', '.join(SHAPES)}, or give a table")
    rows = [RECORDS[shape](text, number) for number, text in enumerate(ORDINARY)]
    return identified(pa.Table.from_pylist(rows, SCHEMAS[shape]), shape)


def text_record(text: str, _number: int) -> dict[str, Any]:
    """A document."""
    return {"text": text}


def alpaca_record(text: str, number: int) -> dict[str, Any]:
    """An instruction; every second one with an input, every third one with a turn before it."""
    question = QUESTIONS[number % len(QUESTIONS)]
    before = [[QUESTIONS[0], "It is about water."]] if number % 3 == 0 else []
    return {
        "instruction": question,
        "input": None if number % 2 else text,
        "output": text,
        "history": before,
    }


def messages_record(text: str, number: int) -> dict[str, Any]:
    """A dialogue of one or two exchanges; every third one opens with a system message."""
    question = QUESTIONS[number % len(QUESTIONS)]
    opening = [said("system", "Answer in one paragraph.")] if number % 3 == 0 else []
    more = [said("user", "Thank you, and then?"), said("assistant", "That is all.")] if number % 2 else []
    return {"messages": [*opening, said("user", question), said("assistant", text), *more]}


def said(role: str, content: str) -> dict[str, str]:
    """One message."""
    return {"role": role, "content": content}


def preference_record(text: str, number: int) -> dict[str, Any]:
    """A prompt with a better and a worse answer."""
    return {"prompt": QUESTIONS[number % len(QUESTIONS)], "chosen": text, "rejected": text[: len(text) // 2]}


def ranked_record(text: str, number: int) -> dict[str, Any]:
    """An instruction with two to four answers, best first."""
    answers = [text[: max(1, len(text) // rank)] for rank in range(1, 3 + number % 3)]
    return {"instruction": QUESTIONS[number % len(QUESTIONS)], "input": None, "output": answers}


def classification_record(text: str, number: int) -> dict[str, Any]:
    """A text with one of three labels."""
    return {"text": text, "label": ("good", "bad", "neither")[number % 3]}


RECORDS: Mapping[str, Callable[[str, int], dict[str, Any]]] = {
    "text": text_record,
    "alpaca": alpaca_record,
    "messages": messages_record,
    "preference": preference_record,
    "ranked": ranked_record,
    "classification": classification_record,
}


def identified(table: pa.Table, source: str) -> pa.Table:
    """A table as a batch of `source`, with ids as a run gives them; an `id` or `source` it has is kept."""
    content = table.select([name for name in table.column_names if name not in ("id", "source")])
    ids = table["id"] if "id" in table.column_names else told_apart(record_ids(content, source))
    names = pa.array([source] * len(table), pa.string()).dictionary_encode()
    origin = table["source"] if "source" in table.column_names else names
    return content.add_column(0, "id", ids).add_column(1, "source", origin)


def told_apart(ids: pa.Array) -> pa.Array:
    """The ids, those of equal records made unique by how often they came before."""
    seen: dict[object, int] = {}
    numbers = []
    for value in ids.to_pylist():
        numbers.append(seen.get(value, 0))
        seen[value] = numbers[-1] + 1
    again = child_ids(ids, ":again", np.array(numbers))
    pairs = zip(ids.to_pylist(), again.to_pylist(), numbers, strict=True)
    return pa.array([(second if number else first).bytes for first, second, number in pairs], pa.uuid())


def copied(batch: pa.Table, rows: Sequence[int]) -> pa.Table:
    """Some records of a batch, in buffers of their own, each column in one chunk."""
    return batch.take(pa.array(list(rows), pa.int64())).combine_chunks()


def with_texts(batch: pa.Table, texts: Sequence[str | None]) -> pa.Table:
    """The first record of a batch once for each text, all its strings replaced."""
    content = batch.select([name for name in batch.column_names if name not in ("id", "source")])
    first = content.slice(0, 1).to_pylist()
    rows = [retold(row, text) for text in texts for row in first]
    table = pa.Table.from_pylist(rows, content.schema)
    origin = batch["source"].slice(0, 1).to_pylist()
    return identified(table, origin[0] if origin else "sample").cast(batch.schema)


def retold(value: Any, text: str | None) -> Any:
    """A value with `text` in place of each string in it."""
    if isinstance(value, dict):
        return {key: item if key in KEPT else retold(item, text) for key, item in value.items()}
    if isinstance(value, list):
        return [retold(item, text) for item in value]
    return text if isinstance(value, str) else value
