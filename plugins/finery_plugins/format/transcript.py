"""The format `transcript`: instructions and dialogues as plain text, for pre-training."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Annotated, Literal

import pyarrow as pa
from pydantic import Field

from finery import Batch, Stage, chance, hookimpl, plugin
from finery_plugins.format.chat import READERS, SHAPES, Turn, known_role, shape_of
from finery_plugins.format.ranked import put

Style = Literal["plain", "dialogue", "question"]
STYLES: tuple[Style, ...] = ("plain", "dialogue", "question")

HAN = re.compile("[\u4e00-\u9fff]")

NAMES: Mapping[str, Mapping[str, tuple[str, str]]] = {
    "plain": {},
    "dialogue": {
        "user": ("User: ", "用户："),
        "assistant": ("Assistant: ", "助手："),
        "tool": ("Tool: ", "工具："),
    },
    "question": {
        "user": ("Question: ", "问："),
        "assistant": ("Answer: ", "答："),
        "tool": ("Result: ", "结果："),
    },
}
"""What stands before a turn of a role in each style, in English and Chinese."""


@plugin
class Transcript:
    """Write instructions and dialogues as `text`, so that they stand beside documents in pre-training.

    Takes what `format = "chat"` takes: messages, conversations, alpaca, prompt and completion. Records that have `text`
    already stay as they are. It uses no chat template: in a pre-training text the tokens that open and end a turn would
    be plain text, and a tokenizer that is yet to be trained has none. The columns it was made of go, others stay.

    ```toml
    [[stage]]
    format = "transcript"
    styles = ["dialogue", "question"]
    ```
    """

    styles: Annotated[list[Style], Field(min_length=1)] = Field(default_factory=lambda: list(STYLES))
    """How turns are told apart, drawn by a hash of the record's id: `plain` by a blank line (Cheng et al. 2024 join
    question and response by a space), `dialogue` by User and Assistant; `question` by Question and Answer. Names are
    Chinese where the first turn has Han characters."""

    @hookimpl
    def format(self, batch: Batch, stage: Stage) -> Batch:
        """The same records with `text`. Raises PipelineError for other shapes, ValueError for a role."""
        if "text" in batch.column_names:
            return batch
        shape = shape_of(batch)
        columns = [name for name in SHAPES[shape] if name in batch.column_names]
        rows = batch.select(columns).to_pylist()
        drawn = [self.styles[int(one * len(self.styles))] for one in chance(batch, stage).tolist()]
        texts = [told(list(READERS[shape](row)), style) for row, style in zip(rows, drawn, strict=True)]
        return put(batch.drop_columns(columns), "text", pa.array(texts, pa.large_string()))


def told(turns: Sequence[Turn], style: str) -> str:
    """The turns as one text; those that say nothing are left out."""
    return "".join(parts([turn for turn in turns if turn[1].strip()], style))


def parts(turns: Sequence[Turn], style: str) -> Iterator[str]:
    """Each turn under its name, and what stands between: a blank line, or a newline between question and answer."""
    tongue = int(bool(turns and HAN.search(turns[0][1])))
    before = ""
    for role, content in turns:
        role = known_role(role)
        if before:
            yield "\n" if style == "question" and before == "user" and role == "assistant" else "\n\n"
        yield NAMES[style].get(role, ("", ""))[tongue] + content.strip()
        before = role
