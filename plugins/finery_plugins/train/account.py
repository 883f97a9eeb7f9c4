"""The account of a training: loss by source and by record, speed, and the records of every step, written to the
journal."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from finery_plugins.train import checkpoints
from finery_plugins.train.rows import Plan
from finery_plugins.train.site import Site
from finery_plugins.train.tokens import Tokens
from finery_plugins.train.workers import Share, any_of, meet, reduced

NUMBERS = ("loss", "tokens", "learning_rate", "grad_norm", "tokens_per_second")
"""The metrics of a training; `loss` (nats a token) and `tokens` (that a loss is taken on) also come as `loss/source`
and `tokens/source`; `tokens_per_second` counts all that the model is fed, padding left out."""


@dataclass(frozen=True)
class Losses:
    """What an objective answers for a batch."""

    total: Any
    """The summed loss, to differentiate."""
    nll: Any
    """Its parts (n,) in nats: one a token that a loss is taken on."""
    owners: Any
    """Whose each part is (n,): see `Plan.owner`."""
    counts: Any = None
    """How many tokens each part counts as (n,); one where not given."""
    measures: dict[str, tuple[Any, Any]] = field(default_factory=dict)
    """More to report, by name: a sum and a count."""


@dataclass
class Account:
    """Sums since the last line of metrics, and of the epochs under way. Each worker keeps its own; what is written is
    their sum."""

    plan: Plan
    site: Site
    share: Share
    """Which rows are whose."""
    measures: tuple[str, ...] = ()
    """The names of what the objective reports beside its loss."""
    line: Any = None
    """`float64` (sources, 2) tensor: nats and tokens since the last line."""
    epochs: Any = None
    """`float64` (epochs, sequences, 2) tensor: nats and tokens of each sequence; epoch e has place e modulo their
    number."""
    codes: Any = None
    """`int64` (sequences,) tensor: the source of each."""
    measured: dict[str, Any] = field(default_factory=dict)
    written: int = 0
    """Epochs whose losses the journal has."""
    step: int = 0
    """The step of the last line."""
    began: float = field(default_factory=time.monotonic)
    logged: float = field(default_factory=time.monotonic)

    @property
    def tokens(self) -> Tokens:
        """The sequences trained on."""
        return self.plan.rows.tokens

    def ready(self, device: Any) -> None:
        """Make the sums where they are missing, on the device that losses come from."""
        import torch

        if self.codes is None:
            self.codes = torch.from_numpy(self.tokens.sources.astype(np.int64)).to(device)
        if self.epochs is None:
            shape = (self.plan.epochs_in_step(), len(self.tokens), 2)
            self.epochs = torch.zeros(shape, dtype=torch.float64)
        self.epochs = self.epochs.to(device)
        if self.line is None:
            self.line = torch.zeros(len(self.tokens.names), 2, dtype=torch.float64, device=device)

    def note(self, losses: Losses) -> None:
        """Add what a batch cost."""
        import torch

        self.ready(losses.nll.device)
        nll = losses.nll.detach().double()
        counts = torch.ones_like(nll) if losses.counts is None else losses.counts.double()
        pairs = torch.stack([nll, counts], dim=1)
        flat = self.epochs.view(-1, 2)
        flat.index_add_(0, losses.owners % len(flat), pairs)
        self.line.index_add_(0, self.codes[losses.owners % len(self.tokens)], pairs)
        for name, (total, count) in losses.measures.items():
            pair = torch.stack([torch.as_tensor(x, dtype=torch.float64, device=nll.device) for x in (total, count)])
            self.measured[name] = self.measured[name] + pair if name in self.measured else pair

    def numbers(self, step: int) -> dict[str, float]:
        """Loss a token and tokens, of all and by source, since they were last asked for.

        The loss of all is the mean of the sources' losses weighted by their tokens.
        """
        sums, self.line = reduced(self.line).tolist(), None
        nats, tokens = (sum(column) for column in zip(*sums, strict=True))
        now, before = time.monotonic(), self.logged
        fed, self.logged, self.step = self.plan.fed(self.step + 1, step), now, step
        said = {"loss": nats / max(tokens, 1), "tokens": tokens, "tokens_per_second": fed / max(now - before, 1e-9)}
        for name, (part, count) in zip(self.tokens.names, sums, strict=True):
            if count:
                said |= {f"loss/{name}": part / count, f"tokens/{name}": count}
        for name in self.measures:
            # A worker whose rows have run out has measured nothing, and is waited for all the same.
            total, count = reduced(self.measured.get(name, zeros(2, self.codes.device))).tolist()
            said[name] = total / max(count, 1)
        self.measured = {}
        return said

    def write(self, logs: dict[str, float], step: int) -> None:
        """One line of metrics into the journal."""
        if "loss" not in logs or self.site.world.rank:
            return
        for key, value in logs.items():
            name, _, source = key.partition("/")
            if name in (*NUMBERS, *self.measures):
                self.site.journal.metric(name, value, step, source or None)

    def end_epochs(self, step: int) -> None:
        """Write the losses of the records in the epochs that are over after a step."""
        while self.written < self.plan.epochs_done(step):
            self.end_epoch()

    def end_epoch(self) -> None:
        """Write what each record cost in the first epoch not yet written, and make room for another."""
        part = self.epochs[self.written % len(self.epochs)]
        table = by_record(self.tokens, reduced(part).cpu().numpy(), self.written + 1)
        if len(table) and not self.site.world.rank:
            self.site.journal.losses(table)
        part.zero_()
        self.written += 1

    def records(self, first: int, last: int) -> None:
        """The records of steps `first` to `last` into the journal, all workers' together."""
        for table in self.plan.account(first, last, self.share):
            self.site.journal.steps(table)

    def close(self, last: int) -> None:
        """Write the records of all steps, once, so that no interruption writes any twice; and the losses of epochs
        that were cut short."""
        if not self.site.world.rank:
            self.records(1, last)
        if self.epochs is not None:
            while self.written < -(-min(last * self.plan.loop.step_rows, len(self.plan)) // len(self.plan.rows)):
                self.end_epoch()

    def is_late(self) -> bool:
        """Whether this call has used up its seconds."""
        limit = self.plan.loop.max_seconds
        return limit is not None and any_of(time.monotonic() - self.began > limit)

    def save(self, checkpoint: Path) -> None:
        """Put the sums of the epochs under way beside a checkpoint."""
        if self.epochs is not None:
            np.savez(self.kept(checkpoint), epochs=self.epochs.cpu().numpy(), written=self.written)

    def resume(self, checkpoint: Path) -> None:
        """Go on from the sums beside a checkpoint; where other workers wrote it, the first one takes all of theirs."""
        import torch

        kept = sorted(checkpoint.glob("account-*.npz"))
        own = len(kept) == self.site.world.size
        for path in [self.kept(checkpoint)] if own else kept:
            with np.load(path) as found:
                sums, self.written = torch.from_numpy(found["epochs"]), int(found["written"])
            taken = sums if own or not self.site.world.rank else torch.zeros_like(sums)
            self.epochs = taken if self.epochs is None else self.epochs + taken
        self.step = checkpoints.step_of(checkpoint)

    def kept(self, checkpoint: Path) -> Path:
        """This worker's file in a checkpoint."""
        return checkpoint / f"account-{self.site.world.rank}.npz"


def zeros(count: int, device: Any) -> Any:
    """`float64` (count,) tensor of nothing."""
    import torch

    return torch.zeros(count, dtype=torch.float64, device=device)


def by_record(tokens: Tokens, sums: np.ndarray, epoch: int) -> pa.Table:
    """`record, epoch, loss` (nats a token), `tokens` of each record that has any, from the nats and tokens (n, 2) of
    sequences; a record's sequences are added up."""
    has = np.flatnonzero(sums[:, 1])
    ids = tokens.ids.take(pa.array(has)).cast(pa.binary(16))
    parts = pa.table({"record": ids, "nats": sums[has, 0], "tokens": sums[has, 1]})
    found = parts.group_by("record", use_threads=False).aggregate([("nats", "sum"), ("tokens", "sum")])
    nats, counts = (found[name].to_numpy() for name in ("nats_sum", "tokens_sum"))
    records = found["record"].combine_chunks()
    return pa.table(
        {
            "record": pa.ExtensionArray.from_storage(pa.uuid(), records),
            "epoch": pa.array(np.full(len(nats), epoch, np.int32)),
            "loss": nats / counts,
            "tokens": counts.astype(np.int64),
        }
    )


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
        account.end_epochs(state.global_step)
        if account.is_late():
            control.should_training_stop = True
        # A resumed training starts with empty sums, so a checkpoint starts a line of metrics.
        control.should_log = control.should_log or control.should_save or control.should_training_stop

    def save(_: Any, args: Any, state: Any, _control: Any, **__: Any) -> None:
        folder = Path(args.output_dir) / f"checkpoint-{state.global_step}"
        account.save(folder)
        meet()
        account.site.keep(folder)
        meet()
        if not account.site.world.rank:
            checkpoints.mark(folder, account.plan.digest, account.site.world.size)
            account.site.keep(folder / checkpoints.MARK)

    def logged(_: Any, _args: Any, state: Any, _control: Any, *, logs: Any, **__: Any) -> None:
        account.write(logs, state.global_step)

    ours = {"on_train_begin": begin, "on_step_end": step_end, "on_save": save, "on_log": logged}
    return type("AccountCallback", (TrainerCallback,), ours)()
