"""The format `negatives`: samples in which the right reply is to ask back or to decline."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any, Literal, NamedTuple

import pyarrow as pa
from pydantic import Field, model_validator

from finery import Batch, Stage, Tally, hookimpl, plugin
from finery_plugins.format.critique import filled, spoken, user
from finery_plugins.format.exchanges import Exchanges, texts
from finery_plugins.format.rewriting import changed, columns_with
from finery_plugins.format.turns import keys
from finery_plugins.generate.chats import Chats, opened
from finery_plugins.generate.children import children, provenance
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
from finery_plugins.generate.refusals import QUESTION, REPLIES, SCOPES, WISHES

Kind = Literal["unanswerable", "underspecified", "out-of-scope", "safety"]
LABELS = {
    "unanswerable": "clarification",
    "underspecified": "clarification",
    "out-of-scope": "refusal",
    "safety": "safety",
}
"""What each kind is, in the column `negative`."""
FEWEST = {"en": 6, "zh": 10}
"""Words, or characters of Chinese, that a question needs to be cut off in the middle."""


class Negative(NamedTuple):
    """A sample to be made of the record at `row`."""

    row: int
    kind: str
    language: str
    question: str
    draws: Draws


@plugin(batch=1024)
class Negatives:
    """Add refusals, requests for clarification and samples at the boundary of safety, made of the user's records.

    `unanswerable` takes away the context that a question needs (`input`, or the column `context`); `underspecified`
    cuts a question off in the middle; `out-of-scope` puts it to an assistant that serves `scope` only, said in a
    system message; `safety` takes the questions for harmful ones: name the sources of such with `only`. The reply is
    one of several texts of ours, in the question's language, or written by a model. A share of the records, drawn by a
    hash of their ids, gets one such sample of a kind that it allows. The column `negative` says `clarification`,
    `refusal` or `safety`, and nothing for the records themselves; `negative_kind` says which kind. All are children of
    the record.

    ```toml
    [[stage]]
    format = "negatives"
    share = 0.1
    kinds = ["unanswerable", "underspecified", "out-of-scope"]
    scope = "orders and deliveries of our shop"
    ```
    """

    kinds: Annotated[list[Kind], Field(min_length=1)] = Field(
        default_factory=lambda: list[Kind](["unanswerable", "underspecified"])
    )
    """What is made; of the kinds that a record allows, one is drawn."""

    share: Annotated[float, Field(gt=0, le=1)] = 0.1
    """The share of records that get such a sample, where their kind allows it."""

    keep: bool = True
    """Whether the records themselves stay beside them."""

    context: Name | None = None
    """The column that holds what a question is about, beside `input`."""

    scope: Name | None = None
    """What the assistant is for, as it would say it: needed for `out-of-scope`."""

    language: Literal["auto", "en", "zh"] = "auto"
    """The language of the replies; `auto` takes that of the question."""

    server: ServerOption = None
    local: LocalOption = None
    sampling: SamplingOption = Field(default_factory=Sampling)
    answers: AnswersOption = None

    @model_validator(mode="after")
    def a_scope_is_said(self) -> Negatives:
        """Raise ValueError for `out-of-scope` without a scope, or two writers."""
        if "out-of-scope" in self.kinds and self.scope is None:
            raise ValueError('out-of-scope needs scope = "what the assistant is for"')
        made: Negatives = one_writer(self, needed=False)
        return made

    @hookimpl
    def format(self, batch: Batch, stage: Stage, tally: Tally, out: Path) -> Batch:
        """The records and what was made of them. Raises Unanswered for a record, FineryError for the run's end."""
        pairs = Exchanges.of(batch, "negatives")
        made = self.wanted(batch, pairs, stage)
        replies = self.replies(made, out)
        for one in made:
            tally[one.kind] += 1
        rows = [(row, None) for row in range(len(batch)) if self.keep] + [(one.row, at) for at, one in enumerate(made)]
        rows.sort(key=lambda pair: (pair[0], pair[1] is not None))
        return self.born(batch, pairs, rows, made, replies)

    def wanted(self, batch: Batch, pairs: Exchanges, stage: Stage) -> list[Negative]:
        """The samples to be made: of the records that were drawn, where a kind allows it."""
        bare = self.bare(batch, pairs)
        found = []
        for row, drawn in enumerate(draws(batch, stage)):
            question = pairs.questions[row]
            language = language_of(question, self.language)
            ways = {kind: self.asked(kind, question, bare[row], language) for kind in self.kinds}
            open_ways = [kind for kind, text in ways.items() if text]
            if drawn.share() < self.share and open_ways:
                kind = drawn.pick(open_ways)
                found.append(Negative(row, kind, language, ways[kind], drawn))
        return found

    def bare(self, batch: Batch, pairs: Exchanges) -> list[str]:
        """The question of each record that has a context, without it; empty for the others."""
        if self.context is not None and self.context in batch.column_names:
            known = zip(pairs.questions, texts(batch, self.context), strict=True)
            return [asked.replace(about, "").strip() if about.strip() else "" for asked, about in known]
        if not pairs.merged:
            return [""] * len(batch)
        both = zip(texts(batch, "instruction"), texts(batch, "input"), strict=True)
        return [asked.strip() if about.strip() else "" for asked, about in both]

    def asked(self, kind: str, question: str, bare: str, language: str) -> str:
        """The question of a sample of one kind; empty where the record does not allow it."""
        if kind == "unanswerable":
            return bare
        return opening(question, language) if kind == "underspecified" else question.strip()

    def replies(self, made: Sequence[Negative], out: Path) -> list[Reply | str]:
        """What is replied in each sample."""
        if self.server is None and self.local is None:
            return [self.told(one) for one in made]
        chats = opened(self.server, self.local, self.sampling, self.answers, out, temperature=0.7)
        return chats.each(len(made), lambda at: self.written(chats, made[at]))

    def told(self, one: Negative) -> str:
        """A reply of ours."""
        template = one.draws.pick(REPLIES[one.kind][one.language])
        return filled(template, {"opening": one.question, "scope": self.scope or ""})

    def written(self, chats: Chats, one: Negative) -> Reply | str:
        """A reply of the model's."""
        wish = filled(WISHES[one.kind][one.language], {"scope": self.scope or ""})
        prompt = filled(QUESTION[one.language], {"wish": wish, "question": one.question})
        return chats.whole([user(prompt)], one.draws.seed())

    def born(
        self,
        batch: Batch,
        pairs: Exchanges,
        rows: Sequence[tuple[int, int | None]],
        made: Sequence[Negative],
        replies: Sequence[Reply | str],
    ) -> Batch:
        """The records as they were, and the samples after those they come from."""
        which = [None if at is None else made[at] for _, at in rows]
        said = [None if at is None else replies[at] for _, at in rows]
        told = [spoken(reply) if isinstance(reply, Reply) else reply for reply in said]
        places = [row for row, _ in rows]
        columns = columns_with(batch, pairs, places, [one and one.question for one in which], told)
        columns |= self.scoped(batch, pairs, columns, places, which)
        if self.context is not None and self.context in batch.column_names:
            gone = ["" if one and one.kind == "unanswerable" else None for one in which]
            columns[self.context] = changed(batch, self.context, places, gone)
        columns["negative"] = pa.array([one and LABELS[one.kind] for one in which], pa.large_string())
        columns["negative_kind"] = pa.array([one and one.kind for one in which], pa.large_string())
        columns |= provenance([[reply] if isinstance(reply, Reply) else [] for reply in said])
        by = columns["generated_by"].to_pylist()
        named = [name or ("template" if one else None) for name, one in zip(by, which, strict=True)]
        columns["generated_by"] = pa.array(named, pa.large_string())
        return children(batch, places, columns)

    def scoped(
        self,
        batch: Batch,
        pairs: Exchanges,
        columns: dict[str, pa.Array],
        rows: Sequence[int],
        which: Sequence[Negative | None],
    ) -> dict[str, pa.Array]:
        """The system messages of samples that are out of scope."""
        if "out-of-scope" not in self.kinds:
            return {}
        says = [self.system(one) for one in which]
        if not pairs.turns:
            before = texts(batch, "system") if "system" in batch.column_names else [""] * len(batch)
            values = [before[row] if says_now is None else says_now for row, says_now in zip(rows, says, strict=True)]
            return {"system": pa.array(values, pa.large_string())}
        column = columns[pairs.column]
        turns = [led(row, text, column.type) for row, text in zip(column.to_pylist(), says, strict=True)]
        return {pairs.column: pa.array(turns, column.type)}

    def system(self, one: Negative | None) -> str | None:
        """The system message of a sample that is out of scope."""
        if one is None or one.kind != "out-of-scope":
            return None
        return filled(SCOPES[one.language], {"scope": self.scope or ""})


def opening(question: str, language: str) -> str:
    """The first half of a question; empty for one that is too short to be cut off."""
    first = question.strip().split("\n", 1)[0]
    words = list(first) if language == "zh" else first.split()
    if len(words) < FEWEST[language]:
        return ""
    half = words[: len(words) // 2]
    return ("" if language == "zh" else " ").join(half).rstrip("，。,.;:；： ")


def led(turns: list[dict[str, Any]] | None, says: str | None, kind: pa.DataType) -> list[dict[str, Any]] | None:
    """A dialogue that opens with a system message, in place of the one it has."""
    if says is None or not turns:
        return turns
    who, what = (str(name) for name in keys(kind.value_type))
    rest = turns[1:] if turns[0][who] == "system" else turns
    return [{who: "system", what: says}, *rest]
