"""`--set stage.option=value`: values put over a pipeline file before it is read."""

from __future__ import annotations

import tomllib
from collections.abc import Sequence
from copy import deepcopy
from typing import Any

from finery.errors import UsageError, did_you_mean
from finery.verbs import VERBS


def with_settings(raw: dict[str, Any], settings: Sequence[str]) -> dict[str, Any]:
    """The tables with the settings put over them. Raises UsageError for one that names nothing.

    Names are those of the file as it is, whatever an earlier setting made of a stage.
    """
    raw = deepcopy(raw)
    tables = named_tables(raw)
    for setting in settings:
        key, equals, text = setting.partition("=")
        if not equals:
            raise UsageError.at(f"--set {setting}", "has no '='", "write stage.option=value")
        put(raw, tables, key.strip().split("."), value(text.strip()), setting)
    return raw


def named_tables(raw: dict[str, Any]) -> dict[str, Any]:
    """The table of each source by its name and of each stage by its id; a stage goes before a source."""
    stages, sources = ([t for t in raw.get(word, []) if isinstance(t, dict)] for word in ("stage", "source"))
    return {str(s.get("name")): s for s in sources} | dict(zip(stage_ids(stages), stages, strict=True))


def value(text: str) -> Any:
    """A TOML value; text that is none stands for itself."""
    try:
        return tomllib.loads(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError:
        return text


def put(raw: dict[str, Any], tables: dict[str, Any], path: list[str], new: Any, setting: str) -> None:
    """Set one value: `seed`, `run.workers`, or an option of a stage or source by its id or name."""
    if len(path) == 1 and path[0] in ("seed", "name"):
        raw[path[0]] = new
        return
    table = raw.setdefault("run", {}) if path[0] == "run" else tables.get(path[0])
    if table is None:
        known = [*tables, "run", "seed"]
        fault = f"no stage '{path[0]}'{did_you_mean(path[0], known)}"
        raise UsageError.at(f"--set {setting}", fault, f"there are {', '.join(known)}")
    for part in path[1:-1]:
        table = table.setdefault(part, {}) if isinstance(table, dict) else None
    if len(path) < 2 or not isinstance(table, dict):
        raise UsageError.at(f"--set {setting}", "names no option", "write stage.option=value")
    table[path[-1]] = new


def stage_ids(stages: Sequence[Any]) -> list[str]:
    """The id of each stage: as given, else its plugin's name, numbered from the second on."""
    taken = [str(stage["id"]) for stage in stages if isinstance(stage, dict) and "id" in stage]
    found: list[str] = []
    for stage in stages:
        own = stage.get("id") if isinstance(stage, dict) else None
        found.append(str(own) if own is not None else free_name(default_name(stage), [*taken, *found]))
    return found


def default_name(stage: Any) -> str:
    """The name of a stage's plugin; the class's for `module:Class`."""
    verb = next((word for word in VERBS if isinstance(stage, dict) and word in stage), None)
    name = str(stage[verb]) if verb else "stage"
    return name.rpartition(":")[2].lower() or "stage"


def free_name(name: str, taken: Sequence[str]) -> str:
    """The name, or the first of `name-2`, `name-3` ... that is free."""
    number, free = 1, name
    while free in taken:
        number += 1
        free = f"{name}-{number}"
    return free
