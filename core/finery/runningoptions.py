"""Options of how a stage runs: left out where it is asked what the stage is."""

from __future__ import annotations

import typing
from collections.abc import Iterator, Mapping
from dataclasses import is_dataclass
from typing import Any

from finery.fileoptions import field_types
from finery.types import RunningMark


def lasting(cls: type, options: Mapping[str, Any]) -> dict[str, Any]:
    """The options of a class, as plain values, without those that are marked `Running`; in nested tables as well."""
    hints = field_types(cls)
    return {name: within(hints.get(name), value) for name, value in options.items() if not running(hints.get(name))}


def running(hint: Any) -> bool:
    """Whether a type carries the mark."""
    return any(isinstance(mark, RunningMark) for mark in getattr(hint, "__metadata__", ()))


def within(hint: Any, value: Any) -> Any:
    """A value without what is marked in the tables it may hold."""
    if isinstance(value, Mapping):
        for table in tables(hint):
            value = lasting(table, value)
    return value


def tables(hint: Any) -> Iterator[type]:
    """The dataclasses in a type: alone, or among the choices."""
    if isinstance(hint, type) and is_dataclass(hint):
        yield hint
    inner = [hint.__origin__] if hasattr(hint, "__metadata__") else typing.get_args(hint)
    for part in inner:
        yield from tables(part)
