"""Questions and their answers, in whatever shape records have them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import pyarrow as pa

from finery import Batch
from finery_plugins.format.turns import bounds, contents_of, no_dialogue, roles, turn_column, turns_of
from finery_plugins.text.content import one_chunk, plain

PAIRS = (("instruction", "output"), ("prompt", "completion"), ("prompt", "response"), ("text", "label"))
"""The columns of a question and its answer, by shape."""


@dataclass(frozen=True)
class Exchanges:
    """The question and the answer of each record; empty where it has none."""

    column: str
    """The column that the questions stand in."""
    questions: list[str]
    answers: list[str]
    turns: bool = False
    """Whether the column holds dialogues: the first thing the user says, and the first answer to it."""
    merged: bool = False
    """Whether `input` is part of the question."""

    @classmethod
    def of(cls, batch: Batch, plugin: str) -> Exchanges:
        """The exchanges of a batch. Raises PipelineError where it has none."""
        name = turn_column(batch)
        if name in ("messages", "conversations", "conversation"):
            return cls(str(name), *dialogues(turns_of(batch, str(name))), turns=True)
        found = next((pair for pair in PAIRS if set(pair) <= set(batch.column_names)), None)
        if found is None or name is not None:
            takes = "messages, conversations, instruction with output, prompt with completion, or text with label"
            raise no_dialogue(batch, plugin, takes)
        question, answer = (texts(batch, name) for name in found)
        merged = found[0] == "instruction" and "input" in batch.column_names
        if merged:
            pairs = zip(question, texts(batch, "input"), strict=True)
            question = ["\n\n".join(part for part in pair if part) for pair in pairs]
        return cls(found[0], question, answer, merged=merged)


def texts(batch: Batch, name: str) -> list[str]:
    """A column as texts, null as empty."""
    found: list[str] = plain(one_chunk(batch.column(name))).fill_null("").to_pylist()
    return found


def dialogues(column: pa.Array) -> tuple[list[str], list[str]]:
    """The first question of each dialogue, and what is answered right behind it."""
    turns = column.flatten()
    speakers, said = roles(turns), contents_of(turns).to_pylist()
    pairs = [exchange(speakers[start:end], said[start:end]) for start, end in bounds(column)]
    return [pair[0] for pair in pairs], [pair[1] for pair in pairs]


def exchange(speakers: Sequence[str], said: Sequence[str]) -> tuple[str, str]:
    """The first question of one dialogue, and what is answered right behind it."""
    at = asked_of(speakers)
    if at is None:
        return "", ""
    answered = at + 1 < len(speakers) and speakers[at + 1] == "assistant"
    return said[at], said[at + 1] if answered else ""


def asked_of(speakers: Sequence[str]) -> int | None:
    """Where the user speaks first; None in a dialogue in which the user does not."""
    return next((at for at, role in enumerate(speakers) if role == "user"), None)
