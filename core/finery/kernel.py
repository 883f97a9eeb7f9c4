"""Bind a stage: one plugin, wrapped by every observer, behind one callable.

One small PluginManager a stage costs 1 ms to build and 4 µs a call, works the same in a worker, and turns a misspelt
hook or argument into an error when the plan is made. pluggy's `subset_hook_caller` is no way round it: it tells
plugins apart with `==`.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from typing import Any

import pluggy

from finery.errors import PluginError, did_you_mean, said_by
from finery.plugins import hooks
from finery.specs import ObserverSpecs, StageSpecs

PROJECT = "finery"


def bind(plugin: object, hook: str, observers: Sequence[object] = ()) -> Callable[..., Any]:
    """The hook of one plugin with all observers around it, called with keyword arguments.

    Raises PluginError now where the plugin does not implement the hook as specified, and at the call where it
    answers None.
    """
    check_signatures(plugin)
    manager = managed([*observers, plugin])
    own = [impl for impl in getattr(manager.hook, hook).get_hookimpls() if not is_wrapper(impl)]
    if len(own) != 1 or own[0].plugin is not plugin:
        raise PluginError.at(place(plugin), f"does not implement '{hook}'", forgotten(plugin, hook))
    call = getattr(manager.hook, hook)

    def answer(**arguments: Any) -> Any:
        value = call(**arguments)
        if value is None and hook != "prepare":
            raise PluginError.at(place(plugin), f"'{hook}' answered None", "return a value for every batch")
        return value

    return answer


def asks(plugin: object, hook: str, argument: str) -> bool:
    """Whether a plugin's hook asks for an argument."""
    return argument in inspect.signature(getattr(plugin, hook)).parameters


def relay(observers: Sequence[object]) -> Any:
    """What the run calls to tell observers what happens: `relay(observers).stage_started(...)`."""
    return managed(observers).hook


def managed(plugins: Sequence[object]) -> pluggy.PluginManager:
    """A manager that holds the specs and the plugins. Raises PluginError for what does not fit the specs."""
    manager = pluggy.PluginManager(PROJECT)
    manager.add_hookspecs(StageSpecs)
    manager.add_hookspecs(ObserverSpecs)
    for plugin in plugins:
        try:
            manager.register(plugin)
            manager.check_pending()
        except pluggy.PluginValidationError as error:
            raise PluginError.at(
                place(plugin), misfit(plugin, error), "see the signatures in finery/specs.py"
            ) from None
    return manager


def check_signatures(plugin: object) -> None:
    """Raise PluginError for a hook that has defaults, keyword-only or star arguments.

    pluggy fills arguments by name from the positional ones only: a default hides a misspelt name, and a keyword-only
    argument is never filled.
    """
    for hook in hooks(type(plugin)):
        parameters = inspect.signature(getattr(plugin, hook)).parameters.values()
        odd = [p.name for p in parameters if p.kind is not p.POSITIONAL_OR_KEYWORD or p.default is not p.empty]
        if odd:
            fault = f"'{hook}' has an argument that hooks cannot fill: {', '.join(odd)}"
            raise PluginError.at(place(plugin), fault, "use plain arguments without defaults")


def misfit(plugin: object, error: pluggy.PluginValidationError) -> str:
    """What pluggy found wrong, with the near hook where a name is misspelt."""
    known = [name for specs in (StageSpecs, ObserverSpecs) for name in vars(specs) if not name.startswith("_")]
    unknown = [hook for hook in hooks(type(plugin)) if hook not in known]
    if unknown:
        return f"unknown hook '{unknown[0]}'{did_you_mean(unknown[0], known)}"
    return said_by(error)


def forgotten(plugin: object, hook: str) -> str:
    """The remedy for a hook that is not implemented: most often the decorator is missing."""
    if callable(getattr(plugin, hook, None)):
        return f"put @hookimpl above '{hook}'"
    own = ", ".join(hooks(type(plugin))) or "nothing"
    return f"it implements {own}"


def is_wrapper(impl: pluggy.HookImpl) -> bool:
    """Whether an implementation stands around the others."""
    return bool(impl.wrapper or impl.hookwrapper)


def place(plugin: object) -> str:
    """The name of a plugin's class as `module:Class`."""
    return f"{type(plugin).__module__}:{type(plugin).__qualname__}"
