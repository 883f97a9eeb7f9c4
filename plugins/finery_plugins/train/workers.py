"""The workers of a training: how they meet, wait for each other and add up, and which rows of a step are whose."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import numpy as np

from finery import UsageError, World

OWN_DISK = "FINERY_OWN_DISK"
"""The environment variable that says whether each machine has a disk of its own."""
PATIENCE = timedelta(days=7)
"""How long a worker waits for the others: one of them may tokenise for hours. Whoever started them sees a death."""


def join(world: World, place: str) -> None:
    """Meet the other workers, so that what torch distributes reaches them. Raises UsageError where that cannot be."""
    import torch

    if world.size == 1:
        return
    if world.rendezvous is None:
        fault = f"is one of {world.size} workers and is not told where they meet"
        raise UsageError.at(place, fault, "whoever starts workers gives a `rendezvous`")
    if torch.cuda.is_available():
        device(world, place)
    announce(world)
    if not torch.distributed.is_initialized():
        backend = "cpu:gloo,cuda:nccl" if torch.cuda.is_available() else "gloo"
        torch.distributed.init_process_group(
            backend, init_method=world.rendezvous, rank=world.rank, world_size=world.size, timeout=PATIENCE
        )


def device(world: World, place: str) -> None:
    """Take this worker's GPU. Raises UsageError where there are too few."""
    import torch

    count = torch.cuda.device_count()
    if world.local_rank >= count:
        fault = f"has {count} GPUs for {world.local_rank + 1} or more workers of this machine"
        raise UsageError.at(place, fault, f"set `needs = {{ workers = {count} }}`")
    torch.cuda.set_device(world.local_rank)


def announce(world: World) -> None:
    """Tell accelerate and DeepSpeed, which read the environment, of this worker's place."""
    told = {"RANK": world.rank, "WORLD_SIZE": world.size, "LOCAL_RANK": world.local_rank}
    told[OWN_DISK] = int(world.keep is not None)
    os.environ |= {name: str(value) for name, value in told.items()}
    if str(world.rendezvous).startswith("file:"):
        os.environ["LOCAL_WORLD_SIZE"] = str(world.size)
        # All on one machine: the name of a host need not lead to an address that answers.
        os.environ.setdefault("GLOO_SOCKET_IFNAME", "lo")
        os.environ.setdefault("MASTER_ADDR", "127.0.0.1")


def are_several() -> bool:
    """Whether this process trains together with others."""
    from torch import distributed

    return bool(distributed.is_available() and distributed.is_initialized() and distributed.get_world_size() > 1)


def place_among() -> tuple[int, int]:
    """This worker's number, and how many there are."""
    from torch import distributed

    return (distributed.get_rank(), distributed.get_world_size()) if are_several() else (0, 1)


def meet() -> None:
    """Wait until all workers are here."""
    from torch import distributed

    if are_several():
        distributed.barrier()


@contextmanager
def in_turn() -> Iterator[None]:
    """The first worker first: when the others come to it, they find what it wrote. Where machines share no disk, the
    first of each."""
    own = os.environ.get(OWN_DISK) == "1" and are_several()
    behind = os.environ["LOCAL_RANK"] != "0" if own else place_among()[0]
    if behind:
        meet()
    yield
    if not behind:
        meet()


def reduced(sums: Any) -> Any:
    """A tensor's sum over all workers that train together."""
    from torch import distributed

    if are_several():
        sums = sums.clone()
        distributed.all_reduce(sums)
    return sums


def all_said(value: Any) -> list[Any]:
    """What every worker says, in their order."""
    from torch import distributed

    if not are_several():
        return [value]
    said: list[Any] = [None] * distributed.get_world_size()
    distributed.all_gather_object(said, value)
    return said


def from_first(values: Any) -> Any:
    """A tensor as the first worker has it."""
    from torch import distributed

    if are_several():
        values = values.contiguous().clone()
        distributed.broadcast(values, 0)
    return values


def any_of(flag: bool) -> bool:
    """Whether a flag is true for any worker."""
    import torch

    return bool(reduced(torch.tensor(int(flag))).item()) if are_several() else flag


@dataclass(frozen=True)
class Share:
    """How the rows of a step are shared out: in forward passes of `batch` rows, one a worker in turn."""

    step_rows: int
    batch: int
    workers: int = 1

    @property
    def accumulate(self) -> int:
        """Forward passes of one worker in a step."""
        return self.step_rows // (self.batch * self.workers)

    def batches(self, total: int, rank: int) -> list[list[int]]:
        """The positions in the order that a worker is fed, pass by pass, out of `total`.

        The last step may hold fewer rows: all workers have as many passes in it, some of them short or empty.
        """
        found = []
        for start in range(0, total, self.batch * self.workers):
            first = start + rank * self.batch
            found.append(list(range(min(first, total), min(first + self.batch, total))))
        return found

    def ranks(self, positions: np.ndarray) -> np.ndarray:
        """`int32` (n,): the worker of each position (n,) in the order."""
        return (positions // self.batch % self.workers).astype(np.int32)


def share(step_rows: int, batch: int, world: World, place: str) -> Share:
    """How workers share steps: `batch` rows a pass as one worker has them, fewer where they do not divide.

    Raises UsageError where a step's rows do not divide among the workers.
    """
    if step_rows % world.size:
        fault = f"the {step_rows} rows of a step do not divide among {world.size} workers"
        raise UsageError.at(place, fault, f"make `batch` times `accumulate` a multiple of {world.size}")
    own = step_rows // world.size
    return Share(step_rows, max(rows for rows in range(1, batch + 1) if own % rows == 0), world.size)


def split(step_rows: int, batch: int, total: int, world: World, place: str) -> Share:
    """How workers share steps where every pass of theirs has to be one pass of a worker alone, cut up.

    So it is where a loss is a mean over the rows of a pass. Raises UsageError where the `total` rows, or the `batch` of
    a pass, do not divide.
    """
    if batch % world.size:
        fault = f"the {batch} rows of a pass do not divide among {world.size} workers"
        raise UsageError.at(place, fault, f"make `batch` a multiple of {world.size}")
    if world.size > 1 and total % step_rows:
        fault = f"its {total} rows end in a step of {total % step_rows}, which {world.size} workers cannot share evenly"
        raise UsageError.at(place, fault, f"set `steps = {-(-total // step_rows)}` in place of `epochs` or `tokens`")
    return Share(step_rows, batch // world.size, world.size)
