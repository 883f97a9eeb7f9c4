"""What tensors hold at once, counted as they come and go; it sees tensors that have sizes and no content as well."""

from __future__ import annotations

import functools
import weakref
from collections import Counter
from dataclasses import dataclass, field
from typing import Any


@dataclass
class Ledger:
    """Bytes of the memory that tensors share among them, each counted once."""

    phase: str = "weights"
    """What is being done: new memory is put down to it."""
    live: dict[int, tuple[int, str]] = field(default_factory=dict)
    """Bytes and phase of each piece of memory by its address."""
    now: int = 0
    peak: int = 0
    parts: Counter[str] = field(default_factory=Counter)
    """The bytes of the peak by the phase that they come from."""
    during: str = ""
    """The phase of the peak."""

    def see(self, tensor: Any) -> None:
        """Count the memory behind a tensor, if it is new."""
        memory = tensor.untyped_storage()
        key, size = memory._cdata, memory.nbytes()
        if key in self.live or not size:
            return
        self.live[key] = (size, self.phase)
        self.now += size
        weakref.finalize(memory, self.gone, key)
        if self.now > self.peak:
            self.peak, self.during, self.parts = self.now, self.phase, Counter()

    def gone(self, key: int) -> None:
        """Forget memory that was let go; the parts of a peak are added up before it passes."""
        if key in self.live:
            self.settle()
            self.now -= self.live.pop(key)[0]

    def settle(self) -> None:
        """Add the parts of the peak up, if this is it."""
        if self.now == self.peak and not self.parts:
            for size, phase in self.live.values():
                self.parts[phase] += size


def watching(ledger: Ledger) -> Any:
    """A context in which a ledger sees the memory of every tensor that an operation answers."""
    return mode_class()(ledger)


@functools.cache
def mode_class() -> type:
    """The context's class, made when torch is there."""
    from torch.utils._python_dispatch import TorchDispatchMode
    from torch.utils._pytree import tree_leaves

    class Watching(TorchDispatchMode):  # type: ignore[misc]
        """Sees what every operation answers."""

        def __init__(self, ledger: Ledger) -> None:
            super().__init__()
            self.ledger = ledger

        def __torch_dispatch__(self, operation: Any, _: Any, arguments: Any = (), named: Any = None) -> Any:
            import torch

            answer = operation(*arguments, **(named or {}))
            for leaf in tree_leaves(answer):
                if isinstance(leaf, torch.Tensor):
                    self.ledger.see(leaf)
            return answer

    return Watching
