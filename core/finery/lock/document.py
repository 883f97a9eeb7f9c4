"""`finery.lock` as a file: TOML in one order, a seal under each table, so that what is edited by hand has a line."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import xxhash

from finery.errors import Fault, UsageError
from finery.tomllines import key_lines, line_of
from finery.tomltext import as_toml

NAME = "finery.lock"
FORMAT = 1
KINDS = ("plugin", "distribution", "dependency")
"""The tables of a lock, each a list, behind `[environment]`."""

HEADER = "# Written by `finery lock`; `finery run` refuses another environment. Each table is sealed: do not edit.\n"

Table = Mapping[str, Any]


@dataclass(frozen=True)
class Lock:
    """A lock that was read, every seal unbroken."""

    file: Path
    text: str
    environment: Table
    """`format`, `python`, `finery`, `pipelines` (file names) and `tables` (how many follow)."""
    plugins: tuple[Table, ...]
    """`hook`, `name`, `target`, and the `distribution` that brings it or, for one beside the pipeline, a `digest`."""
    distributions: tuple[Table, ...]
    """`name`, `version`, `extras`, `origin` (wheel, folder, editable), `digest`; perhaps `wheel`, `sha256`, `from`."""
    dependencies: tuple[Table, ...]
    """`name` and `version`; where known `wheel`, `sha256`, `from`."""

    def place(self, kind: str, number: int) -> str:
        """`finery.lock:12`: the line on which a table begins."""
        return located(self.file, key_lines(self.text), (kind, number))


def read_lock(file: Path) -> Lock:
    """The lock in a file. Raises UsageError with the line of every table that is not as it was written."""
    again = f"finery lock {pipelines_in(file)}"
    try:
        text = file.read_text(encoding="utf-8")
        raw = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        message, _, where = str(error).partition(" (at line ")
        line = where.partition(",")[0]
        place = f"{file.name}:{line}" if line.isdigit() else file.name
        raise UsageError.at(place, f"is not TOML: {message}", f"write it again: {again}") from None
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError.at(file, f"cannot be read: {error}", again) from None
    if faults := list(broken(file, text, raw, again)):
        raise UsageError(*faults)
    tables = {kind: tuple(raw.get(kind, ())) for kind in KINDS}
    return Lock(file, text, raw["environment"], tables["plugin"], tables["distribution"], tables["dependency"])


def pipelines_in(file: Path) -> str:
    """What `finery lock` is to be told, as far as a damaged lock still says."""
    try:
        said = tomllib.loads(file.read_text(encoding="utf-8"))["environment"]["pipelines"]
        return " ".join(map(str, said))
    except (OSError, ValueError, KeyError, TypeError):
        return "pipeline.toml"


def broken(file: Path, text: str, raw: Table, again: str) -> Iterator[Fault]:
    """Tables that were changed, added or taken out after the lock was written."""
    lines = key_lines(text)
    head = raw.get("environment")
    if not isinstance(head, dict) or head.get("seal") != seal("environment", head):
        yield Fault(located(file, lines, ("environment",)), "[environment] was edited by hand", f"write it: {again}")
        return
    if head["format"] != FORMAT:
        fault = f"is of format {head['format']}, this Finery writes {FORMAT}"
        yield Fault(file.name, fault, f"write it again: {again}")
        return
    found = [(kind, place, table) for kind in KINDS for place, table in enumerate(listed(raw.get(kind)))]
    for kind, place, table in found:
        if table.get("seal") != seal(kind, table):
            fault = f"[[{kind}]] {table.get('name', '')!r} was edited by hand"
            yield Fault(located(file, lines, (kind, place)), fault, f"write it again: {again}")
    unknown = sorted(raw.keys() - {"environment", *KINDS})
    for name in unknown:
        yield Fault(located(file, lines, (name,)), f"[{name}] was added by hand", f"write it again: {again}")
    if len(found) != head["tables"]:
        fault = f"holds {len(found)} tables, {head['tables']} were written"
        yield Fault(located(file, lines, ("environment", "tables")), fault, f"write it again: {again}")


def listed(value: Any) -> list[dict[str, Any]]:
    """The tables of a list; what is no table counts as an empty one, which no seal fits."""
    return [table if isinstance(table, dict) else {} for table in value] if isinstance(value, list) else []


def located(file: Path, lines: Mapping[tuple[str | int, ...], int], path: tuple[str | int, ...]) -> str:
    """The file's name, and the line where there is one."""
    line = line_of(dict(lines), path)
    return f"{file.name}:{line}" if line else file.name


def seal(kind: str, table: Table) -> str:
    """16 hex digits over a table. It shows an edit; it is no signature."""
    plain = {key: value for key, value in table.items() if key != "seal"}
    return xxhash.xxh3_64_hexdigest(json.dumps([kind, plain], sort_keys=True, default=str).encode())


def written(
    environment: Table, plugins: Iterable[Table], distributions: Iterable[Table], dependencies: Iterable[Table]
) -> str:
    """The text of a lock: equal values are equal bytes."""
    kinds = dict(zip(KINDS, (list(plugins), list(distributions), list(dependencies)), strict=True))
    head = {"format": FORMAT, **environment, "tables": sum(map(len, kinds.values()))}
    blocks = [block("[environment]", "environment", head)]
    blocks += [block(f"[[{kind}]]", kind, table) for kind, tables in kinds.items() for table in tables]
    return HEADER + "\n" + "\n".join(blocks)


def block(header: str, kind: str, table: Table) -> str:
    """One table with its seal; what is None is left out, for TOML has none."""
    told = {key: value for key, value in table.items() if value is not None}
    values = {**told, "seal": seal(kind, told)}
    return "".join(f"{line}\n" for line in (header, *(f"{key} = {as_toml(value)}" for key, value in values.items())))
