"""A training: a network, an objective and tokens, carried out once, or first fold by fold."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from typing import Any

from finery import UsageError
from finery_plugins.train.early import EarlyStopping, Watch
from finery_plugins.train.loop import Loop
from finery_plugins.train.packing import packed, schedule
from finery_plugins.train.rows import Plan
from finery_plugins.train.site import Site
from finery_plugins.train.tokens import Tokens
from finery_plugins.train.trainer import Objective, fit


@dataclass(frozen=True)
class Training:
    """Everything that a training is. What spreads it over workers is none of it."""

    network: Callable[[], Any]
    """Makes the network as it is before the first step; each fold has one of its own."""
    objective: Callable[[Any, bool], AbstractContextManager[Objective]]
    """The objective, attached to a network for as long as it is trained. The flag says whether rows hold several
    documents: it raises ValueError, with the reason, for a network that lets them see each other."""
    tokens: Tokens
    loop: Loop
    site: Site
    context: int
    """Tokens in a row at most."""
    packing: bool = True
    ahead: int = 1
    """How many tokens ahead of what it is fed the network predicts: 1, or 0 for one that looks at all tokens."""
    early: EarlyStopping | None = None
    held: Tokens | None = None
    """What `early` measures."""

    def rows(self, tokens: Tokens, loop: Loop) -> Plan:
        """Some tokens, in the order they are trained on."""
        rows = packed(tokens, self.context, self.packing, self.ahead)
        alike = loop.step_rows if loop.group_by_length and not self.packing else 0
        return Plan(rows, schedule(rows, loop.total_rows(len(rows), self.context), self.site.stage, alike), loop)

    def once(self, tokens: Tokens) -> Plan:
        """Some tokens, each row once."""
        return self.rows(tokens, replace(self.loop, steps=None, tokens=None, epochs=1.0, group_by_length=False))

    def watch(self, site: Site) -> Watch | None:
        """The watch over what is held out."""
        if self.early is None or self.held is None:
            return None
        made = Watch(self.early, self.once(self.held), site)
        made.check()
        return made

    def attached(self, network: Any) -> AbstractContextManager[Objective]:
        """The objective for a network. Raises UsageError where packed documents would see each other."""
        try:
            return self.objective(network, self.packing)
        except ValueError as error:
            fault = f"'{network.config.model_type}' lets packed documents see each other: {error}"
            raise UsageError.at(self.site.place, fault, "set `packing = false`") from error


def trained(training: Training, network: Any, tokens: Tokens | None = None, site: Site | None = None) -> Any:
    """The network, trained in place: on the training's own tokens and at its own site where no others are given."""
    site = site or training.site
    plan = training.rows(training.tokens if tokens is None else tokens, training.loop)
    with training.attached(network) as objective:
        if training.loop.compile:
            compile_in_place(network, site)
        fit(network, objective, plan, site, training.watch(site))
        plain_again(network)
    return network


def compile_in_place(network: Any, site: Site) -> None:
    """Let torch compile what the network computes. Raises UsageError where there is no compiler to do so."""
    import torch

    compilers = ("g++", "clang++", "c++")
    if not torch.cuda.is_available() and not any(map(shutil.which, compilers)):
        remedy = f"install one of {', '.join(compilers)}, or leave `compile` out"
        raise UsageError.at(site.place, "`compile` needs a C++ compiler on CPU", remedy)
    for part in getattr(network, "parts", (network,)):
        part.compile()
        for module in part.modules():
            # What works the loss out in place of an output head counts rows by what it is fed: not for a compiler.
            if "forward" in vars(module):
                module.forward = torch.compiler.disable(module.forward)


def plain_again(network: Any) -> None:
    """Take back what was compiled."""
    for part in getattr(network, "parts", (network,)):
        part._compiled_call_impl = None
