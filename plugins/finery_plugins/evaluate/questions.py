"""What a model is asked and how its answer is checked: from a file, or from the records of a stage."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from pydantic import TypeAdapter, ValidationError

from finery import DataError, UsageError, chance, did_you_mean
from finery_plugins.evaluate.checks import TARGETED, Check
from finery_plugins.evaluate.items import Occurrences, item_id
from finery_plugins.format.chat import READERS, SHAPES
from finery_plugins.train.records import Records, Sizes, drawn
from finery_plugins.train.site import place

FIELDS = ("prompt", "messages", "system", "target", "checks", "tags", "source", "id")
CHECKS = TypeAdapter(tuple[Check, ...])
DRAW = 0
"""The seed that records are drawn with: one for all stages, so that two evaluations see the same."""

Message = dict[str, str]


@dataclass(frozen=True)
class Question:
    """One item: what is asked, and what is demanded of the answer."""

    item: str
    data: str
    source: str
    tags: tuple[str, ...]
    messages: tuple[Message, ...]
    target: str | None
    checks: tuple[Check, ...]

    @property
    def prompt(self) -> str:
        """What is asked, for a reader."""
        if len(self.messages) == 1:
            return self.messages[0]["content"]
        return "\n\n".join(f"{message['role']}: {message['content']}" for message in self.messages)


def question(row: Mapping[str, Any], data: str, usual: Sequence[Check], where: str) -> Question:
    """The item of one row of a file. Raises UsageError for a row that says nothing, or what nobody understands."""
    unknown = [name for name in row if name not in FIELDS]
    if unknown:
        raise UsageError.at(
            where, f"unknown field '{unknown[0]}'{did_you_mean(unknown[0], FIELDS)}", "take " + ", ".join(FIELDS)
        )
    messages = asked(row, where)
    target = None if row.get("target") is None else str(row["target"])
    checks = read_checks(row["checks"], where) if row.get("checks") else tuple(usual)
    return made(messages, target, checks, data, str(row.get("source") or data), tags_of(row))


def tags_of(row: Mapping[str, Any]) -> tuple[str, ...]:
    """The tags of a row, which may be one word."""
    tags = row.get("tags") or ()
    return (tags,) if isinstance(tags, str) else tuple(str(tag) for tag in tags)


def made(
    messages: Sequence[Message],
    target: str | None,
    checks: Sequence[Check],
    data: str,
    source: str,
    tags: Sequence[str],
) -> Question:
    """An item, named by what it asks and demands; of checks, those that have something to compare with."""
    held = [check for check in checks if target is not None or check.value is not None or check.check not in TARGETED]
    content = {"messages": list(messages), "target": target, "checks": [check.settings() for check in held]}
    return Question(item_id(content), data, source, tuple(tags), tuple(messages), target, tuple(held))


def asked(row: Mapping[str, Any], where: str) -> tuple[Message, ...]:
    """The messages of a row. Raises UsageError where it asks nothing, or twice."""
    prompt, messages, system = row.get("prompt"), row.get("messages"), row.get("system")
    if (prompt is None) == (messages is None):
        raise UsageError.at(where, "needs `prompt` or `messages`, and one of them", "give what the model is asked")
    opening = [{"role": "system", "content": str(system)}] if system else []
    if prompt is not None:
        return (*opening, {"role": "user", "content": str(prompt)})
    try:
        said = [{"role": str(one["role"]), "content": str(one["content"])} for one in messages or ()]
    except (TypeError, KeyError):
        raise UsageError.at(where, "`messages` are no list of `role` and `content`", "see the chat template") from None
    if not said:
        raise UsageError.at(where, "`messages` is empty", "give what the model is asked")
    return (*opening, *said)


def read_checks(given: Any, where: str) -> tuple[Check, ...]:
    """The checks of a row; a word alone is a check without settings. Raises UsageError for what is none."""
    listed = given if isinstance(given, list) else [given]
    tables = [{"check": one} if isinstance(one, str) else one for one in listed]
    try:
        return CHECKS.validate_python(tables)
    except ValidationError as error:
        first = error.errors()[0]
        at = ".".join(str(part) for part in first["loc"])
        raise UsageError.at(where, f"checks {at}: {first['msg']}", "see the checks of evaluate 'prompts'") from None


def in_file(path: Path, usual: Sequence[Check]) -> Iterator[Question]:
    """The items of a JSONL or TOML file, read as they are asked for. Raises UsageError with the line of a fault."""
    seen = Occurrences()
    empty = True
    for row, where in rows_of(path):
        empty = False
        yield numbered(question(row, path.stem, usual, where), seen)
    if empty:
        raise UsageError.at(path.name, "holds no item", "one JSON object a line, or [[item]] tables in TOML")


def numbered(one: Question, seen: Occurrences) -> Question:
    """The item with a name of its own among those before it."""
    return replace(one, item=seen.name(one.item))


def rows_of(path: Path) -> Iterator[tuple[Mapping[str, Any], str]]:
    """Each row of a file and where it stands."""
    if path.suffix == ".toml":
        yield from in_toml(path)
        return
    with path.open(encoding="utf-8-sig") as file:
        for number, line in enumerate(file, 1):
            if line.strip():
                yield in_json(line, f"{path.name}:{number}"), f"{path.name}:{number}"


def in_toml(path: Path) -> Iterator[tuple[Mapping[str, Any], str]]:
    """The `[[item]]` tables of a file."""
    try:
        found = tomllib.loads(path.read_text(encoding="utf-8"))
    except tomllib.TOMLDecodeError as error:
        raise UsageError.at(path.name, f"no TOML: {error}", "mend it") from None
    items = found.get("item")
    if not isinstance(items, list) or set(found) - {"item"}:
        raise UsageError.at(path.name, "holds something beside [[item]] tables", "write each item as [[item]]")
    for number, row in enumerate(items, 1):
        yield row, f"{path.name}: item {number}"


def in_json(line: str, where: str) -> Mapping[str, Any]:
    """A line as an object. Raises UsageError for what is none."""
    try:
        row = json.loads(line)
    except ValueError as error:
        raise UsageError.at(where, f"no JSON: {error}", "one object a line") from None
    if not isinstance(row, dict):
        raise UsageError.at(where, f"is a {type(row).__name__}", "one object a line")
    return row


def in_records(records: Records, limit: int | None, usual: Sequence[Check]) -> Iterator[Question]:
    """The items that records make: what stands before the last answer is asked, and that answer is the target.

    Of each source `limit` are drawn by chance, alike in every evaluation. A record without a question is no item.
    Raises DataError for a source of another shape.
    """
    seen = Occurrences()
    for name in records.sources:
        shape, columns = shape_of(records, name)
        one = replace(records, stage=replace(records.stage, seed=DRAW, only=(name,)))
        under = bound(one, limit)
        for batch in one.batches(*columns, "tags"):
            for row in drawn(batch, one.stage, under).to_pylist():
                yield from from_record(row, shape, name, usual, seen)


def bound(records: Records, limit: int | None) -> float:
    """The chance under which there are `limit` records."""
    if limit is None:
        return 1.0
    chances = [chance(batch, records.stage) for batch in records.batches()]
    return Sizes(np.concatenate([np.empty(0), *chances]), np.empty(0)).first(limit)


def shape_of(records: Records, source: str) -> tuple[str, tuple[str, ...]]:
    """What shape a source's records have, and its columns, the question's first. Raises DataError for none."""
    present = records.examples.columns(source)
    shape = next((name for name in SHAPES if name in present), None)
    if shape is None:
        remedy = "it takes messages, instructions, or prompts with completions: name such sources in `only`"
        raise DataError.at(place(records.stage), f"source '{source}' has no questions", remedy)
    return shape, (shape, *(name for name in SHAPES[shape] if name in present and name != shape))


def from_record(
    row: Mapping[str, Any], shape: str, source: str, usual: Sequence[Check], seen: Occurrences
) -> Iterator[Question]:
    """The item of a record, if it asks something."""
    turns = [{"role": role, "content": content} for role, content in READERS[shape](row)]
    answered = bool(turns) and turns[-1]["role"] == "assistant"
    asks = turns[:-1] if answered else turns
    if not any(turn["role"] == "user" for turn in asks):
        return
    target = turns[-1]["content"] if answered else None
    yield numbered(made(asks, target, usual, source, source, tags_of(row)), seen)
