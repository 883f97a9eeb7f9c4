"""The format `few-shot`: prompts that show solved examples from the data before they ask."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Annotated, Any, Literal

import numpy as np
import pyarrow as pa
from pydantic import Field, model_validator

from finery import Batch, Dataset, Stage, State, chance, hookimpl, plugin
from finery_plugins.format.exchanges import Exchanges, asked_of
from finery_plugins.format.ngrams import cosines, features
from finery_plugins.format.ranked import put
from finery_plugins.format.turns import keys, replaced, roles, turns_of
from finery_plugins.text.content import one_chunk

NEAREST = 32
"""How many of the most similar examples `diverse` chooses among, at least."""

EXAMPLES = pa.schema([("id", pa.large_string()), ("question", pa.large_string()), ("answer", pa.large_string())])


@plugin
class FewShot:
    """Put solved examples from the data set before each question.

    A pool of examples is drawn by a hash of their ids before the batches. `similar` takes those whose questions share
    most character n-grams with the record's (cosine of hashed counts, no model); `diverse` weighs similarity against
    likeness to the examples taken already (maximal marginal relevance, Carbonell and Goldstein 1998); `chance` draws.
    An example is never the record itself, nor one that asks the same. In `messages` and `conversations` the examples
    become turns after the system message, elsewhere text before the question: `instruction` with `input`, `prompt`, or
    `text` with `label`.

    ```toml
    [[stage]]
    format = "few-shot"
    shots = 3
    pick = "diverse"
    template = "Question: {question}\\nAnswer: {answer}"
    ```
    """

    shots: Annotated[int, Field(ge=1, le=64)] = 4
    """How many examples; fewer where the pool has no more."""

    pick: Literal["similar", "diverse", "chance"] = "similar"
    """How examples are picked."""

    order: Literal["nearest-last", "nearest-first"] = "nearest-last"
    """The order in a prompt: the example most like the question right before it, as Liu et al. 2022 have it, or
    first. What `chance` picks stays in the order drawn."""

    pool: Annotated[int, Field(ge=2, le=20_000)] = 1000
    """How many examples to pick from. They and a vector of 4 kB each are held in memory."""

    sources: list[str] = Field(default_factory=list)
    """The sources that examples come from, among those that the stage sees; by default all of them."""

    split: str = "train"
    """Where records have the column `split`, only those of this one are examples: none leaks from a test set."""

    template: str = "{question}\n{answer}"
    """An example in text. The record's own question is put by the part before `{answer}`."""

    separator: str = "\n\n"
    """What stands between examples in text."""

    relevance: Annotated[float, Field(ge=0, le=1)] = 0.5
    """For `diverse`, the weight of similarity to the question; the rest is that of difference among examples."""

    max_characters: Annotated[int, Field(ge=1)] = 4000
    """Longer records, question and answer together, are no examples."""

    @model_validator(mode="after")
    def the_template_has_both(self) -> FewShot:
        """Raise ValueError for a template in which the answer does not follow the question."""
        if not 0 <= self.template.find("{question}") < self.template.find("{answer}"):
            raise ValueError('template needs {question} and then {answer}, such as "{question}\\n{answer}"')
        return self

    @hookimpl
    def prepare(self, dataset: Dataset, stage: Stage) -> State:
        """The pool: `id, question, answer`, those of the least chance, in that order."""
        seen = [name for name in dataset.sources if stage.only is None or name in stage.only]
        wanted = [name for name in seen if not self.sources or name in self.sources]
        best: list[tuple[float, str, str, str]] = []
        for batch in dataset.batches(only=wanted) if wanted else ():
            best = sorted([*best, *self.examples(batch, stage)])[: self.pool]
        rows = [{"id": name, "question": asked, "answer": told} for _, name, asked, told in best]
        first = {row["question"]: row for row in reversed(rows)}
        return pa.Table.from_pylist([row for row in rows if first[row["question"]] is row], EXAMPLES)

    def examples(self, batch: Batch, stage: Stage) -> Iterator[tuple[float, str, str, str]]:
        """Chance, id, question and answer of the records of a batch that can be examples."""
        pairs = Exchanges.of(batch, "few-shot")
        splits = one_chunk(batch.column("split")).to_pylist() if "split" in batch.column_names else None
        ids, drawn = batch.column("id").to_pylist(), chance(batch, stage).tolist()
        for row, (asked, told) in enumerate(zip(pairs.questions, pairs.answers, strict=True)):
            fits = asked.strip() and told.strip() and len(asked) + len(told) <= self.max_characters
            if fits and (splits is None or splits[row] == self.split):
                yield drawn[row], str(ids[row]), asked, told

    @hookimpl
    def format(self, batch: Batch, state: State, stage: Stage) -> Batch:
        """The same records with examples. Raises PipelineError for records without question and answer."""
        pairs = Exchanges.of(batch, "few-shot")
        pool = state.to_pydict()
        picked = self.picked(batch, pairs.questions, pool, stage)
        shown = [[(pool["question"][at], pool["answer"][at]) for at in row] for row in picked]
        if pairs.turns:
            return replaced(batch, pairs.column, dialogues(turns_of(batch, pairs.column), shown))
        texts = [self.prompt(asked, few) for asked, few in zip(pairs.questions, shown, strict=True)]
        made = put(batch, pairs.column, pa.array(texts, pa.large_string()))
        if pairs.merged:
            made = put(made, "input", pa.array([""] * len(batch), pa.large_string()))
        return made

    def prompt(self, asked: str, examples: Sequence[tuple[str, str]]) -> str:
        """A question with its examples before it."""
        before, _, after = self.template.partition("{answer}")
        told = [before.replace("{question}", question) + answer + after for question, answer in examples]
        return self.separator.join([*told, before.replace("{question}", asked).rstrip()]) if told else asked

    def picked(
        self, batch: Batch, questions: Sequence[str], pool: Mapping[str, list[str]], stage: Stage
    ) -> list[list[int]]:
        """The examples of each record by their places in the pool, in order."""
        by_id, by_question = places(pool["id"]), places(pool["question"])
        ids = map(str, batch.column("id").to_pylist())
        barred = [
            {by_id.get(one, -1), by_question.get(asked, -1)} - {-1} for one, asked in zip(ids, questions, strict=True)
        ]
        if self.pick == "chance" or not len(pool["id"]):
            return self.drawn(batch, barred, len(pool["id"]), stage)
        return list(self.nearest(questions, barred, pool["question"]))

    def drawn(self, batch: Batch, barred: Sequence[set[int]], size: int, stage: Stage) -> list[list[int]]:
        """Examples by chance; one that is taken already gives way to the next in the pool."""
        rows: list[list[int]] = [[] for _ in barred]
        for shot in range(self.shots if size else 0):
            numbers = chance(batch, replace(stage, seed=(stage.seed + shot + 1) % 2**64)).tolist()
            for row, banned, number in zip(rows, barred, numbers, strict=True):
                taken = {*row, *banned}
                if len(taken) < size:
                    start = int(number * size)
                    row.append(next(at % size for at in range(start, start + size) if at % size not in taken))
        return rows

    def nearest(self, questions: Sequence[str], barred: Sequence[set[int]], pool: Sequence[str]) -> Iterator[list[int]]:
        """Examples by similarity; equal ones in the order of the pool."""
        vectors = features(pool)
        for row, alike in enumerate(cosines(questions, vectors)):
            alike[list(barred[row])] = -1
            count = self.shots if self.pick == "similar" else max(NEAREST, 4 * self.shots)
            first = [at for at in np.argsort(-alike, kind="stable")[:count].tolist() if at not in barred[row]]
            if self.pick == "diverse":
                first = diverse(first, alike, vectors, self.relevance)[: self.shots]
                first.sort(key=lambda at: -alike[at])
            yield first if self.order == "nearest-first" else first[::-1]


