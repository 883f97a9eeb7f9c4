"""Options that name a model: an earlier train stage's, one in a folder, one on a hub, or the base of another."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from finery.fileoptions import mapped, marked
from finery.types import ModelMark

BASE = "base"
"""Names the model that a stage's own model was trained from."""


def put(cls: type, options: Mapping[str, Any], change: Callable[[str], str], mark: type = ModelMark) -> dict[str, Any]:
    """Those of the options that are typed `ModelName`, or have another mark, with every name in them changed."""
    return {name: mapped(value, change) for name, value in options.items() if name in marked(cls, mark)}


def named(plugin: Any) -> Iterator[tuple[str, str]]:
    """Each option that names a model, and the name; an option of many names comes with each."""
    for option in marked(plugin.__class__, ModelMark):
        names: list[str] = []
        mapped(getattr(plugin, option), names.append)
        yield from ((option, name) for name in names)
