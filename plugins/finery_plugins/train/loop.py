"""How long and how fast a training goes: the loop's options as one value, and the steps that follow from
them."""

from __future__ import annotations

import math
from dataclasses import dataclass, fields
from typing import Any


@dataclass(frozen=True)
class Loop:
    """The options of the loop, as `options.py` documents them."""

    steps: int | None
    epochs: float | None
    tokens: int | None
    batch: int
    accumulate: int
    lr: float | None
    schedule: str
    warmup: float
    floor: float
    weight_decay: float
    beta2: float
    clip: float
    max_seconds: float | None
    seed: int | None
    bf16: bool
    gradient_checkpointing: bool
    checkpoint_steps: int
    log_steps: int
    compile: bool = False
    group_by_length: bool = False
    zero: int | None = None
    offload: str | None = None

    @classmethod
    def of(cls, plugin: Any, **changed: Any) -> Loop:
        """The loop's options out of a plugin's, some of them changed; a plugin may lack those that have defaults."""
        known = {part.name for part in fields(cls)}
        said: dict[str, Any] = {name: getattr(plugin, name) for name in known if hasattr(plugin, name)}
        return cls(**said | changed)

    @property
    def has_budget(self) -> bool:
        """Whether it is said how long to train."""
        return any(said is not None for said in (self.steps, self.epochs, self.tokens))

    @property
    def step_rows(self) -> int:
        """Rows in one optimizer step."""
        return self.batch * self.accumulate

    def total_rows(self, rows: int, context: int) -> int:
        """How many rows are trained on, repeats counted, where there are `rows` of `context` tokens."""
        if self.steps is not None:
            return self.steps * self.step_rows
        if self.tokens is not None:
            return max(1, -(-self.tokens // (self.step_rows * context))) * self.step_rows
        return max(1, math.ceil(rows * (self.epochs or 1)))

    def budget(self, context: int) -> float:
        """The most tokens that will be trained on; infinite where the budget is in epochs."""
        if self.steps is None and self.tokens is None:
            return math.inf
        return self.total_rows(0, context) * context

    def rate(self, step: int, total: int) -> float:
        """The learning rate of a step as a share of the highest one."""
        warm = math.ceil(self.warmup * total)
        if step < warm:
            return (step + 1) / warm
        passed = (step - warm) / max(1, total - warm)
        shapes = {"cosine": (1 + math.cos(math.pi * passed)) / 2, "linear": 1 - passed, "constant": 1.0}
        return self.floor + (1 - self.floor) * shapes[self.schedule]
