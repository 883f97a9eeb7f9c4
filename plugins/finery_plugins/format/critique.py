"""The format `critique`: answers criticised against stated principles, and revised."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Literal, NamedTuple

import pyarrow as pa
from pydantic import Field, model_validator

from finery import Batch, Born, Stage, Tally, hookimpl, plugin
from finery_plugins.format.exchanges import Exchanges
from finery_plugins.format.ranked import answer_column
from finery_plugins.format.rewriting import columns_with, exchange_columns
from finery_plugins.generate.chats import Chats, opened
from finery_plugins.generate.children import children, provenance, texts
from finery_plugins.generate.draws import Draws, draws
from finery_plugins.generate.kept import Reply
from finery_plugins.generate.options import (
    AnswersOption,
    LocalOption,
    Name,
    Sampling,
    SamplingOption,
    ServerOption,
    one_writer,
)
from finery_plugins.generate.parsing import THOUGHTS, language_of
from finery_plugins.generate.principles import CRITIQUE, PRINCIPLES, REVISION


class Revision(NamedTuple):
    """What became of one answer."""

    row: int
    first: str
    criticism: str
    last: str
    replies: list[Reply]


@plugin(batch=1024, deterministic=False, releases_gil=True)
class Critique:
    """Let a model criticise each answer against principles and revise it (constitutional AI, Bai et al. 2022).

    The first answer is the record's own, or the model's where it has none or `first = "model"`. `into = "answer"`
    puts the revised answer in its place; `into = "preference"` makes pairs of `prompt`, `chosen` (revised) and
    `rejected` (first), and leaves out a record whose answer did not change: `tally` counts `unchanged`. The columns
    `first_answer` and `critique` keep what was said; the parent is the record before. The first question of a dialogue
    counts, and the dialogue ends with its answer. A record without a question is dropped, counted as `no-question`.

    ```toml
    [[stage]]
    format = "critique"
    server = { url = "http://localhost:8000/v1", model = "qwen3-32b" }
    principles = ["It names its sources.", "It gives no medical dose."]
    into = "preference"
    ```
    """

    server: ServerOption = None
    local: LocalOption = None
    sampling: SamplingOption = Field(default_factory=Sampling)
    answers: AnswersOption = None

    principles: list[Name] = Field(default_factory=list)
    """What an answer is held against; by default eight of our own, on helpfulness, truth, harm, respect and clarity."""

    drawn: Annotated[int, Field(ge=1)] | None = None
    """So many of the principles, drawn by a hash, for each round; all of them where not given."""

    rounds: Annotated[int, Field(ge=1, le=8)] = 1
    """How often an answer is criticised and revised."""

    first: Literal["record", "model"] = "record"
    """Whose answer is revised; the model answers in any case where the record has none."""

    into: Literal["answer", "preference"] = "answer"
    """The revised answer in place of the first, or pairs of both."""

    to: Literal["text", "messages"] = "text"
    """For `preference`, whether prompt and answers are texts or lists of one message each."""

    language: Literal["auto", "en", "zh"] = "auto"
    """The language of the prompts; `auto` takes that of the question."""

    @model_validator(mode="after")
    def somebody_writes(self) -> Critique:
        """Raise ValueError for no writer or two."""
        made: Critique = one_writer(self)
        return made

    @hookimpl
    def format(self, batch: Batch, stage: Stage, tally: Tally, out: Path) -> Born:
        """The records with revised answers; the others are `no-question` or `unchanged`.

        Raises Unanswered for a record, FineryError where the run has to stop.
        """
        pairs = Exchanges.of(batch, "critique")
        asked = [row for row, question in enumerate(pairs.questions) if question.strip()]
        streams = draws(batch, stage)
        chats = opened(self.server, self.local, self.sampling, self.answers, out, temperature=0.7)
        made = chats.each(len(asked), lambda at: self.revised(chats, pairs, asked[at], streams[asked[at]]))
        tally["no-question"] += len(batch) - len(asked)
        if self.into == "preference":
            same = sum(one.first == one.last for one in made)
            tally["unchanged"] += same
            made = [one for one in made if one.first != one.last]
        reasons = ["unchanged" if question.strip() else "no-question" for question in pairs.questions]
        return Born(self.born(batch, pairs, made), pa.array(reasons, pa.string()))

    def revised(self, chats: Chats, pairs: Exchanges, row: int, drawn: Draws) -> Revision:
        """One record's answer, criticised and revised."""
        question, answer, replies = pairs.questions[row], pairs.answers[row], list[Reply]()
        if self.first == "model" or not answer.strip():
            replies.append(chats.whole([user(question)], drawn.seed()))
            answer = spoken(replies[-1])
        language = language_of(question, self.language)
        first, criticism = answer, ""
        for _ in range(self.rounds):
            messages = [user(self.prompt(question, answer, language, drawn))]
            replies.append(chats.whole(messages, drawn.seed()))
            criticism = spoken(replies[-1])
            messages += [{"role": "assistant", "content": criticism}, user(REVISION[language])]
            replies.append(chats.whole(messages, drawn.seed()))
            answer = spoken(replies[-1])
        return Revision(row, first, criticism, answer, replies)

    def prompt(self, question: str, answer: str, language: str, drawn: Draws) -> str:
        """What asks for criticism."""
        stated = self.principles or PRINCIPLES[language]
        chosen = stated if self.drawn is None else drawn.shuffled(stated)[: self.drawn]
        listed = "\n".join(f"- {principle}" for principle in chosen)
        return filled(CRITIQUE[language], {"question": question, "answer": answer, "principles": listed})

    def born(self, batch: Batch, pairs: Exchanges, made: Sequence[Revision]) -> Batch:
        """The revised records."""
        rows = [one.row for one in made]
        told = {"first_answer": texts([one.first for one in made]), "critique": texts([one.criticism for one in made])}
        told |= provenance([one.replies for one in made])
        if self.into == "answer":
            columns = columns_with(batch, pairs, rows, [None] * len(made), [one.last for one in made])
            return children(batch, rows, columns | told)
        sides = {
            "prompt": answer_column([pairs.questions[row] for row in rows], self.to, asks=True),
            "chosen": answer_column([one.last for one in made], self.to, asks=False),
            "rejected": answer_column([one.first for one in made], self.to, asks=False),
        }
        return children(batch, rows, sides | told, exchange_columns(batch, pairs))


def user(content: str) -> dict[str, str]:
    """A message of the user."""
    return {"role": "user", "content": content}


def spoken(reply: Reply) -> str:
    """What a reply says, without the thoughts that reasoning models put before it."""
    return THOUGHTS.sub("", reply.text).strip()


def filled(template: str, values: Mapping[str, str]) -> str:
    """A template with values in its places; braces in a value stay as they are."""
    parts = template.split("{")
    return parts[0] + "".join(values[part.split("}", 1)[0]] + part.split("}", 1)[1] for part in parts[1:])
