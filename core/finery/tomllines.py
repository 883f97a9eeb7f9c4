"""On which line of a TOML text each key stands, so that a fault can point at it; `tomllib` does not say."""

from __future__ import annotations

import re
from collections import Counter

Path = tuple[str | int, ...]

HEADER = re.compile(r"[ \t]*(\[\[?)([^\[\]\n]+)\]\]?[ \t]*(?:#.*)?$", re.M)
KEY = re.compile(r"""[ \t]*((?:[\w-]+|"[^"\n]*"|'[^'\n]*')(?:[ \t]*\.[ \t]*(?:[\w-]+|"[^"\n]*"|'[^'\n]*'))*)[ \t]*=""")
WORD = re.compile(r"""[\w-]+|"[^"\n]*"|'[^'\n]*'""")
STRINGS = ('"""', "'''", '"', "'")


def key_lines(text: str) -> dict[Path, int]:
    """The line, from 1, of each table and key of a TOML text that `tomllib` accepts."""
    lines: dict[Path, int] = {}
    tables: Counter[Path] = Counter()
    table: Path = ()
    position = 0
    while position < len(text):
        line = text.count("\n", 0, position) + 1
        if header := HEADER.match(text, position):
            table = opened(header, tables)
            lines.setdefault(table, line)
            position = header.end()
        elif key := KEY.match(text, position):
            for depth in range(len(words(key[1]))):
                lines.setdefault((*table, *words(key[1])[: depth + 1]), line)
            position = value_end(text, key.end())
        position = text.find("\n", position) + 1 or len(text)
    return lines


def opened(header: re.Match[str], tables: Counter[Path]) -> Path:
    """The path of the table that a header opens; in `[[x]]` the last part is a number."""
    path: Path = ()
    for word in words(header[2]):
        path = (*path, word)
        if tables[path] and path != tuple(words(header[2])):
            path = (*path, tables[path] - 1)
    if header[1] == "[[":
        tables[path] += 1
        path = (*path, tables[path] - 1)
    return path


def words(key: str) -> list[str]:
    """The parts of a dotted key."""
    return [word.strip("\"'") for word in WORD.findall(key)]


def value_end(text: str, position: int) -> int:
    """Where the value that starts at `position` ends: the line's end, outside brackets and strings."""
    depth = 0
    while position < len(text):
        quote = next((q for q in STRINGS if text.startswith(q, position)), None)
        if quote:
            position = string_end(text, position, quote)
            continue
        character = text[position]
        if character == "#":
            position = text.find("\n", position) % (len(text) + 1)
            continue
        if character == "\n" and depth <= 0:
            return position
        depth += (character in "[{") - (character in "]}")
        position += 1
    return position


def string_end(text: str, position: int, quote: str) -> int:
    """The position behind a string that opens at `position`."""
    position += len(quote)
    while position < len(text) and not text.startswith(quote, position):
        position += 2 if text[position] == "\\" and quote[0] == '"' else 1
    return position + len(quote)


def line_of(lines: dict[Path, int], path: Path) -> int | None:
    """The line of a key, or of the nearest table around it."""
    while path and path not in lines:
        path = path[:-1]
    return lines.get(path)
