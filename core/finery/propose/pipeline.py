"""A pipeline's text with more in it: stages before one of its own, another source; the rest stays as it was written."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from finery.config import parse
from finery.errors import UsageError
from finery.settings import stage_ids
from finery.tomllines import key_lines

WIDTH = 118


def with_stages(text: str, file: Path, stage: str, blocks: Sequence[str]) -> str:
    """The text with blocks before a stage and the comments right above it. Raises UsageError where it has no table."""
    at = line_of(text, file, stage) - 1
    lines = text.splitlines()
    while at and lines[at - 1].lstrip().startswith("#"):
        at -= 1
    apart = [""] if at and lines[at - 1].strip() else []
    return "\n".join([*lines[:at], *apart, *"\n\n".join(blocks).splitlines(), "", *lines[at:]]) + "\n"


def with_source(text: str, file: Path, name: str, block: str, stage: str) -> str:
    """The text with one more source before the first stage, which a stage sees as well, whatever its `only`."""
    raw = parse(file, text)
    number = stage_ids(raw["stage"]).index(stage)
    if "only" in raw["stage"][number]:
        start = offset(text, key_lines(text)["stage", number, "only"])
        before, equals, rest = text[start:].partition("[")
        text = f'{text[:start]}{before}{equals}"{name}", {rest}'
    return with_stages(text, file, stage_ids(raw["stage"])[0], [block])


def line_of(text: str, file: Path, stage: str) -> int:
    """The line on which a stage's table opens. Raises UsageError for a pipeline without such a stage or table."""
    ids = stage_ids(parse(file, text).get("stage", []))
    if stage not in ids:
        raise UsageError.at(file, f"has no stage '{stage}'", "name the pipeline of that run with --pipeline")
    found = key_lines(text).get(("stage", ids.index(stage)))
    if found is None:
        raise UsageError.at(file, "has its stages in one list", "write each as [[stage]]")
    return found


def offset(text: str, line: int) -> int:
    """Characters before a line."""
    return sum(map(len, text.splitlines(keepends=True)[: line - 1]))


def comment(sentences: Iterable[str]) -> str:
    """Sentences as comments, each on lines of its own."""
    found: list[str] = []
    for sentence in sentences:
        plain = "".join(mark if mark.isprintable() else " " for mark in sentence)
        found += textwrap.wrap(plain, WIDTH, initial_indent="# ", subsequent_indent="#   ")
    return "\n".join(found)


def table(values: Mapping[str, Any]) -> str:
    """A [[stage]] with its options."""
    from finery.tomltext import as_toml

    return "\n".join(["[[stage]]", *(f"{name} = {as_toml(value)}" for name, value in values.items())])
