"""Checks of a plugin's class and options: that a reader can learn them, and that they travel."""

from __future__ import annotations

import json
import pickle
from collections.abc import Iterator
from typing import Any, cast

from pydantic import TypeAdapter

from finery.errors import Fault, FineryError
from finery.plugins import manifest
from finery.testing.subject import TRIED, Raised, Skipped, Subject, attempt


def plugin_class(subject: Subject) -> Iterator[Fault]:
    """An instance is given, of a class made by `@plugin`, written for a contract that this Finery knows."""
    try:
        manifest(subject.cls)
    except FineryError as error:
        yield from error.faults
    if isinstance(subject.plugin, type):
        yield subject.fault("is a class, not a plugin with its options", f"give {subject.place}()")


def summary(subject: Subject) -> Iterator[Fault]:
    """The first line of the class's docstring is a sentence: listings show it."""
    known(subject)
    remedy = 'begin the class with a sentence in its docstring: """Drop documents in which ..."""'
    written = vars(subject.cls).get("__doc__") or ""
    # A dataclass without a docstring is given its own signature as one.
    if not written or written.startswith(f"{subject.cls.__name__}("):
        yield subject.fault("has no docstring", remedy)
        return
    line = written.strip().splitlines()[0]
    if not (line[:1].isupper() and line.endswith((".", "!", "?")) and " " in line):
        yield subject.fault(f"opens its docstring with {line[:60]!r}, which is not a sentence", remedy)


def options_documented(subject: Subject) -> Iterator[Fault]:
    """Every option has a docstring under it: `finery plugins show` and editors print it."""
    known(subject)
    for name, field in cast(Any, subject.cls).__pydantic_fields__.items():
        if not field.description:
            yield subject.fault(f"does not document its option '{name}'", f"put a string under '{name}'")


def options_schema(subject: Subject) -> Iterator[Fault]:
    """The options have a JSON Schema: editors complete pipeline.toml with it."""
    known(subject)
    schema = attempt(lambda: TypeAdapter(subject.cls).json_schema())
    if isinstance(schema, Raised):
        remedy = "give options types that a pipeline file can hold: numbers, strings, lists, tables"
        yield subject.fault(f"has options without a JSON Schema: {schema}", remedy)


def options_json(subject: Subject) -> Iterator[Fault]:
    """The options come back equal from JSON, in which a run keeps them, and so do the answers."""
    if list(options_schema(subject)):
        raise Skipped("waits for 'options-schema'")
    again = attempt(lambda: from_json(subject))
    remedy = "give options types that JSON can hold; infinity and NaN become null, so use None for 'no bound'"
    if isinstance(again, Raised):
        yield subject.fault(f"has options that do not come back from JSON: {again}", remedy)
    elif dumped(again) != dumped(subject.plugin):
        yield subject.fault("has options that come back from JSON with other values", remedy)
    elif not answers_alike(subject, again):
        yield subject.fault("answers differently when its options come from JSON", remedy)


def options_pickle(subject: Subject) -> Iterator[Fault]:
    """The plugin can be pickled after use, as it is on the way to a worker, and answers the same there."""
    known(subject)
    if "<locals>" in subject.cls.__qualname__:
        raise Skipped("the class is defined inside a function: workers could not import it")
    if subject.verb in TRIED:
        attempt(lambda: subject.trial)
    again = attempt(lambda: pickle.loads(pickle.dumps(subject.plugin)))  # noqa: S301 - its own bytes
    remedy = "keep what is derived from options in a function with functools.cache, not on the plugin"
    if isinstance(again, Raised):
        yield subject.fault(f"does not survive pickle: {again}", remedy)
    elif not answers_alike(subject, again):
        yield subject.fault("answers differently after pickle", remedy)


def known(subject: Subject) -> None:
    """Raise Skipped where the subject is no instance of a plugin class."""
    _ = subject.manifest
    if isinstance(subject.plugin, type):
        raise Skipped("waits for 'plugin-class'")


def dumped(plugin: object) -> bytes:
    """The options as JSON."""
    return TypeAdapter(type(plugin)).dump_json(plugin)


def from_json(subject: Subject) -> object:
    """The plugin made again from its options' JSON."""
    return subject.cls(**json.loads(dumped(subject.plugin)))


def answers_alike(subject: Subject, other: object) -> bool:
    """Whether another instance answers the same, where answers can be compared at all."""
    try:
        return subject.verb not in TRIED or subject.again(other) == subject.law
    except Skipped:
        return True
