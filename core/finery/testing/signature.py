"""Checks of a plugin's hooks: which there are, and what they ask for."""

from __future__ import annotations

import inspect
from collections.abc import Iterator, Mapping
from inspect import Parameter
from typing import Any

from finery.errors import Fault, did_you_mean
from finery.plugins import hooks
from finery.specs import ObserverSpecs, StageSpecs
from finery.testing.subject import MAPS, Raised, Skipped, Subject
from finery.verbs import VERBS

COMPANIONS: Mapping[str, tuple[str, ...]] = {
    "prepare": (*MAPS, "mix"), "same": ("dedupe",), "cut": ("dedupe",), "gather": ("format",),
    "preview": ("train",), "demand": ("train",), "trial": ("train",),
}  # fmt: skip
"""Hooks that stand beside a verb, and the verbs that listen to them."""

STAGE_HOOKS = (*VERBS, *COMPANIONS)


def one_verb(subject: Subject) -> Iterator[Fault]:
    """A plugin serves one verb: its entry point's group says which."""
    verbs = [hook for hook in hooks(subject.cls) if hook in VERBS]
    if len(verbs) > 1:
        yield subject.fault(f"serves {len(verbs)} verbs: {', '.join(verbs)}", "make a class of each")
    elif not verbs and not list(hooks_marked(subject)) and not list(hooks_known(subject)):
        remedy = f"implement one of {', '.join(VERBS)} under @hookimpl"
        yield subject.fault(f"serves no verb{near_miss(subject)}", remedy)


def hooks_marked(subject: Subject) -> Iterator[Fault]:
    """A method named like a hook has `@hookimpl` above it: without, it is never called, in silence."""
    for name in STAGE_HOOKS:
        if name not in hooks(subject.cls) and callable(method(subject, name)):
            yield subject.fault("is named like a hook but is not one", f"put @hookimpl above '{name}'", name)


def hooks_known(subject: Subject) -> Iterator[Fault]:
    """What `@hookimpl` stands above is a hook."""
    every = [name for name in (*vars(StageSpecs), *vars(ObserverSpecs)) if not name.startswith("_")]
    for name in hooks(subject.cls):
        if name not in every:
            wrong = f"is not a hook{did_you_mean(name, every)}"
            yield subject.fault(wrong, f"name it after one of {', '.join(STAGE_HOOKS)}", name)


def companions(subject: Subject) -> Iterator[Fault]:
    """`prepare`, `same`, `gather`, `preview`, `demand` and `trial` stand beside a verb that listens to them."""
    for name, verbs in COMPANIONS.items():
        if name in hooks(subject.cls) and subject.verb and subject.verb not in verbs:
            wrong = f"stands beside '{subject.verb}', which never asks for it"
            yield subject.fault(wrong, f"remove it: it serves {', '.join(verbs)}", name)


def not_wrappers(subject: Subject) -> Iterator[Fault]:
    """A stage's plugin answers its hook itself; wrapping is for observers."""
    for name in hooks(subject.cls):
        options = getattr(method(subject, name), "finery_impl", {})
        if options.get("wrapper") or options.get("hookwrapper"):
            yield subject.fault("is a wrapper", "take wrapper=True away and return the answer", name)


def arguments_known(subject: Subject) -> Iterator[Fault]:
    """A hook asks for arguments that its specification names."""
    for name, parameters in signatures(subject):
        offered = list(inspect.signature(getattr(StageSpecs, name)).parameters)[1:]
        for parameter in parameters:
            if plain(parameter) and parameter.name not in offered:
                wrong = f"asks for '{parameter.name}'{did_you_mean(parameter.name, offered)}"
                yield subject.fault(wrong, f"take what you need of {', '.join(offered)}", name)


def arguments_without_defaults(subject: Subject) -> Iterator[Fault]:
    """No argument has a default: a misspelt one would keep it in silence."""
    for name, parameters in signatures(subject):
        for parameter in parameters:
            if parameter.default is not Parameter.empty:
                wrong = f"gives '{parameter.name}' a default"
                yield subject.fault(wrong, "make it an option of the plugin", name)


def arguments_positional(subject: Subject) -> Iterator[Fault]:
    """No argument is keyword-only: hooks never fill those."""
    for name, parameters in signatures(subject):
        for parameter in parameters:
            if parameter.kind is Parameter.KEYWORD_ONLY:
                wrong = f"has the keyword-only argument '{parameter.name}'"
                yield subject.fault(wrong, "take the * out of its signature", name)


def arguments_named(subject: Subject) -> Iterator[Fault]:
    """No `*args` and `**kwargs`: a hook is given what it names, and nothing else."""
    for name, parameters in signatures(subject):
        for parameter in parameters:
            if parameter.kind in (Parameter.VAR_POSITIONAL, Parameter.VAR_KEYWORD):
                yield subject.fault(f"takes '{parameter}'", "name the arguments that it needs", name)


def binds(subject: Subject) -> Iterator[Fault]:
    """The kernel can put the plugin behind its hook."""
    _ = subject.manifest
    if isinstance(subject.bound, Raised):
        for check in HOOKS[:-1]:
            if list(check(subject)):
                raise Skipped(f"waits for '{check.__name__.replace('_', '-')}'")
        remedy = "compare it with the signatures in finery.specs"
        yield subject.fault(f"cannot be bound: {subject.bound}", remedy)


def signatures(subject: Subject) -> Iterator[tuple[str, list[Parameter]]]:
    """Each stage hook of the class with its parameters after `self`."""
    for name in hooks(subject.cls):
        if name in STAGE_HOOKS:
            yield name, list(inspect.signature(method(subject, name)).parameters.values())[1:]


def method(subject: Subject, name: str) -> Any:
    """The class's attribute of that name, None where it has none."""
    return getattr(subject.cls, name, None)


def plain(parameter: Parameter) -> bool:
    """Whether a parameter is one that a hook fills."""
    filled = (Parameter.POSITIONAL_ONLY, Parameter.POSITIONAL_OR_KEYWORD)
    return parameter.kind in filled and parameter.default is Parameter.empty


def near_miss(subject: Subject) -> str:
    """` (did you mean 'filter'?)` for a method that nearly has a hook's name."""
    own = [name for name in vars(subject.cls) if not name.startswith("_") and callable(method(subject, name))]
    found = [did_you_mean(name, VERBS) for name in own]
    return next((text for text in found if text), "")


HOOKS = (
    one_verb, hooks_marked, hooks_known, companions, not_wrappers,
    arguments_known, arguments_without_defaults, arguments_positional, arguments_named, binds,
)  # fmt: skip
"""Every check of hooks, in the order in which one waits for another."""
