"""Kahneman-Tversky optimisation: a model learns from answers that are each wanted or not."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

from pydantic import Field, model_validator

from finery import (
    Dataset,
    Journal,
    Model,
    Needs,
    Preview,
    Stage,
    UsageError,
    World,
    hookimpl,
    plugin,
)
from finery_plugins.train import options
from finery_plugins.train.answers import INPUTS, Answers
from finery_plugins.train.method import Method
from finery_plugins.train.pair_demand import answering
from finery_plugins.train.preferences import PAIRS, SINGLES, singles
from finery_plugins.train.preview import preview_answers
from finery_plugins.train.references import references
from finery_plugins.train.site import Site
from finery_plugins.train.trial import probed
from finery_plugins.train.tuner import Task, as_it_is, made_tuner, run
from finery_plugins.train.tuning import begun, settled
from finery_plugins.train.workers import reduced

COLUMNS = (*SINGLES, "chosen", "rejected")


@plugin(needs=Needs(cpus=2, extra="train"))
class Kto:
    """Tune a model on answers that are wanted or not (Ethayarajh et al. 2024), with TRL's trainer.

    Sources have `prompt`, `completion` and a `label` that is true for what is wanted; or `prompt`, `chosen` and
    `rejected`, each of which becomes two such answers. The reference is the model that the stage starts from, its
    log-probabilities worked out before the first step. How far the model has moved is measured on answers to other
    prompts: each prompt gets the answer of the record behind it in an order by chance.

    ```toml
    [[stage]]
    train = "kto"
    model = "sft"
    undesirable = 1.5
    ```
    """

    method: Method = "full"
    """`"full"` trains every weight; `{ lora = { rank = 16 } }` an adapter beside them."""
    keep_adapter: bool = False
    """Leave the adapter in `adapter/`, in PEFT's layout, beside the weights that it was folded into."""
    beta: Annotated[float, Field(gt=0)] = 0.1
    """How closely the model keeps to its reference."""
    desirable: Annotated[float, Field(gt=0)] = 1.0
    """What the loss of a wanted answer counts."""
    undesirable: Annotated[float, Field(gt=0)] = 1.0
    """What the loss of an unwanted answer counts. Number times weight should be about equal, or up to a third more on
    the wanted side (equation 8 of the paper)."""
    chat: bool = True
    """Put prompts and answers that are texts into the chat template; off joins them as plain text."""
    split: options.Split = "train"
    context: options.Length = None
    steps: options.Steps = None
    epochs: options.Epochs = None
    tokens: options.Tokens = None
    batch: options.Rows = 8
    accumulate: options.Accumulate = 1
    lr: options.LearningRate = None
    schedule: options.Schedule = "linear"
    warmup: options.Warmup = 0.1
    floor: options.Floor = 0.0
    weight_decay: options.WeightDecay = 0.0
    beta2: options.Beta2 = 0.999
    clip: options.Clip = 1.0
    max_seconds: options.MaxSeconds = None
    seed: options.Seed = None
    bf16: options.BFloat16 = False
    gradient_checkpointing: options.GradientCheckpointing = False
    checkpoint_steps: options.CheckpointSteps = 500
    log_steps: options.LogSteps = 10

    @model_validator(mode="after")
    def one_budget(self) -> Kto:
        """Refuse two budgets at once."""
        return options.one_budget(self)  # type: ignore[no-any-return]

    @hookimpl
    def train(
        self, examples: Dataset, model: Model | None, out: Path, world: World, stage: Stage, journal: Journal
    ) -> Model:
        """The tuned model, in `out`."""
        site = Site(out, world, stage, journal)
        if self.batch < 2:
            fault = "`batch` is 1: how far the model has moved is a mean over the answers of a batch"
            raise UsageError.at(site.place, fault, "set it to 2 at least")
        remedy = 'put `format = "preference"` with `unpair = true` before it, or name others in `only`'
        records = settled(self, examples, site, [SINGLES, PAIRS], remedy, together=True)
        begin = begun(self, model, site)
        # The paper's rate for models of 7 to 30 billion parameters.
        plan = begin.plan(begin.rows(records, COLUMNS, singles, count=1), usual=5e-7)
        batch = Judged(Answers(plan, begin.tokenizer.pad_token_id, references=("ref_logps", "ref_KL_logps")))
        tuner = made_tuner(self.task(batch), begin.network, begin.tokenizer, begin.outcomes(plan))
        batch.answers.known = references(tuner, batch.rows)
        run(tuner)
        return begin.left()

    @hookimpl
    def preview(self, examples: Dataset, model: Model | None, out: Path, stage: Stage) -> Preview:
        """What a training on these examples would be shown."""
        return preview_answers(self, examples, model, out, stage, [SINGLES, PAIRS], COLUMNS, singles)

    demand = hookimpl(answering(5e-7, sequences=1, looks=1.0))
    trial = hookimpl(probed)

    def task(self, batch: Judged) -> Task:
        """What TRL is asked to do."""
        from trl import KTOConfig, KTOTrainer

        said: dict[str, Any] = {"beta": self.beta, "desirable_weight": self.desirable}
        said |= {"undesirable_weight": self.undesirable}
        # The references come with the batches: see `references`.
        said |= {"max_length": None, "disable_dropout": False, "precompute_ref_log_probs": True}
        return Task(KTOTrainer, KTOConfig, said, batch, self.losses, changed={"_precompute_ref_logps": as_it_is})

    def losses(self, tuner: Any, answers: Sequence[Any], inputs: Mapping[str, Any]) -> Any:
        """The loss (answers,) of each answer, as TRL has it in mean: the model is asked of other answers first."""
        import torch

        moved, ratios = (
            answers[at].log_probs.sum(1) - inputs[name] for at, name in ((0, "ref_KL_logps"), (-1, "ref_logps"))
        )
        wanted = inputs["label"].bool()
        # Over the rows of all workers, of which each has as many.
        apart = reduced(moved.mean().detach()) / tuner.accelerator.num_processes
        gap = (ratios - apart.clamp(min=0)) * torch.where(wanted, 1.0, -1.0)
        return (1 - torch.sigmoid(self.beta * gap)) * torch.where(wanted, self.desirable, self.undesirable)