def places(values: Sequence[str]) -> Mapping[str, int]:
    """The place of each value."""
    return {value: at for at, value in enumerate(values)}


def diverse(first: Sequence[int], alike: np.ndarray, vectors: Any, relevance: float) -> list[int]:
    """Examples in the order in which maximal marginal relevance takes them."""
    among = vectors.among(first)
    left, taken = list(range(len(first))), list[int]()
    while left:
        worth = [
            relevance * alike[first[at]] - (1 - relevance) * max((among[at][one] for one in taken), default=0)
            for at in left
        ]
        taken.append(left.pop(int(np.argmax(worth))))
    return [first[at] for at in taken]


def dialogues(column: pa.Array, shown: Sequence[Sequence[tuple[str, str]]]) -> pa.Array:
    """Dialogues with examples as turns behind their system messages."""
    who, what = keys(column.type.value_type)
    speakers = iter(roles(column.flatten()))
    names = ("human", "gpt") if who == "from" else ("user", "assistant")
    rows = []
    for turns, examples in zip(column.to_pylist(), shown, strict=True):
        usual = [next(speakers) for _ in turns or ()]
        at = asked_of(usual)
        more = [{who: name, what: text} for pair in examples for name, text in zip(names, pair, strict=True)]
        rows.append(turns if at is None else [*turns[:at], *more, *turns[at:]])
    return pa.array(rows, column.type)
