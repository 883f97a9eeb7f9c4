"""The one training loop: transformers' Trainer with an objective, a plan and a journal put in."""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

from finery import DataError
from finery_plugins.train import checkpoints, zero
from finery_plugins.train.account import Account, Losses, account_callback
from finery_plugins.train.early import Watch, watch_callback
from finery_plugins.train.memory import explained, measured
from finery_plugins.train.rows import Plan
from finery_plugins.train.site import Site
from finery_plugins.train.tokens import UNTRAINED
from finery_plugins.train.workers import Share, in_turn, share


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
    shared = share(plan.loop.step_rows, plan.loop.batch, site.world, site.place)
    account = Account(plan, site, shared, objective.measures)
    with zero.prepared(plan.loop, site):
        with in_turn():
            resumed = checkpoints.newest(folder, plan.digest)
        universal = zero.divided_anew(resumed, plan.loop, site)
        trainer = made_trainer(model, objective, plan, account, folder, watch, universal)
        if resumed:
            account.resume(resumed)
        with measured(model, plan, site), explained(site):
            trainer.train(resume_from_checkpoint=str(resumed) if resumed else None)
        account.close(trainer.state.global_step)
        zero.gather(model, plan.loop)
    if watch is not None:
        watch.restore(model)


def made_trainer(
    model: Any,
    objective: Objective,
    plan: Plan,
    account: Account,
    folder: Path,
    watch: Watch | None = None,
    universal: bool = False,
) -> Any:
    """A Trainer that reads the plan from first row to last; `universal` as `zero.arguments` has it."""
    import torch
    from transformers.trainer_callback import PrinterCallback

    watching = [] if watch is None else [watch_callback(watch, model, objective)]
    trainer = trainer_class()(
        model=model,
        args=arguments(plan, folder, account.site, account.share, universal),
        train_dataset=plan,
        data_collator=functools.partial(batch, objective, plan),
        callbacks=[*watching, account_callback(account)],
    )
    trainer.objective, trainer.account = objective, account
    # Each is the default for models whose forward takes keywords, and guessed from its signature: ours never leaves
    # the division by the number of tokens to Trainer.
    trainer.model_accepts_loss_kwargs = trainer.loss_is_scaled_for_ga = True
    trainer.remove_callback(PrinterCallback)
    if account.site.world.rank:
        # Weights are drawn alike by all workers; what each leaves out of its own rows is not.
        torch.manual_seed(seed_of(plan, account.site) + account.site.world.rank)
    return trainer


@functools.cache
def trainer_class() -> type:
    """Trainer with our loss, logs and schedule, made when transformers is there."""
    from transformers import Trainer

    ours = {"compute_loss": compute_loss, "log": log, "create_scheduler": create_scheduler}
    ours |= {"get_train_dataloader": loader}
    return type("FineryTrainer", (Trainer,), ours)


def loader(self: Any) -> Any:
    """Torch's loader of what this worker is fed, in order."""
    from torch.utils.data import DataLoader

    account = self.account
    batches = account.share.batches(len(account.plan), account.site.world.rank)
    pins = self.args.dataloader_pin_memory
    return DataLoader(account.plan, batch_sampler=batches, collate_fn=self.data_collator, pin_memory=pins)


def batch(objective: Objective, plan: Plan, positions: Sequence[int]) -> dict[str, Any]:
    """The rows at some positions; where a worker has none left in a step, one row that no loss is taken on: the others
    wait for it to take part."""
    import torch

    if positions:
        return objective.batch(plan, positions)
    made = objective.batch(plan, [0])
    blank = {name: torch.full_like(made[name], UNTRAINED) for name in ("labels", "shift_labels") if name in made}
    return made | blank | {"blank": True}


def arguments(plan: Plan, folder: Path, site: Site, shared: Share | None = None, universal: bool = False) -> Any:
    """Trainer's arguments for a plan."""
    import torch
    from transformers import TrainingArguments

    loop = plan.loop
    shared = shared or Share(loop.step_rows, loop.batch)
    said = TrainingArguments(
        output_dir=str(folder),
        max_steps=plan.steps,
        per_device_train_batch_size=shared.batch,
        gradient_accumulation_steps=shared.accumulate,
        learning_rate=loop.lr,
        weight_decay=loop.weight_decay,
        adam_beta2=loop.beta2,
        max_grad_norm=loop.clip,
        seed=seed_of(plan, site),
        bf16=loop.bf16,
        activation_checkpointing=loop.gradient_checkpointing,
        use_cpu=not torch.cuda.is_available() and loop.zero is None,
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
        **zero.arguments(loop, shared, universal),
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

    zero.engaged(model, self.account.plan.loop, self.account.site)
    blank = inputs.pop("blank", False)
    losses = self.objective.losses(model, inputs)
    step = self.state.global_step + 1
    if not torch.isfinite(losses.total):
        self.account.records(step, step)
        fault = f"the loss of step {step} is {losses.total.item()}"
        remedy = "lower `lr`, lengthen `warmup`, or look at the step's records: the lineage's `steps` names them"
        raise DataError.at(self.account.site.place, fault, remedy)
    if blank:
        self.account.ready(losses.nll.device)
        return losses.total * 0
    self.account.note(losses)
    # Gradients are averaged over the workers, while this is a sum's part.
    return losses.total * self.account.site.world.size / max(int(num_items_in_batch), 1)


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
