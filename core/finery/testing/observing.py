"""Checks of an observer: what it says of itself, and that a run can tell it what happens."""

from __future__ import annotations

from collections.abc import Iterator

from finery.errors import Fault, FineryError
from finery.kernel import relay
from finery.plugins import hooks
from finery.specs import ObserverSpecs
from finery.testing.declaration import (
    known,
    options_documented,
    options_json,
    options_pickle,
    options_schema,
    plugin_class,
    summary,
)
from finery.testing.signature import STAGE_HOOKS, hooks_known, method
from finery.testing.subject import Skipped, Subject

EVENTS = tuple(name for name in vars(ObserverSpecs) if not name.startswith("_"))
"""What an observer hears."""


def observes(subject: Subject) -> bool:
    """Whether the class hears of runs and serves no stage; what it has of a stage's hooks, it wraps."""
    found = hooks(subject.cls)
    wraps = [name for name in found if getattr(method(subject, name), "finery_impl", {}).get("wrapper")]
    return any(name in EVENTS for name in found) and not {*found} & {*STAGE_HOOKS} - {*wraps}


def observer_binds(subject: Subject) -> Iterator[Fault]:
    """A run can tell the observer what happens: its hooks ask for arguments that there are."""
    known(subject)
    if list(hooks_known(subject)):
        raise Skipped("waits for 'hooks-known'")
    try:
        relay([subject.plugin])
    except FineryError as error:
        yield from error.faults


OBSERVED = (
    plugin_class, summary, options_documented, options_schema, options_json, options_pickle, hooks_known,
    observer_binds,
)  # fmt: skip
"""The checks of an observer: of what plugins of a stage are held to, the declaration; and its own."""