@dataclass
class Judged:
    """Makes TRL's batches of answers with labels."""

    answers: Answers

    def __call__(self, found: Sequence[Mapping[str, int]]) -> dict[str, Any]:
        """The batch at some places of the plan's order."""
        import torch

        places = [row["place"] for row in found]
        return self.rows(self.answers.plan.order[places].tolist()) | {"places": torch.tensor(places)}

    def rows(self, rows: Sequence[int]) -> dict[str, Any]:
        """The batch of some rows, each with its prompt before the next row's answer too."""
        import torch

        own = self.answers.tensors(rows, skip=1)
        others = dict(zip(INPUTS, self.others(rows), strict=True))
        labels = torch.tensor([int(self.answers.flat(row)[0]) for row in rows])
        crossed = {f"KL_{name}": tensor for name, tensor in others.items()}
        return own | crossed | {"label": labels} | self.answers.reference(rows)

    def others(self, rows: Sequence[int]) -> list[Any]:
        """Tokens, attention and where they answer (rows, longest): prompts of rows before the next rows' answers."""
        import numpy as np

        from finery_plugins.train.rows import stacked

        made, count = [], len(self.answers.plan.rows)
        for row in rows:
            ids, ones, answers = self.answers.sequence(row, skip=1)
            other, more, replies = self.answers.sequence((row + 1) % count, skip=1)
            kept, taken = answers == 0, replies == 1
            pairs = ((ids, other), (ones, more), (answers, replies))
            made.append(tuple(np.concatenate([left[kept], right[taken]]) for left, right in pairs))
        return stacked(made, (self.answers.padding, 0, 0))
