"""JSON that a model goes on writing: where it can be cut, and what is wrong with what came of it."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal

Place = Literal["brace", "key", "string", "comma"]
PLACES: tuple[Place, ...] = ("brace", "key", "string", "comma")
"""Behind an opening brace or bracket, a key (before its colon), inside a string value, and behind a comma."""

TOKEN = re.compile(r'\s*(?:(?P<string>"(?:[^"\\\x00-\x1f]|\\.)*")|(?P<mark>[{}\[\],:])|(?P<word>[^\s{}\[\],:"]+))')
WORDS = ("true", "false", "null")
CUT_NUMBER = re.compile(r"-|\.|[eE][+-]?")
"""What the end of a text leaves of a number, behind its part that is a number already."""
CUT_ESCAPE = re.compile(r"\\u[0-9a-fA-F]{0,4}\Z")
"""An escape that the end of a text cuts in two: no fault of its own."""
CLOSES = {"{": "}", "[": "]"}


@dataclass(frozen=True)
class Cut:
    """A place at which a JSON text can be cut."""

    place: Place
    at: int
    """Characters before it."""


def is_json(text: str) -> bool:
    """Whether a text is one JSON object or array, without a key that stands twice, and nothing else."""
    return text.lstrip()[:1] in CLOSES and fault(text) is None


def cuts(text: str) -> Iterator[Cut]:
    """The places of a valid JSON text, from left to right."""
    for found in TOKEN.finditer(text):
        start, end = found.start(found.lastgroup or 0), found.end()
        if found["mark"] in CLOSES:
            yield Cut("brace", end)
        elif found["mark"] == ",":
            yield Cut("comma", end)
        elif found["string"] is not None:
            is_key = text[end:].lstrip()[:1] == ":"
            if is_key:
                yield Cut("key", end)
            elif end - start > 3:
                yield from inside(text, start, end)


def inside(text: str, start: int, end: int) -> Iterator[Cut]:
    """The middle of a string, where no escape stands before it."""
    at = (start + end) // 2
    if "\\" not in text[start:at]:
        yield Cut("string", at)


class Repeated(ValueError):
    """A key stands twice in an object."""


def unique(pairs: Sequence[tuple[str, Any]]) -> dict[str, Any]:
    """An object. Raises Repeated for a key that stands twice."""
    made = dict(pairs)
    if len(made) < len(pairs):
        raise Repeated
    return made


def refused(word: str) -> Any:
    """Raise ValueError for `NaN` and its like, which Python reads and JSON has not."""
    raise ValueError(word)


DECODER = json.JSONDecoder(object_pairs_hook=unique, parse_constant=refused)


def fault(text: str) -> str | None:
    """What is wrong with a JSON text, None for one that is valid.

    `empty`, `trailing-text` (something stands behind its end), `repeated-key`, `wrong-bracket` (one closes what another
    opened), `not-closed` (it ends too early), `invalid-string` (a line break or an unknown escape in it), or `syntax`
    (a comma, colon or value is missing or too many). Of several, the first from the left.
    """
    body = text.strip()
    if not body:
        return "empty"
    try:
        _, end = DECODER.raw_decode(body)
    except Repeated:
        return "repeated-key"
    except json.JSONDecodeError as error:
        return broken(body, error)
    except ValueError:
        return "syntax"
    except RecursionError:
        return "not-closed"
    return "trailing-text" if end < len(body) else None


def broken(body: str, error: json.JSONDecodeError) -> str:
    """What is wrong at the place where a decoder stops."""
    if error.msg.startswith("Unterminated string"):
        return "not-closed"
    if error.msg.startswith(("Invalid control", "Invalid \\")):
        return "not-closed" if CUT_ESCAPE.search(body, max(0, error.pos - 2)) else "invalid-string"
    if error.pos >= len(body) or is_begun(body[error.pos :]):
        return "not-closed"
    opened = open_brackets(body[: error.pos])
    if body[error.pos] in "}]" and (not opened or CLOSES[opened[-1]] != body[error.pos]):
        return "wrong-bracket"
    return "syntax"


def is_begun(rest: str) -> bool:
    """Whether all that is left is the beginning of a word or number that JSON knows."""
    return any(word.startswith(rest) and word != rest for word in WORDS) or bool(CUT_NUMBER.fullmatch(rest))


def open_brackets(text: str) -> list[str]:
    """The brackets that are open at the end of a text."""
    opened: list[str] = []
    for found in TOKEN.finditer(text):
        if found["mark"] in CLOSES:
            opened.append(found["mark"])
        elif found["mark"] in ("}", "]") and opened:
            opened.pop()
    return opened
