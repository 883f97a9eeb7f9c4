"""A train plugin that ends in the ways that a worker can, for the tests of groups."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Literal

import pyarrow as pa

from finery import DataError, Journal, Model, Stage, World, hookimpl, plugin


@plugin
class Ends:
    """Answers, or ends in another way: on the second worker, or on all."""

    how: Literal["well", "data", "all", "value", "death"] = "well"

    @hookimpl
    def train(self, out: Path, world: World, stage: Stage, journal: Journal) -> Model:
        """A model named after the world."""
        (out / str(os.getpid())).touch()
        journal.metric("loss", 1.0 + world.rank, 1)
        journal.losses(pa.table({"rank": [world.rank]}))
        if self.how != "well":
            self.end(world)
        return Model(out, f"{world.rank} of {world.size}, {world.local_rank}, {world.threads}", "")

    def end(self, world: World) -> None:
        """What goes wrong; where nothing does, the worker waits for one that is gone."""
        if self.how == "all" or (self.how == "data" and world.rank):
            raise DataError.at("train 'x'", "is of no use", "mend it")
        if self.how == "value" and world.rank:
            raise ValueError("seven")
        if self.how == "death" and world.rank:
            os.kill(os.getpid(), 9)
        time.sleep(60)
