"""The filter `handoff`: dialogues in which the assistant only routes to a human, or says nothing of the matter."""

from __future__ import annotations

import functools
import re
from collections.abc import Sequence
from typing import Annotated, Literal

import numpy as np
from pydantic import Field, field_validator

from finery import Batch, Reasons, hookimpl, plugin
from finery_plugins.filter.routing import COURTESY, HANDOFF, IRRELEVANT
from finery_plugins.filter.rules import Rule, reasons
from finery_plugins.format.turns import bounds, contents_of, roles, turn_column, turns_of
from finery_plugins.text.content import column_of, contents, is_list, one_chunk, plain

Tongue = Literal["en", "zh"]
Text = Annotated[str, Field(min_length=1)]

CLAUSES = re.compile(r"[.!?](?=\s|$)|[,，。！？!?；;\n~～…]|\s-\s")
"""What ends a clause."""

READ = 4000
"""Characters of an answer that are read: what goes on longer is no mere hand-off."""

ANSWERS = ("output", "completion", "response", "chosen", "text")
"""The column that holds the answer of a record without turns, the first that is there."""


@plugin
class Handoff:
    """Drop dialogues in which the assistant only hands over to a human, or says nothing of the matter.

    An answer is told clause by clause: it routes where clauses that announce a human, a queue, a survey or the end of
    the session, with the courtesies that go along, hold most of its letters. "Refunds are under Orders; if that
    fails, contact support" does not. A record goes when enough of its answers route: as `handoff` if one of them
    announces a human, else as `irrelevant`. A record without answers, or of courtesies alone, stays.

    ```toml
    [[stage]]
    filter = "handoff"
    languages = ["zh"]
    share = 0.5
    ```
    """

    languages: Annotated[list[Tongue], Field(min_length=1)] = Field(default_factory=lambda: list[Tongue](("en", "zh")))
    """Whose phrases are used."""

    more: list[Text] = Field(default_factory=list)
    """Further phrases that hand over, as regular expressions, found anywhere in a clause and in any case."""

    irrelevant: list[Text] = Field(default_factory=list)
    """Further phrases that say nothing of the matter, as regular expressions."""

    share: Annotated[float, Field(gt=0, le=1)] = 1.0
    """The share of the assistant's turns, greetings aside, that must route for a dialogue to go; by default all."""

    clauses: Annotated[float, Field(gt=0, le=1)] = 0.6
    """The share of letters that routing clauses and courtesies must hold in an answer for it to route."""

    column: Text | None = None
    """The column of the answer; by default the assistant's turns, else `output`, `completion`, `response`, `chosen` or
    `text`."""

    @field_validator("more", "irrelevant")
    @classmethod
    def phrases_can_be_read(cls, phrases: list[str]) -> list[str]:
        """Raise ValueError for a phrase of bad syntax."""
        for phrase in phrases:
            try:
                re.compile(phrase)
            except re.error as error:
                raise ValueError(f"{phrase!r} is no regular expression: {error}") from None
        return phrases

    @hookimpl
    def filter(self, batch: Batch) -> Reasons:
        """`handoff` or `irrelevant`, with the share of answers that route against the one asked for."""
        languages = tuple(self.languages)
        find = phrases(languages, tuple(self.more), tuple(self.irrelevant))
        every = [[routes(text, find, self.clauses) for text in texts] for texts in self.answers(batch)]
        # A greeting neither serves nor hands over.
        told = [[kind for kind in kinds if kind != "courtesy"] for kinds in every]
        shares = np.array([sum(map(bool, kinds)) / len(kinds) if kinds else 0.0 for kinds in told], np.float64)
        human = np.array(["handoff" in kinds for kinds in told], bool)
        goes = shares >= self.share
        return reasons(
            [Rule("handoff", goes & human, shares, self.share), Rule("irrelevant", goes & ~human, shares, self.share)],
            len(batch),
        )

    def answers(self, batch: Batch) -> list[list[str]]:
        """What the assistant says in each record, turn by turn."""
        name = turn_column(batch) if self.column is None else None
        if name not in (None, "prompt"):
            column = turns_of(batch, str(name))
            turns = column.flatten()
            speakers, said = roles(turns), contents_of(turns).to_pylist()
            return [[said[at] for at in range(*span) if speakers[at] == "assistant"] for span in bounds(column)]
        name = self.column or next((name for name in ANSWERS if name in batch.column_names), None)
        if name is not None and not is_list(one_chunk(column_of(batch, name)).type):
            return [[text] for text in plain(one_chunk(column_of(batch, name))).fill_null("").to_pylist()]
        if name is None:
            return [[text] for text in contents(batch).to_pylist()]
        return [[text or "" for text in texts or ()] for texts in one_chunk(column_of(batch, name)).to_pylist()]


@functools.cache
def phrases(languages: Sequence[str], more: Sequence[str], irrelevant: Sequence[str]) -> tuple[re.Pattern[str], ...]:
    """What finds a hand-off, what says nothing of the matter, and a courtesy."""
    lists = (
        [phrase for name in languages for phrase in HANDOFF[name]] + list(more),
        [phrase for name in languages for phrase in IRRELEVANT[name]] + list(irrelevant),
        [phrase for name in languages for phrase in COURTESY[name]],
    )
    return tuple(re.compile("|".join(f"(?:{phrase})" for phrase in found), re.IGNORECASE) for found in lists)


def routes(text: str, find: Sequence[re.Pattern[str]], share: float) -> str | None:
    """`handoff` or `irrelevant` where that is what an answer says, `courtesy` where it says nothing else, else None."""
    if len(text) > READ:
        return None
    letters = {"handoff": 0, "irrelevant": 0, "courtesy": 0, "matter": 0}
    for clause in CLAUSES.split(text):
        letters[kind(clause.strip(), find)] += sum(map(str.isalnum, clause))
    whole = sum(letters.values())
    if not whole or whole - letters["matter"] < share * whole:
        return None
    return next((name for name in ("handoff", "irrelevant", "courtesy") if letters[name]), None)


def kind(clause: str, find: Sequence[re.Pattern[str]]) -> str:
    """What a clause is: `handoff`, `irrelevant`, `courtesy`, or of the `matter`."""
    names = ("handoff", "irrelevant", "courtesy")
    return next((name for name, pattern in zip(names, find, strict=True) if pattern.search(clause)), "matter")
