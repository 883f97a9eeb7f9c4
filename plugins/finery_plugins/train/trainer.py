"""The one training loop: transformers' Trainer with an objective, a plan and a journal put in."""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

from finery import DataError
from finery_plugins.train import checkpoints
from finery_plugins.train.account import Account, Losses, account_callback
from finery_plugins.train.early import Watch, watch_callback
from finery_plugins.train.rows import Plan
from finery_plugins.train.site import Site


class Objective(Protocol):
    """What a training minimises. A new objective is a file with one of these and a plugin that encodes
    records."""

    @property
    def measures(self) -> tuple[str, ...]:
        """The names of what it reports beside its loss."""

    def batch(self, plan: Plan, positions: Sequence[int]) -> dict[str, Any]:
        """The rows at some positions of the plan's order as tensors, `labels` and `owners` among them.

        The loss is divided by the number of labels that are trained.
        """

    def losses(self, model: Any, inputs: Mapping[str, Any]) -> Losses:
        """What a batch costs."""


def fit(model: Any, objective: Objective, plan: Plan, site: Site, watch: Watch | None = None) -> None:
    """Train `model` in place, resuming from the newest checkpoint in `out/checkpoints`.

    Interrupted and called again, it ends in the same weights, bit for bit. With a `watch` over records held out, the
    weights end as they were when these cost least. Raises DataError where the loss is not a number.
    """
    folder = site.out / "checkpoints"
    account = Account(plan, site, objective.measures)
    trainer = made_trainer(model, objective, plan, account, folder, watch)
    resumed = checkpoints.newest(folder, plan.digest)
    if resumed:
        account.resume(resumed)
    trainer.train(resume_from_checkpoint=str(resumed) if resumed else None)
    account.close(trainer.state.global_step)
    if watch is not None:
        watch.restore(model)


def made_trainer(
    model: Any, objective: Objective, plan: Plan, account: Account, folder: Path, watch: Watch | None = None
) -> Any:
    """A Trainer that reads the plan from first row to last."""
    from transformers.trainer_callback import PrinterCallback

    watching = [] if watch is None else [watch_callback(watch, model, objective)]
    trainer = trainer_class()(
        model=model,
        args=arguments(plan, folder, account.site),
        train_dataset=plan,
        data_collator=functools.partial(objective.batch, plan),
        callbacks=[*watching, account_callback(account)],
    )
    trainer.objective, trainer.account = objective, account
    # Each is the default for models whose forward takes keywords, and guessed from its signature: ours never leaves
    # the division by the number of tokens to Trainer.
    trainer.model_accepts_loss_kwargs = trainer.loss_is_scaled_for_ga = True
    trainer.remove_callback(PrinterCallback)
    return trainer


@functools.cache
def trainer_class() -> type:
    """Trainer with our loss, logs and schedule, made when transformers is there."""
    from transformers import Trainer

    ours = {"compute_loss": compute_loss, "log": log, "create_scheduler": create_scheduler}
    return type("FineryTrainer", (Trainer,), ours)


def arguments(plan: Plan, folder: Path, site: Site) -> Any:
    """Trainer's arguments for a plan."""
    import torch
    from transformers import TrainingArguments

    loop = plan.loop
    said = TrainingArguments(
        output_dir=str(folder),
        max_steps=plan.steps,
        per_device_train_batch_size=loop.batch,
        gradient_accumulation_steps=loop.accumulate,
        learning_rate=loop.lr,
        weight_decay=loop.weight_decay,
        adam_beta2=loop.beta2,
        max_grad_norm=loop.clip,
        seed=seed_of(plan, site),
        bf16=loop.bf16,
        activation_checkpointing=loop.gradient_checkpointing,
        use_cpu=not torch.cuda.is_available(),
        # Ours alone is asked not to cache; Trainer would leave its answer in the model's configuration.
        use_cache=True,
        train_sampling_strategy="sequential",
        remove_unused_columns=False,
        dataloader_pin_memory=torch.cuda.is_available(),
        logging_steps=loop.log_steps,
        logging_nan_inf_filter=False,
        save_steps=loop.checkpoint_steps,
        save_total_limit=2,
        report_to="none",
        disable_tqdm=True,
    )
    # Several GPUs in one process would split batches behind our back (DataParallel); `device` sets the count.
    if said.device.type == "cuda":
        said._n_gpu = 1
    return said


def seed_of(plan: Plan, site: Site) -> int:
    """The seed of weights and dropout: 32 bits, since numpy takes no more."""
    said = site.stage.seed if plan.loop.seed is None else plan.loop.seed
    return said % 2**32


def compute_loss(self: Any, model: Any, inputs: dict[str, Any], *_: Any, num_items_in_batch: Any = None) -> Any:
    """The loss a token over the whole step's tokens; its parts are noted by source."""
    import torch

    losses = self.objective.losses(model, inputs)
    step = self.state.global_step + 1
    if not torch.isfinite(losses.total):
        self.account.records(step, step)
        fault = f"the loss of step {step} is {losses.total.item()}"
        remedy = "lower `lr`, lengthen `warmup`, or look at the step's records: the lineage's `steps` names them"
        raise DataError.at(self.account.site.place, fault, remedy)
    self.account.note(losses)
    return losses.total / max(int(num_items_in_batch), 1)


def log(self: Any, logs: dict[str, float], start_time: float | None = None) -> None:
    """Trainer's numbers, the loss a token over all since the last line, and that of each source."""
    from transformers import Trainer

    if "loss" in logs:
        logs |= self.account.numbers(self.state.global_step)
    Trainer.log(self, logs, start_time)


def create_scheduler(self: Any, num_training_steps: int, optimizer: Any = None) -> Any:
    """The learning rate of each step, as the loop has it."""
    from torch.optim.lr_scheduler import LambdaLR

    if self.lr_scheduler is None:
        loop = self.account.plan.loop
        shares = functools.partial(loop.rate, total=num_training_steps)
        self.lr_scheduler = LambdaLR(optimizer or self.optimizer, shares)
    return self.lr_scheduler
