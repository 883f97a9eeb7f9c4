"""Dialogues: values of many spellings as lists of `{role, content}`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import orjson
import pyarrow as pa

MESSAGE = pa.struct([("role", pa.large_string()), ("content", pa.large_string())])
MESSAGES = pa.list_(MESSAGE)

ROLES = {
    "human": "user",
    "prompter": "user",
    "gpt": "assistant",
    "chatgpt": "assistant",
    "bot": "assistant",
    "model": "assistant",
    "function_call": "assistant",
    "tool_call": "assistant",
    "developer": "system",
    "function": "tool",
    "function_response": "tool",
    "observation": "tool",
    "tool_response": "tool",
    "ipython": "tool",
}
"""Other names of the four roles; a name that is not here stays as it is."""

SPELLINGS = (("role", "content"), ("from", "value"))
"""The two keys of a message: as chat templates have them, and as ShareGPT has them."""


def dialogue(value: Any) -> list[dict[str, str]]:
    """A list of messages, one message, or JSON text of them, as `{role, content}`. Raises ValueError."""
    value = parsed(value)
    messages = [value] if isinstance(value, dict) else value
    if not isinstance(messages, list):
        raise ValueError("not a list of messages")
    return [message(item, number) for number, item in enumerate(messages, 1)]


def parsed(value: Any) -> Any:
    """A value; what JSON text holds, because CSV has no other way. Raises ValueError."""
    return orjson.loads(value) if isinstance(value, str) else value


def message(item: Any, number: int) -> dict[str, str]:
    """One message. Raises ValueError, saying which."""
    if not isinstance(item, dict):
        raise ValueError(f"message {number} is not an object")
    role, content = spelling(item, number)
    said = item[role]
    if not isinstance(said, str):
        raise ValueError(f"message {number}: '{role}' is not text")
    return {"role": ROLES.get(said.lower(), said.lower()), "content": content_text(item, content, number)}


def spelling(item: Mapping[str, Any], number: int) -> tuple[str, str]:
    """The keys that hold a message's role and content."""
    for role, content in SPELLINGS:
        if role in item and (content in item or "tool_calls" in item):
            return role, content
    raise ValueError(f"message {number} has neither role and content nor from and value")


def content_text(item: Mapping[str, Any], key: str, number: int) -> str:
    """What a message says: text, the text of its parts, or its tool calls as JSON where it says nothing
    else."""
    content = item.get(key)
    if isinstance(content, str):
        return content
    if isinstance(content, list):
        return "".join(part_text(part, number) for part in content)
    calls = item.get("tool_calls")
    if content is None and calls:
        return orjson.dumps(calls, option=orjson.OPT_SORT_KEYS).decode()
    raise ValueError(f"message {number}: '{key}' is not text")


def part_text(part: Any, number: int) -> str:
    """The text of one part of a message's content."""
    if isinstance(part, str):
        return part
    if isinstance(part, dict) and part.get("type") == "text":
        said = part.get("text", part.get("value"))
        if isinstance(said, str):
            return said
    kind = part.get("type", "?") if isinstance(part, dict) else type(part).__name__
    raise ValueError(f"message {number}: a part of type '{kind}' is not text")


def says_more(value: Any) -> bool:
    """Whether a dialogue holds more than roles and contents: weights, names, tool calls, parts."""
    try:
        value = parsed(value)
    except ValueError:
        return False
    messages = [value] if isinstance(value, dict) else value
    if not isinstance(messages, list):
        return False
    return any(isinstance(item, dict) and more_than_said(item) for item in messages)


def more_than_said(item: Mapping[str, Any]) -> bool:
    """Whether one message holds more than a role and a text."""
    for keys in SPELLINGS:
        if set(keys) <= item.keys():
            others = any(value is not None for key, value in item.items() if key not in keys)
            return others or not isinstance(item[keys[1]], str)
    return True
