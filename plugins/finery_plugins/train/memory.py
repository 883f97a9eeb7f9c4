"""Memory and time of a training: what it took, for later plans, and what is said where there is too little."""

from __future__ import annotations

import ctypes
import gc
import re
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import numpy as np

from finery import WorkError
from finery_plugins.train.rows import Plan
from finery_plugins.train.site import Site

SAID = ("out of memory", "can't allocate memory", "cannot allocate memory", "bad alloc")
"""How torch, its allocators and those below it say that there is none left, in small letters."""

REMEDY = (
    "lower `batch` and raise `accumulate` as much, shorten `context`, set `gradient_checkpointing = true` or "
    "`bf16 = true`, train less with `method = { lora = {} }`, or divide it: `zero = 2` and `needs = { workers = 2 }`"
)


@contextmanager
def explained(site: Site) -> Iterator[None]:
    """Turn an error of torch for want of memory into one that says what to change. Raises WorkError."""
    import torch

    try:
        yield
    except (MemoryError, RuntimeError) as error:
        if not (isinstance(error, MemoryError | torch.OutOfMemoryError) or is_said(error)):
            raise
        where = "GPU" if isinstance(error, torch.OutOfMemoryError) else "machine"
        raise WorkError.at(site.place, f"the {where} has too little memory for it", REMEDY) from error


def is_said(error: BaseException) -> bool:
    """Whether an error's words speak of memory."""
    words = str(error).lower()
    return any(said in words for said in SAID)


@contextmanager
def measured(model: Any, plan: Plan, site: Site) -> Iterator[None]:
    """Tell the journal what a training took, from which later plans learn: `peak_bytes`, the most that was held at
    once; `train_seconds` and `train_cpu_seconds`; `records_per_second`.

    On a GPU the peak is that of torch's allocator. Elsewhere it is by how much this process grew, and the weights that
    it had before; there is none where the system does not tell.
    """
    began, busy, before = time.perf_counter(), time.process_time(), held(model)
    yield
    if site.world.rank:
        return
    seconds = time.perf_counter() - began
    after = most(before)
    told = {"train_seconds": seconds, "train_cpu_seconds": time.process_time() - busy}
    told |= {} if after is None else {"peak_bytes": after}
    pieces = int(np.diff(plan.rows.bounds)[plan.order].sum())
    for name, value in (told | {"records_per_second": pieces / max(seconds, 1e-9)}).items():
        site.journal.metric(name, float(value))


def held(model: Any) -> tuple[int, int]:
    """Bytes of a model, and of this process as it has the model; peaks are counted from here on."""
    import torch

    weights = {memory.data_ptr(): memory.nbytes() for memory in (p.untyped_storage() for p in model.parameters())}
    if torch.cuda.is_available():
        torch.cuda.reset_peak_memory_stats()
        return 0, 0
    for weight in model.parameters():
        weight.detach().sum()  # weights of a file are in memory from when they are first looked at
    give_back()
    try:
        Path("/proc/self/clear_refs").write_text("5", encoding="utf-8")
    except OSError:
        return 0, 0
    return sum(weights.values()), resident("VmRSS")


def give_back() -> None:
    """Let the system have memory that was freed: what fits into what an earlier stage left is growth as well."""
    gc.collect()
    with suppress(OSError, AttributeError):  # the C library is another
        ctypes.CDLL(None).malloc_trim(0)


def most(before: tuple[int, int]) -> int | None:
    """The most bytes since a model was there; None where the system does not tell."""
    import torch

    if torch.cuda.is_available():
        return int(torch.cuda.max_memory_allocated())
    weights, base = before
    return weights + max(resident("VmHWM") - base, 0) if base else None


def resident(word: str) -> int:
    """What Linux says of this process's memory, in bytes; 0 elsewhere."""
    try:
        said = Path("/proc/self/status").read_text(encoding="utf-8")
    except OSError:
        return 0
    found = re.search(rf"^{word}:\s+(\d+) kB", said, re.MULTILINE)
    return int(found[1]) * 1024 if found else 0
