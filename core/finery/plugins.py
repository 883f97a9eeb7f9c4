"""`@plugin`: a class whose fields are its options and whose `@hookimpl` methods are its work."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, TypeVar, cast, dataclass_transform, overload

from pydantic import ConfigDict
from pydantic.dataclasses import dataclass as options

from finery.errors import PluginError
from finery.types import Needs

API = 1
"""The version of the contract in `specs.py`; a plugin says which one it was written for."""

Class = TypeVar("Class", bound=type)


@dataclass(frozen=True)
class Manifest:
    """What a plugin class says of itself, beside its options."""

    api: int = API
    needs: Needs = field(default_factory=Needs)
    batch: int | None = None
    """Records a call at most; None leaves it to the kernel (about 8,000 rows or 32 MB)."""
    deterministic: bool = True
    """Whether equal batches give equal answers; otherwise the kernel keeps one answer and says so."""
    releases_gil: bool = False
    """Whether calls run beside each other in threads; otherwise the kernel takes processes."""


@overload
def plugin(cls: Class) -> Class: ...
@overload
def plugin(
    *,
    api: int = API,
    needs: Needs | None = None,
    batch: int | None = None,
    deterministic: bool = True,
    releases_gil: bool = False,
) -> Callable[[Class], Class]: ...
@dataclass_transform(eq_default=False, frozen_default=True, kw_only_default=True)
def plugin(cls: Any = None, **said: Any) -> Any:
    """Make `cls` a plugin: frozen, its fields checked and documented options, its manifest kept.

    The string under a field is its documentation, `Annotated[..., Field(ge=0)]` its bounds. Equality is identity,
    because pluggy compares plugins with `==` and two stages may have equal options.
    """
    if cls is None:
        return lambda later: plugin_class(later, said)
    return plugin_class(cls, said)


def plugin_class(cls: type, said: dict[str, Any]) -> type:
    """`cls` as a frozen pydantic dataclass that carries its manifest."""
    said = {name: value for name, value in said.items() if value is not None}
    config = ConfigDict(extra="forbid", use_attribute_docstrings=True, arbitrary_types_allowed=False)
    made = options(config=config, frozen=True, eq=False, kw_only=True)(cls)
    made.__finery__ = Manifest(**said)  # type: ignore[attr-defined]
    return cast(type, made)


def manifest(cls: type) -> Manifest:
    """The manifest of a plugin class. Raises PluginError for a class without `@plugin` or of a newer contract."""
    found = cls.__dict__.get("__finery__")
    if not isinstance(found, Manifest):
        raise PluginError.at(cls.__qualname__, "is not a plugin", "put @plugin above the class")
    if found.api > API:
        remedy = f"this Finery knows up to {API}: update it, or take an older release of the plugin"
        raise PluginError.at(cls.__qualname__, f"was written for plugin API {found.api}", remedy)
    return found


def hooks(cls: type) -> tuple[str, ...]:
    """The hooks that a class implements, in order of definition."""
    members = {name: member for base in reversed(cls.__mro__) for name, member in vars(base).items()}
    return tuple(name for name, member in members.items() if is_hookimpl(member))


def is_hookimpl(member: object) -> bool:
    """Whether `@hookimpl` stands above a function."""
    return inspect.isfunction(member) and hasattr(member, "finery_impl")
