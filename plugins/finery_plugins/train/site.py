"""Where a training runs: the stage, its folder, its journal, its workers, and the libraries it stands on."""

from __future__ import annotations

import importlib.util
import logging as messages
import os
from dataclasses import dataclass
from pathlib import Path

from finery import Journal, Stage, UsageError, World, missing_extra


@dataclass(frozen=True)
class Site:
    """What every part of a training is told of where it runs."""

    out: Path
    world: World
    stage: Stage
    journal: Journal

    @property
    def place(self) -> str:
        """How errors name this stage."""
        return place(self.stage)


def place(stage: Stage) -> str:
    """How errors name a stage: its hook and its id."""
    return f"{stage.hook} '{stage.id}'"


def demand(where: str, *modules: str) -> None:
    """Check that libraries are there, without importing them. Raises MissingExtra."""
    for module in modules:
        if importlib.util.find_spec(module) is None:
            raise missing_extra(where, module, "train")


def settle(site: Site, *modules: str) -> None:
    """Make this process ready to train: libraries there, threads pinned, nothing sent home, no bars of
    others.

    Threads are pinned because sums of floats depend on how many there are. Raises MissingExtra, and
    UsageError for more than one worker.
    """
    demand(site.place, "torch", "transformers", "tokenizers", "accelerate", *modules)
    if site.world.size > 1:
        fault = f"was asked to train on {site.world.size} workers"
        raise UsageError.at(site.place, fault, "train plugins run on one worker: leave `needs` at one")
    site.out.mkdir(parents=True, exist_ok=True)
    quieten(site.world.threads)


def quieten(threads: int) -> None:
    """Pin torch's threads, turn telemetry off, and leave progress and messages to Finery."""
    os.environ["HF_HUB_DISABLE_TELEMETRY"] = "1"
    import torch
    from transformers.utils import logging

    # It says at each start that a kernel of a hub's is not installed, which no one asked for.
    messages.getLogger("bitsandbytes").setLevel(messages.ERROR)
    torch.set_num_threads(threads)
    os.environ["TOKENIZERS_PARALLELISM"] = "true" if threads > 1 else "false"
    logging.disable_progress_bar()
    logging.set_verbosity_error()
