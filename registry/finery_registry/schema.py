"""What an entry of the index may say, as pydantic models, and every fault of one with its file and line."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from typing import Annotated, Any, Literal

from packaging.licenses import InvalidLicenseExpression, canonicalize_license_expression
from packaging.requirements import InvalidRequirement, Requirement
from packaging.specifiers import InvalidSpecifier, SpecifierSet
from packaging.version import InvalidVersion, Version
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError

from finery import Fault, did_you_mean
from finery_registry.lines import line_of

LONGEST_ENTRY = 256 * 1024
"""Bytes of one entry; ours have 2 kB, one with 100 releases and their options 150 kB."""


def version(text: str) -> str:
    """A version as PEP 440 has it."""
    try:
        return str(Version(text))
    except InvalidVersion:
        raise ValueError("is no version such as 1.0.0") from None


def specifier(text: str) -> str:
    """Bounds on a version."""
    try:
        return str(SpecifierSet(text))
    except InvalidSpecifier:
        raise ValueError("is no bound on a version such as >=3.11") from None


def requirement(text: str) -> str:
    """A dependency as wheels name it. Raises ValueError for one by URL, which no hash of an index covers."""
    try:
        found = Requirement(text)
    except InvalidRequirement:
        raise ValueError("is no dependency such as numpy>=2") from None
    if found.url:
        raise ValueError("names a URL: depend on a name and a version")
    return text


def licence(text: str) -> str:
    """An SPDX expression."""
    try:
        return str(canonicalize_license_expression(text))
    except InvalidLicenseExpression:
        raise ValueError("is no SPDX expression such as Apache-2.0") from None


Words = Annotated[str, Field(min_length=1, max_length=300, pattern=r"^[^\x00-\x1f\x7f-\x9f]*$")]
"""Text on one line, without anything that a terminal would obey."""
Plugin = Annotated[str, Field(pattern=r"^[a-z0-9]+(-[a-z0-9]+)*$", max_length=60)]


class Table(BaseModel):
    """A table in which every unknown key is a fault; what stands under a key is its documentation."""

    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)


class Provided(Table):
    """A plugin of the distribution, as `[[provides]]`."""

    hook: Literal["filter", "score", "dedupe", "mix", "format", "train", "evaluate", "observe", "command"]
    """The hook that it serves."""
    name: Plugin
    """What a pipeline calls it: lower-case letters, digits and single dashes."""
    samples: tuple[Literal["text", "alpaca", "messages", "preference", "ranked", "classification"], ...] = ("text",)
    """The shapes of record that it is tried on."""
    options: dict[str, Any] = {}
    """The options that it is tried with, where it cannot do without."""


class Checked(Table):
    """What `finery plugins verify` found, as `[release.checked]`; written by it and by nobody else."""

    on: Annotated[str, Field(pattern=r"^\d{4}-\d{2}-\d{2}$")]
    """The day, in UTC."""
    finery: Annotated[str, AfterValidator(version)]
    """The version of Finery that checked."""
    python: Annotated[str, AfterValidator(version)]
    """The version of Python that checked."""
    network: Words
    """What kept the plugin from the network meanwhile."""
    passed: tuple[Words, ...]
    """The checks that found nothing."""
    plugins: tuple[dict[str, Any], ...] = ()
    """What each plugin said of itself: summary, hooks, needs, options."""


class Release(Table):
    """One release, as `[[release]]`."""

    version: Annotated[str, AfterValidator(version)]
    """Its version."""
    api: Annotated[int, Field(ge=1)]
    """The plugin API that it was written for."""
    wheel: Annotated[str, Field(pattern=r"^(https?://[^\s]+/)?[A-Za-z0-9_.!+-]+\.whl$", max_length=500)]
    """The file name of its wheel, or the URL that ends in it."""
    sha256: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
    """The wheel's hash: 64 hexadecimal digits."""
    commit: Annotated[str, Field(pattern=r"^[0-9a-f]{40}$")] | None = None
    """The commit of the repository that it was built from."""
    python: Annotated[str, AfterValidator(specifier)] = ">=3.11"
    """The versions of Python that it is for."""
    requires: tuple[Annotated[str, AfterValidator(requirement)], ...] = ()
    """What it depends on."""
    yanked: Words | None = None
    """Why nobody should install it any more."""
    checked: Checked | None = None
    """What the admission checks found."""


