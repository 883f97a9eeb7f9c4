"""Direct preference optimisation: a model learns to prefer the chosen answer to the rejected one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal

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
from finery_plugins.train.references import references
from finery_plugins.train.site import Site
from finery_plugins.train.trial import probed
from finery_plugins.train.tuner import Task, as_it_is, made_tuner, run
from finery_plugins.train.tuning import begun, settled


@plugin(needs=Needs(cpus=2, extra="train"))
class Dpo:
    """Tune a model on preferences by direct preference optimisation (Rafailov et al. 2023), with TRL's trainer.

    Sources have `prompt`, `chosen` and `rejected`, as texts or messages. The reference is the model that the stage
    starts from: its log-probabilities are worked out once, before the first step, so that one model is in memory.
    Metrics: the loss, by source too; `rewards/chosen`, `rewards/rejected`, `rewards/margins`, `rewards/accuracies`.

    ```toml
    [[stage]]
    train = "dpo"
    model = "sft"
    beta = 0.1
    ```
    """

    method: Method = "full"
    """`"full"` trains every weight; `{ lora = { rank = 16 } }` an adapter beside them."""
    keep_adapter: bool = False
    """Leave the adapter in `adapter/`, in PEFT's layout, beside the weights that it was folded into."""
    beta: Annotated[float, Field(gt=0)] = 0.1
    """How closely the model keeps to its reference; Azar et al. call it tau."""
    loss: Literal["sigmoid", "hinge", "ipo"] = "sigmoid"
    """`sigmoid` as Rafailov et al. 2023, `hinge` as Zhao et al. 2023, `ipo` as Azar et al. 2023 by the token."""
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
    def one_budget(self) -> Dpo:
        """Refuse two budgets at once."""
        return options.one_budget(self)  # type: ignore[no-any-return]

    @hookimpl
    def train(
        self, examples: Dataset, model: Model | None, out: Path, world: World, stage: Stage, journal: Journal
    ) -> Model:
        """The tuned model, in `out`."""
        site = Site(out, world, stage, journal)
        remedy = 'put `format = "preference"` before it (`ranked` for answers in order), or name others in `only`'
        records = settled(self, examples, site, [PAIRS], remedy, together=True)
        begin = begun(self, model, site)
        # Zephyr's rate (Tunstall et al. 2023).
        plan = begin.plan(begin.rows(records, PAIRS, pairs, count=2), usual=5e-7)
        batch = Answers(plan, begin.tokenizer.pad_token_id, references=("ref_chosen_logps", "ref_rejected_logps"))
        tuner = made_tuner(self.task(batch), begin.network, begin.tokenizer, begin.outcomes(plan))
        batch.known = references(tuner, batch.rows)
        run(tuner)
        return begin.left()

    @hookimpl
    def preview(self, examples: Dataset, model: Model | None, out: Path, stage: Stage) -> Preview:
        """What a training on these examples would be shown."""
        return preview_answers(self, examples, model, out, stage, [PAIRS], PAIRS, pairs)

    demand = hookimpl(answering(5e-7))
    trial = hookimpl(probed)

    def task(self, batch: Answers) -> Task:
        """What TRL is asked to do."""
        from trl import DPOConfig, DPOTrainer

        said = {"beta": self.beta, "loss_type": [self.loss], "max_length": None, "disable_dropout": False}
        # The references come with the batches: see `references`.
        said |= {"precompute_ref_log_probs": True}
        ours = {"_precompute_ref_logps": as_it_is}
        return Task(DPOTrainer, DPOConfig, said, batch, self.losses, changed=ours)

    def losses(self, tuner: Any, answers: Sequence[Any], inputs: Mapping[str, Any]) -> Any:
        """The loss (pairs,) of each pair, as TRL has it in mean."""
        import torch
        from torch.nn.functional import logsigmoid

        mask = inputs["completion_mask"]
        known = torch.cat([inputs["ref_chosen_logps"], inputs["ref_rejected_logps"]])
        ratios = answers[-1].log_probs[:, -(mask.shape[1] - 1) :].sum(1) - known
        if self.loss == "ipo":
            chosen, rejected = (ratios / mask.sum(1).clamp(min=1)).chunk(2)
            return (chosen - rejected - 1 / (2 * self.beta)) ** 2
        chosen, rejected = ratios.chunk(2)
        gap = self.beta * (chosen - rejected)
        return -logsigmoid(gap) if self.loss == "sigmoid" else torch.relu(1 - gap)
