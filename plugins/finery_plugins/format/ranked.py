"""The format `ranked`: preference pairs out of ranked answers."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import combinations, pairwise
from typing import Annotated, Literal, TypeAlias

import pyarrow as pa
from pydantic import Field

from finery import Batch, PipelineError, hookimpl, plugin
from finery_plugins.format.chat import MESSAGES
from finery_plugins.text.content import is_list, listed, one_chunk, place

Pair: TypeAlias = tuple[str, str]
"""The better and the worse answer."""


@plugin
class Ranked:
    """Make pairs of a better and a worse answer out of ranked ones (`output` is a list, best first).

    Every pair is a record of its own with `prompt`, `chosen` and `rejected`; its parent is the ranked record.
    Instruction and input are the prompt, joined by a blank line. Answers that are empty, or equal to a better
    one, make no pair. Other columns stay.

    ```toml
    [[stage]]
    format = "ranked"
    pairs = "adjacent"
    ```
    """

    pairs: Literal["all", "adjacent", "best"] = "all"
    """Every answer with every worse one (Ouyang et al. 2022), with the next worse one, or the best with all others."""

    max_pairs: Annotated[int, Field(ge=1)] | None = None
    """Most pairs of a record, those farthest apart in rank first."""

    to: Literal["text", "messages"] = "text"
    """Whether prompt and answers are texts, or lists of one message each, as chat templates take them."""

    @hookimpl
    def format(self, batch: Batch) -> Batch:
        """A record a pair, its `parent` the ranked record. Raises PipelineError for records that are not ranked."""
        kinds = {field.name: field.type for field in batch.schema}
        if "instruction" not in kinds or not is_list(kinds.get("output", pa.null())):
            raise not_ranked(batch)
        made = [self.chosen(answers) for answers in one_chunk(batch.column("output")).to_pylist()]
        rows = [row for row, pairs in enumerate(made) for _ in pairs]
        prompts = asked(batch)
        better, worse = ([pair[side] for pairs in made for pair in pairs] for side in (0, 1))
        born = batch.take(pa.array(rows, pa.int64()))
        columns = {"prompt": [prompts[row] for row in rows], "chosen": better, "rejected": worse}
        for name, values in columns.items():
            born = put(born, name, answer_column(values, self.to, name == "prompt"))
        gone = [name for name in ("instruction", "input", "output") if name in batch.column_names]
        return born.rename_columns([{"id": "parent"}.get(n, n) for n in born.column_names]).drop_columns(gone)

    def chosen(self, answers: Sequence[str | None] | None) -> list[Pair]:
        """The pairs of one record."""
        said = list(dict.fromkeys(answer for answer in answers or () if answer))
        places = [(left, right) for left, right in self.places(len(said))]
        if self.max_pairs is not None and len(places) > self.max_pairs:
            widest = sorted(places, key=lambda pair: pair[0] - pair[1])[: self.max_pairs]
            places = sorted(widest)
        return [(said[left], said[right]) for left, right in places]

    def places(self, count: int) -> Iterator[tuple[int, int]]:
        """The ranks of each pair."""
        if self.pairs == "adjacent":
            yield from pairwise(range(count))
        elif self.pairs == "best":
            yield from ((0, rank) for rank in range(1, count))
        else:
            yield from combinations(range(count), 2)


def asked(batch: Batch) -> list[str]:
    """The prompt of each record: its instruction and its input, joined by a blank line."""
    names = [name for name in ("instruction", "input") if name in batch.column_names]
    columns = [one_chunk(batch.column(name)).to_pylist() for name in names]
    return ["\n\n".join(part for part in parts if part) for parts in zip(*columns, strict=True)]


def answer_column(texts: Sequence[str | None], to: str, asks: bool) -> pa.Array:
    """Texts, or lists of one message each, said by the user where it `asks`."""
    if to == "text":
        return pa.array(texts, pa.large_string())
    role = "user" if asks else "assistant"
    return pa.array([[{"role": role, "content": text or ""}] for text in texts], MESSAGES)


def put(batch: Batch, name: str, column: pa.Array) -> Batch:
    """The batch with a column, in place of one of its name."""
    if name in batch.column_names:
        return batch.set_column(batch.column_names.index(name), name, column)
    return batch.append_column(name, column)


def not_ranked(batch: Batch) -> Exception:
    """The error for a batch that holds no ranked answers."""
    fault = f"'ranked' finds no ranked answers in {listed(batch.column_names)}"
    return PipelineError.at(place(batch), fault, "it takes instruction, input and an output that is a list, best first")
