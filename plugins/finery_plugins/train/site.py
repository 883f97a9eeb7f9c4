"""Where a training runs: the stage, its folder, its journal, its workers, and the libraries it stands on."""

from __future__ import annotations

import importlib.util
import logging as messages
import os
from dataclasses import dataclass
from pathlib import Path

from finery import Journal, Stage, UsageError, World, missing_extra
from finery_plugins.train.workers import join


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

    def keep(self, path: Path) -> None:
        """Let a finished file or folder of `out` outlast this machine."""
        if self.world.keep is not None:
            self.world.keep(path)


def place(stage: Stage) -> str:
    """How errors name a stage: its hook and its id."""
    return f"{stage.hook} '{stage.id}'"


def demand(where: str, *modules: str) -> None:
    """Check that libraries are there, without importing them. Raises MissingExtra."""
    for module in modules:
        if importlib.util.find_spec(module) is None:
            raise missing_extra(where, module, "train")


def settle(site: Site, *modules: str, together: bool = False) -> None:
    """Make this process ready to train: libraries there, threads pinned, nothing sent home, no bars of
    others; and where several train `together`, the other workers met.

    Threads are pinned because sums of floats depend on how many there are. Raises MissingExtra, and
    UsageError for more than one worker where the objective knows one alone.
    """
    demand(site.place, "torch", "transformers", "tokenizers", "accelerate", *modules)
    if site.world.size > 1 and not together:
        fault = f"was asked to train on {site.world.size} workers, and '{site.stage.plugin}' trains on one alone"
        raise UsageError.at(site.place, fault, "leave `workers` out of `needs`")
    site.out.mkdir(parents=True, exist_ok=True)
    quieten(site.world.threads)
    join(site.world, site.place)


def quieten(threads: int) -> None:
    """Pin torch's threads, turn telemetry off, and leave progress and messages to Finery."""
    os.environ["HF_HUB_DISABLE_TELEMETRY"] = "1"
    # They say at each start which kernels of theirs cannot be used here, which no one asked for.
    for name in ("bitsandbytes", "torchao", "torch.utils._pytree"):
        messages.getLogger(name).setLevel(messages.ERROR)
    import torch
    from transformers.utils import logging

    torch.set_num_threads(threads)
    if not torch.cuda.is_available():
        # Where DeepSpeed is installed, accelerate imports it, and it says on every import what it did not find.
        os.environ.setdefault("DS_ACCELERATOR", "cpu")
    os.environ["TOKENIZERS_PARALLELISM"] = "true" if threads > 1 else "false"
    logging.disable_progress_bar()
    logging.set_verbosity_error()
