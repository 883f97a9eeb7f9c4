"""The format `template`: classification, generation and question answering told as instructions, in many phrasings."""

from __future__ import annotations

import functools
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Annotated, Any, Literal

import pyarrow as pa
from pydantic import Field, model_validator

from finery import Batch, Dataset, PipelineError, Stage, State, chance, hookimpl, plugin
from finery_plugins.format.chat import MESSAGES
from finery_plugins.format.phrasings import ANSWERS, FIELDS, PHRASINGS, SEPARATORS
from finery_plugins.format.ranked import put
from finery_plugins.text.content import column_of, one_chunk, plain

Tongue = Literal["en", "zh"]
Text = Annotated[str, Field(min_length=1)]
MOST_LABELS = 200
"""A set of labels is part of the instruction: more than these are no set, and no instruction."""

PLACE = re.compile(r"\{(\w+)\}")


@plugin
class Template:
    """Tell classification, generation or question answering as instructions, in one of many phrasings.

    The phrasing is drawn by a hash of the record's id: twelve of each task and language are shipped, own ones can be
    given. A phrasing names fields in braces: of `classification` {text} and {labels}, of `generation` {topic}, of `qa`
    {question} and, where a record has them, {context} and {choices}. The answer is the label, the text or the answer.
    The columns that it was made of go, others stay.

    ```toml
    [[stage]]
    format = "template"
    task = "classification"
    languages = ["en", "zh"]
    names = { "0" = "harmless", "1" = "offensive" }
    ```
    """

    task: Literal["classification", "generation", "qa"]
    """What a record is: text and label; topic and text; question and answer, perhaps with context and choices."""

    languages: Annotated[list[Tongue], Field(min_length=1)] = Field(default_factory=lambda: list[Tongue](("en",)))
    """The languages of the phrasings to draw from."""

    phrasings: list[Text] = Field(default_factory=list)
    """Own phrasings, in place of the shipped ones."""

    fields: dict[str, Text] = Field(default_factory=dict)
    """The columns that hold the fields, where they have other names: `fields = { topic = "title" }`."""

    labels: list[Text] = Field(default_factory=list)
    """The set of labels in the order to name them; by default all that occur, sorted."""

    names: dict[str, Text] = Field(default_factory=dict)
    """What labels are called in instructions and answers."""

    to: Literal["alpaca", "messages"] = "alpaca"
    """Whether instructions become `instruction`, `input` (empty) and `output`, or `messages`."""

    @model_validator(mode="after")
    def braces_are_fields(self) -> Template:
        """Raise ValueError for a phrasing without a field of the task, or with one that it does not have."""
        known = {*FIELDS[self.task], *(["labels"] if self.task == "classification" else [])} - {ANSWERS[self.task]}
        for phrasing in self.phrasings:
            unknown = named(phrasing) - known
            if unknown or not named(phrasing):
                fault = f"names {{{min(unknown)}}}" if unknown else "names no field"
                raise ValueError(f"{phrasing!r} {fault}: '{self.task}' has {', '.join(sorted(known))}")
        if wrong := set(self.fields) - FIELDS[self.task].keys():
            raise ValueError(f"'{self.task}' has no field '{min(wrong)}': it has {', '.join(FIELDS[self.task])}")
        return self

    @hookimpl
    def prepare(self, dataset: Dataset, stage: Stage) -> State:
        """`{"labels": [...]}`: all labels that occur, sorted; none where they are given or not needed."""
        if self.task != "classification" or self.labels:
            return {"labels": []}
        found: set[str] = set()
        name = self.column("label")
        for batch in dataset.batches([name], stage.only):
            found |= {label for label in plain(one_chunk(column_of(batch, name))).unique().to_pylist() if label}
            if len(found) > MOST_LABELS:
                fault = f"has more than {MOST_LABELS} different labels"
                raise PipelineError.at(f"column '{name}'", fault, "give labels = [...], or name another column")
        return {"labels": sorted(found)}

    @hookimpl
    def format(self, batch: Batch, state: State, stage: Stage) -> Batch:
        """The same records as instructions. Raises PipelineError where a field has no column."""
        columns = {name: self.values(batch, name) for name in FIELDS[self.task] if self.has(batch, name)}
        answer = ANSWERS[self.task]
        labels = [self.names.get(label, label) for label in self.labels or state["labels"]]
        instructions = []
        rows = zip(*columns.values(), strict=True)
        for row, drawn in zip(rows, chance(batch, stage).tolist(), strict=True):
            record = dict(zip(columns, row, strict=True))
            instructions.append(self.told(record, labels, drawn))
        answers = [self.names.get(said, said) for said in columns[answer]] if answer == "label" else columns[answer]
        gone = {self.column(name) for name in columns}
        return self.shaped(batch.drop_columns(sorted(gone)), instructions, answers)

    def told(self, record: Mapping[str, str], labels: Sequence[str], drawn: float) -> str:
        """The instruction of one record, in the phrasing that its chance draws."""
        fields = {name: text for name, text in record.items() if name != ANSWERS[self.task] and text.strip()}
        options = list(self.offered(fields, record))
        language, phrasing = options[int(drawn * len(options))]
        known = {**record, **fields, "labels": SEPARATORS[language].join(labels)}
        return PLACE.sub(lambda found: known.get(found[1], found[0]), phrasing)

    def offered(self, fields: Mapping[str, str], record: Mapping[str, str]) -> Iterator[tuple[str, str]]:
        """The phrasings that name every field that a record has, or else those that name the most."""
        several = [(language, phrasing) for language in self.languages for phrasing in self.told_in(language)]
        fits = [named(phrasing) & record.keys() for _, phrasing in several]
        usable = [len(wanted) if wanted <= fields.keys() else -1 for wanted in fits]
        best = max(usable)
        yield from (one for one, score in zip(several, usable, strict=True) if score == best)

    def told_in(self, language: str) -> Sequence[str]:
        """The phrasings of a language; own ones stand under each language named."""
        return self.phrasings or PHRASINGS[self.task][language]

    def shaped(self, batch: Batch, instructions: Sequence[str], answers: Sequence[str]) -> Batch:
        """The batch with instructions and answers in the shape that is asked for."""
        if self.to == "messages":
            pairs = zip(instructions, answers, strict=True)
            turns = [[said("user", asked), *([said("assistant", told)] if told else [])] for asked, told in pairs]
            return put(batch, "messages", pa.array(turns, MESSAGES))
        columns: dict[str, Any] = {"instruction": instructions, "input": [""] * len(batch), "output": answers}
        for name, values in columns.items():
            batch = put(batch, name, pa.array(values, pa.large_string()))
        return batch

    def column(self, field: str) -> str:
        """The column that holds a field."""
        return self.fields.get(field, field)

    def has(self, batch: Batch, field: str) -> bool:
        """Whether a field is to be read: those that every record needs are, others where there is a column."""
        return FIELDS[self.task][field] or field in self.fields or self.column(field) in batch.column_names

    def values(self, batch: Batch, field: str) -> list[str]:
        """The texts of a field, null as empty; choices are lettered lines. Raises PipelineError without column."""
        column = one_chunk(column_of(batch, self.column(field)))
        if field == "choices" and pa.types.is_nested(column.type):
            return [lettered(row) for row in column.to_pylist()]
        found: list[str] = plain(column).fill_null("").to_pylist()
        return found


@functools.cache
def named(phrasing: str) -> frozenset[str]:
    """The fields that a phrasing names."""
    return frozenset(PLACE.findall(phrasing))


def said(role: str, content: str) -> dict[str, str]:
    """One message."""
    return {"role": role, "content": content}


def lettered(choices: Sequence[str | None] | None) -> str:
    """Choices as lines that begin with A., B., C."""
    return "\n".join(f"{chr(65 + number)}. {choice or ''}" for number, choice in enumerate(choices or ()))