class Entry(Table):
    """One distribution: one TOML file of its name."""

    name: Plugin
    """The distribution's name as PyPI normalises it: lower-case letters, digits and single dashes."""
    summary: Words
    """What it does, in a line."""
    repository: Annotated[str, Field(pattern=r"^(https://[^\s]+|[A-Za-z0-9_./-]+)$", max_length=300)]
    """Where its source is: an https URL, or a folder of the repository that holds the index."""
    licence: Annotated[str, AfterValidator(licence)]
    """Its licence as an SPDX expression."""
    authors: Annotated[tuple[Words, ...], Field(min_length=1)]
    """Who answers for it."""
    keywords: tuple[Words, ...] = ()
    """More words to find it by."""
    provides: Annotated[tuple[Provided, ...], Field(min_length=1)]
    """Its plugins."""
    release: Annotated[tuple[Release, ...], Field(min_length=1)]
    """Its releases."""


def read_entry(text: str, place: str, name: str | None = None) -> tuple[dict[str, Any] | None, list[Fault]]:
    """An entry's TOML as plain values, and its faults; None where there are any.

    `place` is what faults call the file, `name` the distribution that the file is named for, where it is.
    """
    if len(text) > LONGEST_ENTRY:
        return None, [Fault(place, f"has more than {LONGEST_ENTRY:,} characters", "drop old releases")]
    try:
        raw = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        return None, [not_toml(place, str(error))]
    return checked_entry(raw, place, text, name)


def not_toml(place: str, message: str) -> Fault:
    """What `tomllib` says, its line in the place."""
    found = re.fullmatch(r"(.*) \(at line (\d+), column \d+\)", message)
    where, wrong = (f"{place}:{found[2]}", found[1]) if found else (place, message)
    return Fault(where, f"is not TOML: {wrong}", "see registry/README.md for an entry")


def checked_entry(
    raw: Any, place: str, text: str | None = None, name: str | None = None
) -> tuple[dict[str, Any] | None, list[Fault]]:
    """The same for values that are read already; faults have lines where there is a text."""
    try:
        entry = Entry.model_validate(raw)
    except ValidationError as error:
        return None, [fault(found, place, text) for found in error.errors()]
    faults = [Fault(located(place, text, path), wrong, remedy) for path, wrong, remedy in doubts(entry, name)]
    return (None if faults else entry.model_dump(mode="json", exclude_none=True)), faults


def doubts(entry: Entry, name: str | None) -> list[tuple[list[str | int], str, str]]:
    """What no single key shows: a name that is not the file's, and what stands twice."""
    found: list[tuple[list[str | int], str, str]] = []
    if name is not None and entry.name != name:
        found.append((["name"], f"'{entry.name}' is not what the file is named for", f"name it {entry.name}.toml"))
    provided = [(one.hook, one.name) for one in entry.provides]
    versions = [one.version for one in entry.release]
    for number, plugin in enumerate(provided):
        if plugin in provided[:number]:
            found.append((["provides", number], f"{plugin[0]} '{plugin[1]}' stands twice", "take one out"))
    for number, said in enumerate(versions):
        if said in versions[:number]:
            found.append((["release", number], f"release {said} stands twice", "take one out"))
    return found


def fault(found: Mapping[str, Any], place: str, text: str | None) -> Fault:
    """One of pydantic's findings, with the key's documentation as the way to mend it."""
    path = [part for part in found["loc"] if isinstance(part, int) or part.isidentifier()]
    model, where = described(path)
    key = str(path[-1]) if path else ""
    spot = located(place, text, path)
    if found["type"] == "extra_forbidden":
        known = list(model.model_fields)
        return Fault(spot, f"unknown key '{key}'{did_you_mean(key, known)}", f"keys are {', '.join(known)}")
    if found["type"] == "missing":
        return Fault(spot, f"'{where}' is missing", documented(model, path))
    wrong = str(found["msg"]).removeprefix("Value error, ")
    return Fault(spot, f"{where} {found['input']!r:.80}: {wrong}", documented(model, path))


def described(path: list[str | int]) -> tuple[type[Table], str]:
    """The table that a path leads into, and the path for a reader: `release 2: sha256`."""
    tables: dict[str, type[Table]] = {"provides": Provided, "release": Release, "checked": Checked}
    words = [f"{part + 1}:" if isinstance(part, int) else part for part in path]
    above = [part for part in path[:-1] if part in tables]
    model = tables[str(above[-1])] if above else Entry
    return model, " ".join(words).removesuffix(":")


def documented(model: type[Table], path: list[str | int]) -> str:
    """The documentation of the key that a path ends in."""
    names = [part for part in path if isinstance(part, str)]
    field = model.model_fields.get(names[-1]) if names else None
    return (field.description or "") if field else ""


def located(place: str, text: str | None, path: list[str | int]) -> str:
    """`entries/acme.toml:7`, as near to the key as there is a line."""
    line = line_of(text, path) if text else None
    return f"{place}:{line}" if line else place
