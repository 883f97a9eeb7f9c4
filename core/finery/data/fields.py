"""The columns of a shape: what values each kind of column takes, and what becomes of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import pyarrow as pa

from finery.data.columns import TEXT, Flaw, decoded, is_string, python_values, stored, text, valid_text
from finery.data.messages import MESSAGES, dialogue, parsed, says_more
from finery.data.rows import Values

TEXTS = pa.list_(TEXT)
PAIRS = pa.list_(TEXTS)


@dataclass(frozen=True)
class Field:
    """A column of a shape."""

    name: str
    kind: str
    """`text`, `label` (text; a number or truth value becomes text), `texts` (a list), `pairs` (a list of
    pairs of texts), `messages`, or `either` (text or messages)."""
    required: bool = True
    """Whether a row without it is Broken; otherwise it is null."""
    aliases: tuple[str, ...] = ()
    """Other names of it, looked for in order."""


def each(values: Values, convert: Callable[[Any], Any], kind: pa.DataType) -> tuple[pa.Array, list[Flaw]]:
    """Every value converted; null stays, and where `convert` raises ValueError the value is a flaw."""
    listed, flaws = as_list(values)
    found = []
    for index, value in enumerate(listed):
        try:
            found.append(None if value is None else convert(value))
        except ValueError as error:
            found.append(None)
            flaws.append(Flaw(index, "wrong-type", str(error)))
    return pa.array(found, kind), flaws


def as_list(values: Values) -> tuple[list[Any], list[Flaw]]:
    """A column as Python values."""
    return python_values(stored(values)) if isinstance(values, pa.Array) else (list(values), [])


def text_column(values: Values, _name: str) -> tuple[pa.Array, list[Flaw]]:
    """Texts; anything else is a flaw."""
    if isinstance(values, pa.Array):
        values = stored(values)
        if is_string(values.type):
            return valid_text(values)
        if pa.types.is_binary(values.type) or pa.types.is_large_binary(values.type):
            return decoded(values)
    return texts_or(values, only_text)


def label_column(values: Values, _name: str) -> tuple[pa.Array, list[Flaw]]:
    """Texts, numbers and truth values as text; anything nested is a flaw."""
    return texts_or(values, label_text)


def texts_or(values: Values, convert: Callable[[Any], str]) -> tuple[pa.Array, list[Flaw]]:
    """A column of text in one sweep where all of it is text, else value by value."""
    listed, flaws = as_list(values)
    try:
        return pa.array(listed, TEXT), flaws
    except (pa.ArrowException, TypeError, ValueError):
        return each(values, convert, TEXT)


def texts_column(values: Values, _name: str) -> tuple[pa.Array, list[Flaw]]:
    """Lists of texts."""
    return each(values, lambda value: unless_blank(value, text_list), TEXTS)


def pairs_column(values: Values, _name: str) -> tuple[pa.Array, list[Flaw]]:
    """Lists of pairs of texts."""
    return each(values, lambda value: unless_blank(value, pair_list), PAIRS)


def messages_column(values: Values, _name: str) -> tuple[pa.Array, list[Flaw]]:
    """Dialogues."""
    return each(values, lambda value: unless_blank(value, dialogue), MESSAGES)


def either_column(values: Values, name: str) -> tuple[pa.Array, list[Flaw]]:
    """Texts, or dialogues: where both occur, a text is one message, of the user in `prompt` and else of the
    assistant."""
    kinds = {type(value) for value in as_list(values)[0]} - {type(None)}
    if not kinds:
        return pa.nulls(len(values)), []
    if not kinds & {list, dict}:
        return texts_or(values, only_text)
    role = "user" if name == "prompt" else "assistant"
    return each(values, lambda value: spoken(value, role), MESSAGES)


READERS: Mapping[str, Callable[[Values, str], tuple[pa.Array, list[Flaw]]]] = {
    "text": text_column,
    "label": label_column,
    "texts": texts_column,
    "pairs": pairs_column,
    "messages": messages_column,
    "either": either_column,
}
"""How a column of each kind is made of values and the field's name, with the flaws of those that do not
fit."""


def only_text(value: Any) -> str:
    """A text. Raises ValueError for anything else."""
    if not isinstance(value, str):
        raise ValueError(f"{json_name(value)} where text should be")
    return value


def label_text(value: Any) -> str:
    """A label as text. Raises ValueError where it is nested."""
    if not isinstance(value, (str, int, float)):
        raise ValueError(f"{json_name(value)} where a label should be")
    return str(text(value))


def json_name(value: Any) -> str:
    """What JSON calls a value."""
    if isinstance(value, bool):
        return "a truth value"
    names = {int: "a number", float: "a number", str: "a text", list: "a list", dict: "an object"}
    return names.get(type(value), f"a {type(value).__name__}")


def unless_blank(value: Any, convert: Callable[[Any], Any]) -> Any:
    """A list converted; CSV has it as JSON text, or as nothing, which is null."""
    return None if value == "" else convert(parsed(value))


def text_list(value: Any) -> list[str]:
    """A list of texts. Raises ValueError."""
    if not isinstance(value, list):
        raise ValueError(f"{json_name(value)} where a list of texts should be")
    return [only_text(item) for item in value]


def pair_list(value: Any) -> list[list[str]]:
    """A list of pairs of texts. Raises ValueError."""
    if not isinstance(value, list):
        raise ValueError(f"{json_name(value)} where a list of pairs should be")
    pairs = [text_list(item) for item in value]
    if any(len(pair) != 2 for pair in pairs):
        raise ValueError("a list of other than two texts where a pair should be")
    return pairs


def spoken(value: Any, role: str) -> list[dict[str, str]]:
    """A dialogue, or a text as what `role` says."""
    return [{"role": role, "content": value}] if isinstance(value, str) else dialogue(value)


def kept_whole(name: str, values: Values) -> dict[str, Values]:
    """`original_{name}`: dialogues that hold more than roles and texts, as they stood; nothing where none
    does."""
    whole = [value if says_more(value) else None for value in as_list(values)[0]]
    return {f"original_{name}": whole} if any(value is not None for value in whole) else {}
