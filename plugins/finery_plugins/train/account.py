"""The account of a training: loss by source, speed, and the records of every step, written to the journal."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from finery_plugins.train import checkpoints
from finery_plugins.train.rows import Plan
from finery_plugins.train.site import Site

NUMBERS = ("loss", "tokens", "learning_rate", "grad_norm", "tokens_per_second")
"""The metrics of a training; `loss` and `tokens` also come as `loss/source` and `tokens/source`."""


@dataclass
class Account:
    """Sums since the last line of metrics."""

    plan: Plan
    site: Site
    sums: Any = None
    """`float64` (sources, 2) tensor: nats and tokens."""
    began: float = field(default_factory=time.monotonic)
    logged: float = field(default_factory=time.monotonic)

    def note(self, nll: Any, codes: Any) -> None:
        """Add losses (n,) in nats and source codes (n,) of tokens."""
        import torch

        names = self.plan.rows.tokens.names
        if self.sums is None:
            self.sums = torch.zeros(len(names), 2, dtype=torch.float64, device=nll.device)
        pairs = torch.stack([nll.double(), torch.ones_like(nll, dtype=torch.float64)], dim=1)
        self.sums.index_add_(0, codes, pairs)

    def numbers(self) -> dict[str, float]:
        """Loss a token and tokens, of all and by source, since they were last asked for.

        The loss of all is the mean of the sources' losses weighted by their tokens.
        """
        sums, self.sums = self.sums.tolist(), None
        nats, tokens = (sum(column) for column in zip(*sums, strict=True))
        now, before = time.monotonic(), self.logged
        self.logged = now
        said = {
            "loss": nats / tokens,
            "tokens": tokens,
            "tokens_per_second": tokens / max(now - before, 1e-9),
        }
        for name, (part, count) in zip(self.plan.rows.tokens.names, sums, strict=True):
            if count:
                said |= {f"loss/{name}": part / count, f"tokens/{name}": count}
        return said

    def write(self, logs: dict[str, float], step: int) -> None:
        """One line of metrics into the journal."""
        if "loss" not in logs:
            return
        for key, value in logs.items():
            name, _, source = key.partition("/")
            if name in NUMBERS:
                self.site.journal.metric(name, value, step, source or None)

    def records(self, first: int, last: int) -> None:
        """The records of steps `first` to `last` into the journal."""
        for table in self.plan.account(first, last):
            self.site.journal.steps(table)

    def close(self, last: int) -> None:
        """Write the records of all steps: once, at the end, so that no interruption writes any twice."""
        self.records(1, last)

    def is_late(self) -> bool:
        """Whether this call has used up its seconds."""
        limit = self.plan.loop.max_seconds
        return limit is not None and time.monotonic() - self.began > limit


def account_callback(account: Account) -> Any:
    """What Trainer calls as it goes: metrics and progress to the journal, checkpoints marked, seconds
    counted."""
    from transformers import TrainerCallback

    def begin(_: Any, _args: Any, state: Any, _control: Any, **__: Any) -> None:
        for line in state.log_history:
            account.write(line, line["step"])
        account.logged = time.monotonic()

    def step_end(_: Any, _args: Any, state: Any, control: Any, **__: Any) -> None:
        account.site.journal.progress(state.global_step, state.max_steps, "steps")
        if account.is_late():
            control.should_training_stop = True
        # A resumed training starts with empty sums, so a checkpoint starts a line of metrics.
        control.should_log = control.should_log or control.should_save or control.should_training_stop

    def save(_: Any, args: Any, state: Any, _control: Any, **__: Any) -> None:
        checkpoints.mark(Path(args.output_dir) / f"checkpoint-{state.global_step}", account.plan.digest)

    def logged(_: Any, _args: Any, state: Any, _control: Any, *, logs: Any, **__: Any) -> None:
        account.write(logs, state.global_step)

    ours = {"on_train_begin": begin, "on_step_end": step_end, "on_save": save, "on_log": logged}
    return type("AccountCallback", (TrainerCallback,), ours)()
