"""Options that name a model: an earlier train stage's, one in a folder, or one on a hub."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from finery.fileoptions import mapped, marked
from finery.types import ModelMark


def put(cls: type, options: Mapping[str, Any], change: Callable[[str], str]) -> dict[str, Any]:
    """Those of the options that are typed `ModelName`, with every name in them changed."""
    return {name: mapped(value, change) for name, value in options.items() if name in marked(cls, ModelMark)}


def named(plugin: Any) -> Iterator[tuple[str, str]]:
    """Each option that names a model, and the name; an option of many names comes with each."""
    for option in marked(type(plugin), ModelMark):
        names: list[str] = []
        mapped(getattr(plugin, option), names.append)
        yield from ((option, name) for name in names)
