"""Odds-ratio preference optimisation: a model learns to give the chosen answer and to prefer it, in one step."""

from __future__ import annotations

import os
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
    World,
    hookimpl,
    plugin,
)
from finery_plugins.train import options
from finery_plugins.train.answers import Answers
from finery_plugins.train.method import Method
from finery_plugins.train.pair_demand import answering
from finery_plugins.train.preferences import PAIRS, pairs
from finery_plugins.train.preview import preview_answers
from finery_plugins.train.site import Site
from finery_plugins.train.trial import probed
from finery_plugins.train.tuner import Task
from finery_plugins.train.tuning import begun, settled


@plugin(needs=Needs(cpus=2, extra="train"))
class Orpo:
    """Tune a model on preferences by their odds ratio (Hong et al. 2024), with TRL's trainer.

    Sources have `prompt`, `chosen` and `rejected`, as texts or messages. There is no reference model: the loss is that
    of learning prompt and chosen answer, and `beta` times how much likelier the rejected answer is. Metrics: the loss,
    by source too; `nll_loss`, `log_odds_ratio`, `rewards/margins`, `rewards/accuracies`.

    ```toml
    [[stage]]
    train = "orpo"
    model = "base"
    beta = 0.1
    ```
    """

    method: Method = "full"
    """`"full"` trains every weight; `{ lora = { rank = 16 } }` an adapter beside them."""
    keep_adapter: bool = False
    """Leave the adapter in `adapter/`, in PEFT's layout, beside the weights that it was folded into."""
    beta: Annotated[float, Field(gt=0)] = 0.1
    """What the odds ratio counts beside learning the answer; the paper calls it lambda."""
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
    def one_budget(self) -> Orpo:
        """Refuse two budgets at once."""
        return options.one_budget(self)  # type: ignore[no-any-return]

    @hookimpl
    def train(
        self, examples: Dataset, model: Model | None, out: Path, world: World, stage: Stage, journal: Journal
    ) -> Model:
        """The tuned model, in `out`."""
        site = Site(out, world, stage, journal)
        remedy = 'put `format = "preference"` before it (`ranked` for answers in order), or name others in `only`'
        records = settled(self, examples, site, [PAIRS], remedy)
        begin = begun(self, model, site)
        # The paper's rate.
        plan = begin.plan(begin.rows(records, PAIRS, pairs, count=2), usual=8e-6)
        batch = OddsBatch(Answers(plan, begin.tokenizer.pad_token_id))
        return begin.tuned(self.task(batch, begin.context), begin.outcomes(plan))

    @hookimpl
    def preview(self, examples: Dataset, model: Model | None, out: Path, stage: Stage) -> Preview:
        """What a training on these examples would be shown."""
        return preview_answers(self, examples, model, out, stage, [PAIRS], PAIRS, pairs)

    demand = hookimpl(answering(8e-6))
    trial = hookimpl(probed)

    def task(self, batch: OddsBatch, context: int) -> Task:
        """What TRL is asked to do."""
        os.environ.setdefault("TRL_EXPERIMENTAL_SILENCE", "1")
        from trl.experimental.orpo import ORPOConfig, ORPOTrainer

        said = {"beta": self.beta, "max_length": context, "disable_dropout": False}
        return Task(ORPOTrainer, ORPOConfig, said, batch, self.losses, changed={"tokenize_row": row_as_it_is})

    def losses(self, tuner: Any, answers: Sequence[Any], inputs: Mapping[str, Any]) -> Any:
        """The loss (pairs,) of each pair: TRL's has the chosen answers' tokens in one mean, not each answer's."""
        import torch
        from torch.nn.functional import cross_entropy

        logits = answers[-1].logits
        count = len(logits) // 2
        ids, mask = inputs["chosen_input_ids"], inputs["chosen_attention_mask"]
        labels = ids.masked_fill(mask == 0, -100)[:, 1:]
        chosen = logits[:count, : ids.shape[1]][:, :-1]
        each = cross_entropy(chosen.transpose(1, 2), labels, reduction="none").sum(1) / mask[:, 1:].sum(1)
        labels = torch.cat([padded(inputs[f"{side}_labels"], logits.shape[1]) for side in ("chosen", "rejected")])
        better, worse = tuner.get_batch_logps(logits, labels, average_log_prob=True).chunk(2)
        return each - tuner.odds_ratio_loss(better, worse)[0]


@dataclass
class OddsBatch:
    """Makes TRL's batches of pairs, chosen and rejected apart."""

    answers: Answers

    def __call__(self, found: Sequence[Mapping[str, int]]) -> dict[str, Any]:
        """The batch at some places of the plan's order."""
        import torch

        places, plan = [row["place"] for row in found], self.answers.plan
        firsts = plan.rows.bounds[:-1][plan.order[places]].tolist()
        batch: dict[str, Any] = {"places": torch.tensor(places)}
        for side, name in enumerate(("chosen", "rejected")):
            ids, attention, answers = self.answers.tensors([first + side for first in firsts]).values()
            batch |= {f"{name}_input_ids": ids, f"{name}_attention_mask": attention}
            batch[f"{name}_labels"] = ids.masked_fill(answers == 0, -100)
        return batch


def padded(labels: Any, width: int) -> Any:
    """Labels (rows, n) with untrained ones behind them up to `width`."""
    from torch.nn.functional import pad

    return pad(labels, (0, width - labels.shape[1]), value=-100)


def row_as_it_is(_trainer: Any, feature: Any) -> Any:
    """A place of the plan: its tokens are made already."""
    return feature
