"""The prompts of a reinforcement training: their tokens, and what is known of the right answers."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import pyarrow as pa

from finery_plugins.train.preferences import Answered, Said, demand_columns
from finery_plugins.train.records import Records
from finery_plugins.train.rules import Asked
from finery_plugins.train.tokens import Tokens

KINDS = (("prompt",), ("messages",), ("instruction",))
REMEDY = "prompts are read from `prompt`, `messages` or `instruction`: name sources that have one of them in `only`"


@dataclass(frozen=True)
class Prompts:
    """Reads prompts out of records of several shapes."""

    answer: str | None
    """The column with the right answers; where None, the answer of `messages`, `output` or `answer`."""

    @property
    def columns(self) -> tuple[str, ...]:
        """All columns that are looked at."""
        named = () if self.answer is None else (self.answer,)
        return ("prompt", "messages", "instruction", "input", "output", "answer", *named)

    def read(self, batch: pa.Table) -> Iterator[tuple[Said, str | None]]:
        """Prompt and right answer of each record."""
        prompts, answers = asked(batch)
        name = self.answer or "answer"
        if name in batch.column_names:
            answers = [None if value is None else str(value) for value in batch[name].to_pylist()]
        yield from zip(prompts, answers, strict=True)

    def encoded(self, batch: pa.Table) -> Iterator[Answered]:
        """The prompt of each record, as tokens are made of it."""
        for prompt, _ in self.read(batch):
            yield Answered(prompt, None)

    def known(self, records: Records, tokens: Tokens) -> list[Asked]:
        """What each of the sequences asks, in their order."""
        found: dict[bytes, Asked] = {}
        for batch in records.batches(*self.columns):
            ids = batch["id"].to_pylist()
            sources = batch["source"].cast(pa.string()).to_pylist()
            for name, source, (prompt, answer) in zip(ids, sources, self.read(batch), strict=True):
                found[name.bytes] = Asked(str(name), source, prompt, answer)
        return [found[name] for name in tokens.ids.cast(pa.binary(16)).to_pylist()]


def asked(batch: pa.Table) -> tuple[list[Said], Sequence[str | None]]:
    """The prompts of a batch, and the answers that their shape has."""
    names = batch.column_names
    if "prompt" in names:
        return batch["prompt"].to_pylist(), [None] * len(batch)
    if "messages" in names:
        talks = [split(messages or []) for messages in batch["messages"].to_pylist()]
        return [prompt for prompt, _ in talks], [answer for _, answer in talks]
    from finery_plugins.format.ranked import asked as instructed

    outputs = batch["output"].to_pylist() if "output" in names else [None] * len(batch)
    return list(instructed(batch)), [said if isinstance(said, str) else None for said in outputs]


def split(messages: Sequence[Any]) -> tuple[list[Any], str | None]:
    """A conversation up to its last answer, and that answer."""
    if messages and messages[-1]["role"] == "assistant":
        return list(messages[:-1]), messages[-1]["content"]
    return list(messages), None


def demand_prompts(records: Records) -> None:
    """Check that every source has prompts. Raises DataError."""
    demand_columns(records, KINDS, REMEDY)
