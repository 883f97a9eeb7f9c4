"""TRL's trainers, and any other of Trainer's kind, with our plan, journal, schedule and checkpoints put in."""

from __future__ import annotations

import functools
import math
import os
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

from finery_plugins.train import checkpoints
from finery_plugins.train.account import account_callback
from finery_plugins.train.memory import explained, measured
from finery_plugins.train.outcomes import Outcomes
from finery_plugins.train.trainer import arguments, create_scheduler, seed_of
from finery_plugins.train.workers import in_turn

WEIGHTS = "model.safetensors"


@dataclass(frozen=True)
class Task:
    """What a trainer is asked to do."""

    trainer: type
    """The class of the trainer."""
    settings: type
    """The class of its arguments, a kind of TrainingArguments."""
    said: Mapping[str, Any]
    """Arguments of its own."""
    batch: Callable[[Sequence[Any]], Any]
    """Places in the plan's order, each under `place`, to what the trainer takes; the key `places` stays ours."""
    losses: Callable[[Any, Sequence[Any], Mapping[str, Any]], Any] | None = None
    """The trainer, all answers of the model and the batch to the loss (n,) of each row, where it can be told."""
    given: Mapping[str, Any] = field(default_factory=dict)
    """More for the trainer's constructor, such as `reward_funcs`."""
    changed: Mapping[str, Any] = field(default_factory=dict)
    """Methods of the trainer that are ours instead."""


def made_tuner(task: Task, model: Any, tokenizer: Any, outcomes: Outcomes) -> Any:
    """A trainer that reads the plan from first row to last."""
    from datasets import Dataset, disable_progress_bars
    from transformers.trainer_callback import PrinterCallback

    disable_progress_bars()
    said = settled(task, outcomes)
    places = Dataset.from_dict({"place": range(len(outcomes.plan))})
    with hushed():
        made = ours(task)(
            model=model,
            args=said,
            train_dataset=places,
            processing_class=tokenizer,
            callbacks=[account_callback(outcomes)],  # type: ignore[arg-type]
            **task.given,
        )
    made.data_collator = task.batch
    made.account = outcomes
    made.remove_callback(PrinterCallback)
    seed_own(outcomes)
    return made


def seed_own(outcomes: Outcomes) -> None:
    """Let each worker but the first draw for itself what it leaves out: weights were drawn alike."""
    import torch

    if rank := outcomes.site.world.rank:
        torch.manual_seed(seed_of(outcomes.plan, outcomes.site) + rank)


def run(tuner: Any) -> None:
    """Train in place, resuming from the newest checkpoint in `out/checkpoints`.

    Interrupted and called again, it ends in the same weights, bit for bit. Raises DataError where the loss is not a
    number.
    """
    outcomes: Outcomes = tuner.account
    with in_turn():
        resumed = checkpoints.newest(outcomes.site.out / "checkpoints", outcomes.plan.digest)
    with measured(tuner.model, outcomes.plan, outcomes.site), hushed(), explained(outcomes.site):
        tuner.train(resume_from_checkpoint=str(resumed) if resumed else None)
    outcomes.close(tuner.state.global_step)


@contextmanager
def hushed() -> Iterator[None]:
    """Without the warnings that TRL and PEFT earn by asking transformers for a property by its old name."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", ".*is_gradient_checkpointing", FutureWarning)
        yield


def settled(task: Task, outcomes: Outcomes) -> Any:
    """The trainer's arguments: ours for the loop, and its own."""
    from transformers import TrainingArguments

    site = outcomes.site
    base = arguments(outcomes.plan, site.out / "checkpoints", site, outcomes.share)
    shared = {part.name: getattr(base, part.name) for part in fields(TrainingArguments) if part.init}
    made = task.settings(**(shared | dict(task.said)))
    if made.device.type == "cuda":
        made._n_gpu = 1
    return made


def ours(task: Task) -> type:
    """The trainer's class with our loss, logs, schedule and checkpoints, that sends nothing home."""
    base = task.trainer

    def compute_loss(self: Any, model: Any, inputs: Any, *_: Any, **__: Any) -> Any:
        places = inputs.pop("places", None)
        heard = Heard(model)
        loss = base.compute_loss(self, heard if task.losses else model, inputs)  # type: ignore[attr-defined]
        if not math.isfinite(loss.item()):
            step = self.state.global_step + 1
            self.account.stop(step, f"the loss of step {step} is {loss.item()}", "lower `lr`, or lengthen `warmup`")
        if task.losses is not None and places is not None:
            values = task.losses(self, heard.answers, inputs).detach()
            self.account.note(places.cpu().numpy(), values.double().cpu().numpy())
        return loss

    def log(self: Any, logs: dict[str, float], start_time: float | None = None) -> None:
        if "loss" in logs:
            logs |= self.account.numbers()
        base.log(self, logs, start_time)  # type: ignore[attr-defined]

    made: dict[str, Any] = {"compute_loss": compute_loss, "log": log, "create_scheduler": create_scheduler}
    made["get_train_dataloader"] = functools.partialmethod(loader, base)
    made |= {"_save": save, "_load_from_checkpoint": load, "_prepare_dataset": as_it_is}
    made |= {"_send_telemetry": nothing, "create_model_card": nothing}
    return type(base.__name__, (base,), made | dict(task.changed))


def loader(self: Any, base: Any) -> Any:
    """Torch's loader of what this worker is fed, in order; the trainer's own where there is one worker alone."""
    from torch.utils.data import DataLoader

    account: Outcomes = self.account
    if account.share.workers == 1:
        return base.get_train_dataloader(self)
    batches = account.share.batches(len(account.plan), account.site.world.rank)
    return DataLoader(self.train_dataset, batch_sampler=batches, collate_fn=self.data_collator)


@dataclass
class Heard:
    """A model whose answers are kept for whoever wants to know more of a loss than its mean."""

    model: Any
    answers: list[Any] = field(default_factory=list)

    def __call__(self, *places: Any, **named: Any) -> Any:
        """What the model answers."""
        self.answers.append(self.model(*places, **named))
        return self.answers[-1]


def save(self: Any, output_dir: str | None = None, **_: Any) -> None:
    """A checkpoint's weights: what is trained, whatever the method, and what the model remembers besides."""
    from safetensors.torch import save_file

    folder = Path(output_dir or self.args.output_dir)
    folder.mkdir(parents=True, exist_ok=True)
    tensors = {name: tensor.detach().contiguous() for name, tensor in kept(self.model).items()}
    save_file(tensors, folder / WEIGHTS)


def load(self: Any, resume_from_checkpoint: str, *_: Any, **__: Any) -> None:
    """Put a checkpoint's weights back."""
    import torch
    from safetensors.torch import load_file

    found = load_file(os.path.join(resume_from_checkpoint, WEIGHTS))  # noqa: PTH118
    with torch.no_grad():
        for name, tensor in kept(self.model).items():
            tensor.copy_(found[name])


def kept(model: Any) -> dict[str, Any]:
    """Trained weights, each once though tied, and the buffers that a state has."""
    trained = {name: weight for name, weight in model.named_parameters() if weight.requires_grad}
    state = model.state_dict()
    return trained | {name: buffer for name, buffer in model.named_buffers() if name in state}


def as_it_is(_trainer: Any, dataset: Any, *_: Any, **__: Any) -> Any:
    """The places of the plan: their tokens are made already."""
    return dataset


def nothing(self: Any, *_: Any, **__: Any) -> None:
    """Not done: no telemetry, no card of somebody else's."""
