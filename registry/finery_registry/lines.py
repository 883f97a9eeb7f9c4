"""On which line of a TOML text a key stands, found by reading the text cut short; `tomllib` does not say."""

from __future__ import annotations

import tomllib
from bisect import bisect_left
from collections.abc import Sequence
from typing import Any

Path = Sequence[str | int]


def line_of(text: str, path: Path) -> int | None:
    """The line, from 1, where the key at `path` begins, or the nearest table around it; None where there is none.

    `text` must be TOML. A key is there from the first line on with which the text, cut behind it, holds the key.
    """
    lines = text.splitlines(keepends=True)
    for depth in range(len(path), 0, -1):
        wanted = path[:depth]
        last = bisect_left(range(len(lines) + 1), True, key=lambda n: holds(longest(lines, n)[1], wanted))
        if last <= len(lines):
            return begins(lines, last)
    return None


def longest(lines: Sequence[str], count: int) -> tuple[int, dict[str, Any]]:
    """How many of the first `count` lines can be read, and what they say: a value may go on over lines."""
    for number in range(count, 0, -1):
        try:
            return number, tomllib.loads("".join(lines[:number]))
        except tomllib.TOMLDecodeError:
            continue
    return 0, {}


def begins(lines: Sequence[str], last: int) -> int:
    """The line on which the key that is complete with line `last` begins, past blank lines and comments."""
    first = longest(lines, last - 1)[0]
    while first < last - 1 and lines[first].strip()[:1] in ("", "#"):
        first += 1
    return first + 1


def holds(tables: Any, path: Path) -> bool:
    """Whether there is something at `path`."""
    for part in path:
        try:
            tables = tables[part]
        except (KeyError, IndexError, TypeError):
            return False
    return True
