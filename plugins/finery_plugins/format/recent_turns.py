"""The format `recent-turns`: the newest turns of long dialogues."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Annotated, Literal

import pyarrow as pa
import pyarrow.compute as pc
from pydantic import Field, model_validator

from finery import Batch, HubFile, Needs, Tally, hookimpl, plugin
from finery_plugins.format.turns import (
    bounds,
    contents_of,
    no_dialogue,
    replaced,
    roles,
    turn_column,
    turns_of,
    with_items,
)
from finery_plugins.score.statistics import token_counts
from finery_plugins.text.content import one_chunk, plain
from finery_plugins.text.measures import counts

OWN = ("instruction", "input", "output")
"""The columns of the newest turn of a history."""

Count = Annotated[int, Field(ge=1)]


@plugin(needs=Needs(extra="text"))
class RecentTurns:
    """Keep the newest turns of a dialogue: the oldest go first, whole turns at a time.

    A turn is what the user says in a row with all that answers it, so no answer is left without its question.
    System messages at the beginning stay, and so does the newest turn, even if it is over the budget alone.
    What the assistant says before the user speaks goes as soon as anything goes. It takes `messages`,
    `conversations`, a `prompt` of messages, and alpaca's `history`, of which the instruction is the newest
    turn. The tally `truncated` counts the dialogues that lost something.

    ```toml
    [[stage]]
    format = "recent-turns"
    turns = 6
    budget = 1500
    unit = "words"
    ```
    """

    turns: Count | None = None
    """Most turns."""

    budget: Count | None = None
    """Most characters, words or tokens of what is said, system messages included; what a chat template adds
    is not counted."""

    unit: Literal["characters", "words", "tokens"] = "characters"
    """What the budget is measured in. Of scripts without spaces, each character is a word."""

    tokenizer: HubFile | None = None
    """The folder or hub name of the tokenizer that counts tokens."""

    @model_validator(mode="after")
    def something_is_asked(self) -> RecentTurns:
        """Raise ValueError without a limit, or where tokens have no tokenizer."""
        if self.turns is None and self.budget is None:
            raise ValueError("say what to keep: turns = 6, or budget = 4000")
        if (self.unit == "tokens") != (self.tokenizer is not None):
            raise ValueError('unit = "tokens" and tokenizer = "NAME" go together')
        return self

    @hookimpl
    def format(self, batch: Batch, tally: Tally) -> Batch:
        """The same records with fewer turns. Raises PipelineError for records that are no dialogues."""
        name = turn_column(batch)
        if name is None and "history" not in batch.column_names:
            takes = "messages, conversations, a prompt of messages, or alpaca with a history"
            raise no_dialogue(batch, "recent-turns", takes)
        column = turns_of(batch, name or "history")
        spans = bounds(column)
        rows = self.dialogues(column, spans) if name else self.histories(batch, column, spans)
        lost = sum(len(row) < end - start for row, (start, end) in zip(rows, spans, strict=True))
        if lost:
            tally["truncated"] += lost
            return replaced(batch, name or "history", with_items(column, rows))
        return batch

    def dialogues(self, column: pa.Array, spans: Sequence[tuple[int, int]]) -> list[list[int]]:
        """The turns to keep of each dialogue."""
        turns = column.flatten()
        speakers, sizes = roles(turns), self.sizes(contents_of(turns))
        return [[start + at for at in self.kept(speakers[start:end], sizes[start:end])] for start, end in spans]

    def kept(self, speakers: Sequence[str], sizes: Sequence[int]) -> list[int]:
        """The messages to keep of a dialogue."""
        first = next((at for at, role in enumerate(speakers) if role != "system"), len(speakers))
        starts = turn_starts(speakers, first)
        lengths = [sum(sizes[start:end]) for start, end in pairwise([*starts, len(speakers)])]
        counted = [speakers[start] == "user" for start in starts]
        stay = self.newest(lengths, counted, sum(sizes[:first]), 0)
        return [*range(first), *(range(starts[-stay], len(speakers)) if stay else ())]

    def histories(self, batch: Batch, column: pa.Array, spans: Sequence[tuple[int, int]]) -> list[list[int]]:
        """The exchanges to keep of each history; instruction, input and output count as the newest turn."""
        sizes = self.sizes(plain(column.flatten()).fill_null(""))
        texts = [one_chunk(batch.column(name)) for name in OWN if name in batch.column_names]
        parts = [self.sizes(plain(text).fill_null("")) for text in texts]
        own = [sum(row) for row in zip([0] * len(spans), *parts, strict=True)]
        rows = []
        for (start, end), used in zip(spans, own, strict=True):
            stay = self.newest(sizes[start:end], [True] * (end - start), used, 1)
            rows.append(list(range(end - stay, end)))
        return rows

    def newest(self, lengths: Sequence[int], counted: Sequence[bool], used: int, taken: int) -> int:
        """How many of the last turns fit, where `taken` turns of `used` units stand already."""
        stay = 0
        for length, counts_as_turn in zip(reversed(lengths), reversed(counted), strict=True):
            used += length
            full = self.turns is not None and counts_as_turn and taken >= self.turns
            over = self.budget is not None and used > self.budget
            if taken + stay and (full or over):
                break
            stay, taken = stay + 1, taken + counts_as_turn
        return stay

    def sizes(self, texts: pa.Array) -> list[int]:
        """How long each text is, in the budget's unit; nothing is counted without a budget."""
        if self.budget is None:
            return [0] * len(texts)
        found: list[int]
        if self.unit == "tokens":
            found = token_counts(texts, str(self.tokenizer)).to_pylist()
        elif self.unit == "words":
            found = counts(one_chunk(texts)).words.tolist()
        else:
            found = pc.utf8_length(texts).to_pylist()
        return found


def turn_starts(speakers: Sequence[str], first: int) -> list[int]:
    """Where turns start: at `first`, and wherever the user speaks after someone else."""
    later = range(first + 1, len(speakers))
    starts = [at for at in later if speakers[at] == "user" and speakers[at - 1] != "user"]
    return [first, *starts] if first < len(speakers) else []
