"""What the checks found, written into an entry behind its release; the rest of the file stays as it was."""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from finery import FineryError

HEADER = re.compile(r"^[ \t]*\[", re.M)
OWN = re.compile(r"^[ \t]*\[\[?[ \t]*release[ \t]*\.[ \t]*checked\b", re.M)


def with_result(text: str, number: int, checked: Mapping[str, Any]) -> str:
    """An entry's text with `[release.checked]` of release `number`, from 0, in place of what stood there.

    Raises FineryError where that would change anything else of the entry, such as one that writes releases inline.
    """
    starts = [found.start() for found in re.finditer(r"^[ \t]*\[\[[ \t]*release[ \t]*\]\]", text, re.M)]
    before = tomllib.loads(text)
    if len(starts) == len(before["release"]):
        end = block_end(text, starts[number])
        made = f"{text[: cut(text, starts[number], end)].rstrip()}\n\n{written(checked)}\n"
        rest = text[end:].lstrip("\n")
        made += f"\n{rest}" if rest else ""
        after = tomllib.loads(made)
        if after["release"][number].pop("checked") == checked and without(after, number) == without(before, number):
            return made
    raise FineryError.at("release", "is not written as [[release]] tables", "write one table a release")


def without(tables: dict[str, Any], number: int) -> dict[str, Any]:
    """An entry without what was found of one release."""
    releases = [
        {key: value for key, value in release.items() if key != "checked" or place != number}
        for place, release in enumerate(tables["release"])
    ]
    return {**tables, "release": releases}


def block_end(text: str, start: int) -> int:
    """Where the block of a release ends: at the next table that is not part of it."""
    for header in HEADER.finditer(text, text.index("]", start)):
        if not OWN.match(text, header.start()):
            return header.start()
    return len(text)


def cut(text: str, start: int, end: int) -> int:
    """Where an earlier result begins, else the end of the block."""
    found = OWN.search(text, start, end)
    return found.start() if found else end


def written(checked: Mapping[str, Any]) -> str:
    """`[release.checked]` and its plugins as TOML."""
    plain = {key: value for key, value in checked.items() if key != "plugins"}
    lines = ["[release.checked]", *(f"{key} = {toml(value)}" for key, value in plain.items())]
    for plugin in checked.get("plugins", ()):
        lines += ["", "[[release.checked.plugins]]", *(f"{bare(key)} = {toml(value)}" for key, value in plugin.items())]
    return "\n".join(lines)


def toml(value: Any) -> str:
    """A value as TOML; JSON's texts, numbers and lists are TOML's, its tables are not."""
    if isinstance(value, Mapping):
        return (
            f"{{ {', '.join(f'{bare(str(key))} = {toml(part)}' for key, part in value.items())} }}" if value else "{}"
        )
    if isinstance(value, str) or not isinstance(value, Sequence):
        plain = json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
        # Half of a surrogate pair is a character to Python alone.
        return plain.encode("utf-8", "replace").decode()
    return f"[{', '.join(map(toml, value))}]"


def bare(key: str) -> str:
    """A key, in quotation marks where it needs them."""
    return key if re.fullmatch(r"[A-Za-z0-9_-]+", key) else toml(key)


def page_of(page: Mapping[str, Any]) -> dict[str, Any]:
    """What an entry keeps of a plugin's page; nothing is null there, because TOML has no null."""
    options = [dict(told(option)) for option in page["options"]]
    kept = {"hook": page["hook"], "name": page["name"], "summary": page["summary"], "hooks": list(page["hooks"])}
    needs = {key: value for key, value in page["manifest"]["needs"].items() if value is not None}
    return {**kept, "needs": needs, "options": options}


def told(option: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    """An option's name, type, default as text, bounds and documentation."""
    yield "option", option["name"]
    yield "type", option["type"]
    yield (
        "default",
        "required" if option["required"] else json.dumps(option["default"]) if option["default"] is not None else "",
    )
    yield "bounds", option["bounds"]
    yield "what it does", option["docs"]
