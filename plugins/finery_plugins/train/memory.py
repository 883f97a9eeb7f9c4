"""Out of memory: what is said to a reader who can do something about it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from finery import WorkError
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
