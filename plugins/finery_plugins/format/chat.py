"""The format `chat`: instruction records and dialogues of other shapes as `messages`."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, TypeAlias

import pyarrow as pa

from finery import Batch, PipelineError, hookimpl, plugin
from finery_plugins.text.content import is_list, listed, one_chunk, place

MESSAGES = pa.list_(pa.struct([("role", pa.large_string()), ("content", pa.large_string())]))

ROLES = {
    "system": "system",
    "developer": "system",
    "user": "user",
    "human": "user",
    "prompter": "user",
    "assistant": "assistant",
    "gpt": "assistant",
    "chatgpt": "assistant",
    "bing": "assistant",
    "bard": "assistant",
    "bot": "assistant",
    "model": "assistant",
    "tool": "tool",
    "function": "tool",
    "function_call": "assistant",
    "tool_call": "assistant",
    "observation": "tool",
    "function_response": "tool",
    "tool_response": "tool",
    "ipython": "tool",
}
"""Roles as data sets name them, and as chat templates do."""

Row: TypeAlias = Mapping[str, Any]
Turn: TypeAlias = tuple[str, str]
"""Role and content."""


@plugin
class Chat:
    """Make `messages` of instruction records and dialogues.

    `messages` is the list of `role` and `content` that chat templates take. It is made of `messages`
    (unchanged), `conversations` or `conversation` (`from`/`value` or `role`/`content`), alpaca
    (`instruction`, `input`, `output`, `history`, `system`) and `prompt` with `completion` or `response`.
    Instruction and input are joined by a blank line; an empty answer makes no message. The columns it was
    made of go, others stay.

    ```toml
    [[stage]]
    format = "chat"
    system = "You are a helpful assistant."
    ```
    """

    system: str | None = None
    """A system message for the records that have none."""

    @hookimpl
    def format(self, batch: Batch) -> Batch:
        """The same records with `messages`. Raises PipelineError for other shapes, ValueError for a role."""
        shape = shape_of(batch)
        if shape == "messages" and self.system is None:
            return passed_on(batch)
        columns = [name for name in SHAPES[shape] if name in batch.column_names]
        rows = batch.select(columns).to_pylist()
        messages = [self.messages(READERS[shape](row)) for row in rows]
        return batch.drop_columns(columns).append_column("messages", pa.array(messages, MESSAGES))

    def messages(self, turns: Iterator[Turn]) -> list[dict[str, str]]:
        """The messages of one record, opened by the system message."""
        said = [{"role": role, "content": content} for role, content in turns]
        if self.system is None or (said and said[0]["role"] == "system"):
            return said
        return [{"role": "system", "content": self.system}, *said]


def shape_of(batch: Batch) -> str:
    """The shape of a batch. Raises PipelineError for one that is no dialogue."""
    present = set(batch.column_names)
    shape = next((name for name in SHAPES if name in present), None)
    if shape is None or present & {"chosen", "rejected"} or is_ranked(batch, shape):
        columns = [name for name in batch.column_names if name not in OWN]
        fault = f"'chat' makes no messages of {listed(columns)}"
        remedy = f"it takes {', '.join(SHAPES)}: name the sources it is for with only = [...]"
        raise PipelineError.at(place(batch), fault, remedy)
    return shape


def is_ranked(batch: Batch, shape: str) -> bool:
    """Whether records carry several answers, best first."""
    kinds = {field.name: field.type for field in batch.schema}
    return shape == "instruction" and is_list(kinds.get("output", pa.null()))


def passed_on(batch: Batch) -> Batch:
    """A batch whose messages stay as they are, in the type that all sources share."""
    kind = batch.schema.field("messages").type
    turn = kind.value_type if is_list(kind) else pa.null()
    if not pa.types.is_struct(turn) or [field.name for field in turn] != ["role", "content"]:
        return batch
    index = batch.column_names.index("messages")
    return batch.set_column(index, "messages", one_chunk(batch.column("messages")).cast(MESSAGES))


def from_messages(row: Row) -> Iterator[Turn]:
    """The turns of `messages`, as they are."""
    for turn in row["messages"] or ():
        yield turn["role"] or "", turn["content"] or ""


def from_conversation(row: Row) -> Iterator[Turn]:
    """The turns of `conversations` or `conversation`, roles by their usual names."""
    for turn in row.get("conversations") or row.get("conversation") or ():
        yield known_role(turn.get("from") or turn.get("role")), turn.get("value") or turn.get("content") or ""


def from_alpaca(row: Row) -> Iterator[Turn]:
    """The turns of an instruction, those before it first."""
    if row.get("system"):
        yield "system", row["system"]
    for pair in row.get("history") or ():
        yield from zip(("user", "assistant"), ((said or "") for said in pair or ()), strict=False)
    yield "user", "\n\n".join(part for part in (row["instruction"], row.get("input")) if part)
    if row.get("output"):
        yield "assistant", row["output"]


def from_prompt(row: Row) -> Iterator[Turn]:
    """The turns of a prompt and its completion, each a text or messages."""
    yield from spoken("user", row["prompt"] or "")
    yield from spoken("assistant", row.get("completion") or row.get("response") or ())


def spoken(role: str, said: Any) -> Iterator[Turn]:
    """One turn of a text, or the turns of messages."""
    if isinstance(said, str):
        yield role, said
    else:
        yield from from_messages({"messages": said})


def known_role(name: str | None) -> str:
    """The role that a template knows. Raises ValueError for a name that stands for none."""
    role = ROLES.get((name or "").strip().lower())
    if role is None:
        raise ValueError(f"unknown role {name!r}: roles are {', '.join(ROLES)}")
    return role


OWN = ("id", "source")

SHAPES = {
    "messages": ("messages",),
    "conversations": ("conversations",),
    "conversation": ("conversation",),
    "instruction": ("instruction", "input", "output", "history", "system"),
    "prompt": ("prompt", "completion", "response"),
}
"""The columns of each shape, under the one that tells it."""

READERS: Mapping[str, Callable[[Row], Iterator[Turn]]] = {
    "messages": from_messages,
    "conversations": from_conversation,
    "conversation": from_conversation,
    "instruction": from_alpaca,
    "prompt": from_prompt,
}
