"""Questions and answers put back into records, whatever their shape."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pyarrow as pa

from finery import Batch
from finery_plugins.format.exchanges import PAIRS, Exchanges, asked_of
from finery_plugins.format.turns import keys, roles, turns_of
from finery_plugins.text.content import one_chunk, plain

Rows = Sequence[int]


def columns_with(
    batch: Batch, pairs: Exchanges, rows: Rows, questions: Sequence[str | None], answers: Sequence[str | None]
) -> dict[str, pa.Array]:
    """The columns of records like those at `rows`, with other questions and answers; null leaves what is there.

    A dialogue whose answer is another ends with it: what was said afterwards answers to the old one.
    """
    if pairs.turns:
        return {pairs.column: dialogues(turns_of(batch, pairs.column), rows, questions, answers)}
    told = answer_column(batch, pairs)
    made = {pairs.column: changed(batch, pairs.column, rows, questions), told: changed(batch, told, rows, answers)}
    if pairs.merged:
        made["input"] = changed(batch, "input", rows, [None if new is None else "" for new in questions])
    return made


def changed(batch: Batch, name: str, rows: Rows, values: Sequence[str | None]) -> pa.Array:
    """A column of records like those at `rows`, with other values; null leaves what is there."""
    before = plain(one_chunk(batch.column(name))).to_pylist()
    pairs = zip(rows, values, strict=True)
    return pa.array([before[row] if new is None else new for row, new in pairs], pa.large_string())


def dialogues(column: pa.Array, rows: Rows, questions: Sequence[str | None], answers: Sequence[str | None]) -> pa.Array:
    """Dialogues with another first question or first answer."""
    who, what = (str(name) for name in keys(column.type.value_type))
    found = column.take(pa.array(rows, pa.int64()))
    speakers = iter(roles(found.flatten()))
    made = []
    for turns, question, answer in zip(found.to_pylist(), questions, answers, strict=True):
        usual = [next(speakers) for _ in turns or ()]
        made.append(retold(turns, asked_of(usual), question, answer, (who, what)))
    return pa.array(made, column.type)


def retold(
    turns: list[dict[str, Any]] | None, at: int | None, question: str | None, answer: str | None, names: tuple[str, str]
) -> list[dict[str, Any]] | None:
    """One dialogue with another first question or first answer."""
    if not turns or at is None:
        return turns
    who, what = names
    asked = turns[at] if question is None else {**turns[at], what: question}
    if answer is None:
        return [*turns[:at], asked, *turns[at + 1 :]]
    return [*turns[:at], asked, {who: "gpt" if who == "from" else "assistant", what: answer}]


def answer_column(batch: Batch, pairs: Exchanges) -> str:
    """The column that the answers of records without turns stand in."""
    return next(told for asked, told in PAIRS if asked == pairs.column and told in batch.column_names)


def exchange_columns(batch: Batch, pairs: Exchanges) -> tuple[str, ...]:
    """The columns that question and answer stand in."""
    if pairs.turns:
        return (pairs.column,)
    return (pairs.column, answer_column(batch, pairs), *(("input",) if pairs.merged else ()))
