"""The format `chain`: answers with the steps that lead to them, checked, and hard tasks taken apart."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any, Literal

import pyarrow as pa
from pydantic import Field, model_validator

from finery import Batch, Born, Stage, Tally, hookimpl, plugin
from finery_plugins.filter.label import agree, given_answer, last_answer, number
from finery_plugins.format.chat import MESSAGES
from finery_plugins.format.critique import filled, spoken, user
from finery_plugins.format.exchanges import Exchanges
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
from finery_plugins.generate.parsing import language_of
from finery_plugins.generate.steps import EXPAND, OUTLINE, REASON, chain_of, parts_of, steps_of
from finery_plugins.text.content import column_of, one_chunk, plain

GOOD = "good"


@dataclass
class Chained:
    """What became of one record."""

    verdict: str
    """`good`, or what is wrong."""
    text: str = ""
    detail: str | None = None
    parts: list[tuple[str, str]] = field(default_factory=list)
    """Of an outline, each part and what was written for it."""
    replies: list[Reply] = field(default_factory=list)


@plugin(batch=1024)
class Chain:
    """Give answers the steps that lead to them, keep those that reach the known answer, or take a task apart.

    `how = "model"` asks a model for steps and an answer, up to `tries` times, and compares the answer with the known
    one as the filter `label` does: numbers as numbers, others without case and marks around them. `how = "steps"` makes
    the same form of records that hold steps already. `how = "outline"` lets a model divide a task, then carry out each
    part: one dialogue, or `into = "records"`, a record for the outline and one for each part. The parent is the record
    before; `generated_by`, `prompt_id` and `cost` say who wrote it. What fails is counted by its reason
    (`answer-differs`, `steps-without-answer`, `answer-missing`, `no-question`, `no-steps`, `broken-off`, `no-outline`)
    and leaves, or stays as it was under `failed = "mark"`, with the reason in the column `verdict`, for a filter.

    ```toml
    [[stage]]
    format = "chain"
    server = { url = "http://localhost:8000/v1", model = "qwen3-32b" }
    tries = 4
    ```

    ```toml
    [[stage]]
    format = "chain"
    how = "steps"
    steps = "output"
    failed = "mark"
    ```
    """

    how: Literal["model", "steps", "outline"] = "model"
    """Who gives the steps: a model, or the record; or whether a model takes the task apart."""

    server: ServerOption = None
    local: LocalOption = None
    sampling: SamplingOption = Field(default_factory=Sampling)
    answers: AnswersOption = None

    tries: Annotated[int, Field(ge=1, le=64)] = 1
    """How often a model is asked until it reaches the known answer, each time with another seed."""

    answer: Name | None = None
    """The column of the known answer; by default the record's answer. Of reasoning, its last answer counts."""

    steps: Name | None = None
    """For `steps`, the column that holds them, as a list or as lines; by default the record's answer."""

    parts: Annotated[int, Field(ge=2, le=32)] = 5
    """Most parts of an outline."""

    into: Literal["dialogue", "records"] = "dialogue"
    """For `outline`, one dialogue of all parts, or a record for each."""

    failed: Literal["drop", "mark"] = "drop"
    """Whether a record without a good chain leaves, or stays unchanged with the reason in `verdict`."""

    language: Literal["auto", "en", "zh"] = "auto"
    """The language of prompts and endings; `auto` takes that of the question."""

    @model_validator(mode="after")
    def somebody_reasons(self) -> Chain:
        """Raise ValueError where a model is needed and none is named, or options do not go together."""
        if self.how == "steps" and (self.server or self.local):
            raise ValueError('how = "steps" asks no model: leave out server and local')
        if self.how == "outline" and self.failed == "mark":
            raise ValueError('failed = "mark" is for model and steps: an outline changes the columns')
        made: Chain = one_writer(self, needed=self.how != "steps")
        return made

    @hookimpl
    def format(self, batch: Batch, stage: Stage, tally: Tally, out: Path) -> Born:
        """Records with chains, and the verdict on the others.

        Raises Unanswered for a record, FineryError where the run has to stop.
        """
        pairs = Exchanges.of(batch, "chain")
        made = self.arranged(batch, pairs) if self.how == "steps" else self.asked(batch, pairs, stage, out)
        for one in made:
            tally[one.verdict] += 1
        born = self.apart(batch, pairs, made) if self.how == "outline" else self.whole(batch, pairs, made)
        return Born(born, pa.array([one.verdict for one in made], pa.string()))

    def known(self, batch: Batch, pairs: Exchanges) -> list[str]:
        """The known answer of each record, empty where there is none."""
        if self.answer is None:
            return [given_answer(text) for text in pairs.answers]
        column = plain(one_chunk(column_of(batch, self.answer))).fill_null("")
        return [given_answer(text) for text in column.to_pylist()]

    def arranged(self, batch: Batch, pairs: Exchanges) -> list[Chained]:
        """Chains of the steps that records hold."""
        column = pairs.answers
        if self.steps is not None:
            column = plain(one_chunk(column_of(batch, self.steps))).fill_null("").to_pylist()
        known = self.known(batch, pairs)
        return [self.reached(*row) for row in zip(pairs.questions, column, known, strict=True)]

    def reached(self, question: str, text: str, known: str) -> Chained:
        """The chain in a text, if it reaches the known answer."""
        verdict, detail = judged(text, known)
        steps = steps_of(text)
        if verdict == "steps-without-answer" and steps and self.answer is not None and number(known) is None:
            verdict = GOOD  # steps that tell no answer of their own lead to the one beside them
        if verdict == GOOD and not steps:
            verdict = "no-steps"
        return Chained(verdict, chain_of(steps, known, language_of(question, self.language)), detail)

    def asked(self, batch: Batch, pairs: Exchanges, stage: Stage, out: Path) -> list[Chained]:
        """Chains or outlines that a model gives."""
        default = 0.0 if self.tries == 1 or self.how == "outline" else 0.7
        chats = opened(self.server, self.local, self.sampling, self.answers, out, temperature=default)
        known, streams = self.known(batch, pairs), draws(batch, stage)

        def work(row: int) -> Chained:
            question = pairs.questions[row]
            if not question.strip():
                return Chained("no-question")
            if self.how == "outline":
                return self.outlined(chats, question, streams[row])
            return self.reasoned(chats, question, known[row], streams[row])

        return chats.each(len(batch), work)

    def reasoned(self, chats: Chats, question: str, known: str, drawn: Draws) -> Chained:
        """A chain that a model gives, the first that reaches the known answer."""
        if not known:
            return Chained("answer-missing")
        language, replies = language_of(question, self.language), list[Reply]()
        found = Chained("no-steps")
        for _ in range(self.tries):
            replies.append(chats.ask([user(filled(REASON[language], {"question": question}))], drawn.seed()))
            text = spoken(replies[-1])
            verdict, detail = judged(text, known)
            if replies[-1].finish == "length":
                verdict = "broken-off"
            if verdict == GOOD and not steps_of(text):
                verdict = "no-steps"
            found = Chained(verdict, chain_of(steps_of(text), known, language), detail, replies=replies)
            if verdict == GOOD:
                break
        return found

    def outlined(self, chats: Chats, question: str, drawn: Draws) -> Chained:
        """A task divided by a model, each part carried out in view of those before it."""
        language = language_of(question, self.language)
        asked = filled(OUTLINE[language], {"question": question, "parts": str(self.parts)})
        replies = [chats.whole([user(asked)], drawn.seed())]
        outline = spoken(replies[0])
        messages = [user(asked), {"role": "assistant", "content": outline}]
        found = Chained("no-outline", outline, replies=replies)
        for place, part in enumerate(parts_of(outline)[: self.parts], 1):
            wish = filled(EXPAND[language], {"number": str(place), "part": part})
            replies.append(chats.whole([*messages, user(wish)], drawn.seed()))
            messages += [user(wish), {"role": "assistant", "content": spoken(replies[-1])}]
            found.parts.append((wish, spoken(replies[-1])))
        found.verdict = GOOD if len(found.parts) > 1 else "no-outline"
        return found

    def whole(self, batch: Batch, pairs: Exchanges, made: Sequence[Chained]) -> Batch:
        """The records with chains for answers, and what became of the others."""
        rows = [row for row, one in enumerate(made) if one.verdict == GOOD or self.failed == "mark"]
        kept = [made[row] for row in rows]
        new = [one.text if one.verdict == GOOD else None for one in kept]
        columns = columns_with(batch, pairs, rows, [None] * len(rows), new)
        if self.failed == "mark":
            columns["verdict"] = texts([one.verdict for one in kept])
            columns["verdict_detail"] = texts([one.detail for one in kept])
        if self.how == "model":
            columns |= provenance([one.replies for one in kept])
        return children(batch, rows, columns)

    def apart(self, batch: Batch, pairs: Exchanges, made: Sequence[Chained]) -> Batch:
        """Tasks that were taken apart, as dialogues or as records of outline and parts."""
        good = [(row, one) for row, one in enumerate(made) if one.verdict == GOOD]
        spread = [(row, said) for row, one in good for said in self.told(pairs, row, one)]
        rows = [row for row, _ in spread]
        columns = {"messages": pa.array([messages for _, (messages, _) in spread], MESSAGES)}
        columns |= provenance([replies for _, (_, replies) in spread])
        return children(batch, rows, columns, exchange_columns(batch, pairs))

    def told(self, pairs: Exchanges, row: int, one: Chained) -> list[tuple[list[dict[str, str]], list[Reply]]]:
        """The messages of each record that a task becomes, with the replies that are in it."""
        question = pairs.questions[row]
        language = language_of(question, self.language)
        outline = [user(filled(OUTLINE[language], {"question": question, "parts": str(self.parts)}))]
        outline.append({"role": "assistant", "content": one.text})
        turns = [[user(wish), {"role": "assistant", "content": text}] for wish, text in one.parts]
        if self.into == "dialogue":
            return [(sum(turns, outline), one.replies)]
        later: list[tuple[Any, list[Reply]]] = [
            ([*outline, *turn], [reply]) for turn, reply in zip(turns, one.replies[1:], strict=True)
        ]
        return [(outline, one.replies[:1]), *later]


def judged(text: str, known: str) -> tuple[str, str | None]:
    """Whether reasoning reaches the known answer, else what is wrong, and the two answers where they differ."""
    if not known:
        return "answer-missing", None
    found = last_answer(text, number(known) is not None)
    if found is None:
        return "steps-without-answer", None
    return (GOOD, None) if agree(found, known) else ("answer-differs", f"{found} against {known}")
