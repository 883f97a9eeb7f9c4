"""Group relative policy optimisation: an answer is worth what it scores above others to the same prompt."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, model_validator

from finery import (
    Amount,
    Dataset,
    Demand,
    Journal,
    Model,
    ModelName,
    Needs,
    Network,
    Preview,
    Stage,
    World,
    hookimpl,
    plugin,
)
from finery_plugins.train import options, rollouts
from finery_plugins.train.group_policy import grouped, whole_groups
from finery_plugins.train.method import Method
from finery_plugins.train.pair_demand import drawn_demand
from finery_plugins.train.preview import preview_prompts
from finery_plugins.train.rewards import something
from finery_plugins.train.rules import Rule
from finery_plugins.train.site import Site
from finery_plugins.train.trial import probed


@plugin(needs=Needs(cpus=2, extra="train"))
class Grpo:
    """Tune a model by the rewards of its own answers (Shao et al. 2024), with TRL's trainer.

    Each prompt is answered `generations` times; an answer's advantage is its reward less the group's mean, over the
    group's standard deviation. Sources have `prompt`, `messages` or `instruction`. The answers drawn depend on the
    seed, the step and the records alone. Metrics: `reward`, by source too, `reward_std`, `kl`, `entropy`,
    `completions/mean_length`. The lineage's `losses` hold the negative mean reward of each record.

    ```toml
    [[stage]]
    train = "grpo"
    model = "sft"
    rules = [{ check = "numeric" }, { check = "length", words = 100, weight = 0.1 }]
    ```
    """

    method: Method = "full"
    """`"full"` trains every weight; `{ lora = { rank = 16 } }` an adapter beside them."""
    keep_adapter: bool = False
    """Leave the adapter in `adapter/`, in PEFT's layout, beside the weights that it was folded into."""
    reward: ModelName | None = None
    """The reward model: the id of an earlier `reward` stage, or a folder with a sequence classifier of one label."""
    rules: list[Rule] = Field(default_factory=list)
    """Checks of an answer, whose values times weights are added up, to the reward model's if there is one. The code of
    a `module:function` does not count when it is decided whether the stage must run again."""
    answer: str | None = None
    """The column with the right answers, for rules that compare; by default `answer`, the last answer of `messages`, or
    `output`."""
    generations: Annotated[int, Field(ge=2)] = 8
    """Answers to each prompt, which are compared with each other."""
    iterations: Annotated[int, Field(ge=1)] = 1
    """Steps that learn from the same answers."""
    answer_tokens: rollouts.AnswerTokens = 256
    temperature: rollouts.Temperature = 1.0
    beta: Annotated[float, Field(ge=0)] = 0.04
    """What the distance to the model at the start counts (the paper's value); 0 needs no second model in memory."""
    loss: Literal["grpo", "dapo", "dr_grpo", "bnpo"] = "dapo"
    """How the losses of tokens become one: by answer as in the paper, over all tokens of a step (Yu et al. 2025), over
    the longest possible answers (Liu et al. 2025), or over the tokens of a forward pass."""
    scale: bool = True
    """Divide advantages by the standard deviation of their group."""
    clip_ratio: Annotated[float, Field(gt=0, lt=1)] = 0.2
    """How much likelier or less likely an answer's token may become before it is no longer pushed."""
    chat: bool = True
    """Put prompts that are texts into the chat template; off, they are continued as plain text."""
    split: options.Split = "train"
    context: options.Length = None
    steps: options.Steps = None
    epochs: options.Epochs = None
    batch: rollouts.Answers = 16
    accumulate: options.Accumulate = 1
    lr: options.LearningRate = None
    schedule: options.Schedule = "constant"
    warmup: options.Warmup = 0.0
    floor: options.Floor = 0.0
    weight_decay: options.WeightDecay = 0.0
    beta2: options.Beta2 = 0.999
    clip: options.Clip = 1.0
    max_seconds: options.MaxSeconds = None
    seed: options.Seed = None
    bf16: options.BFloat16 = False
    gradient_checkpointing: options.GradientCheckpointing = False
    checkpoint_steps: options.CheckpointSteps = 100
    log_steps: options.LogSteps = 1

    @model_validator(mode="after")
    def possible(self) -> Grpo:
        """Refuse two budgets at once, steps of broken groups, and answers that nothing rewards."""
        rollouts.one_budget(something(self))
        return whole_groups(self)  # type: ignore[no-any-return]

    @hookimpl
    def train(
        self, examples: Dataset, model: Model | None, out: Path, world: World, stage: Stage, journal: Journal
    ) -> Model:
        """The tuned model, in `out`."""
        site = Site(out, world, stage, journal)
        # The paper's rate.
        groups = grouped(self, examples, model, site, usual=1e-6)
        from trl import GRPOConfig, GRPOTrainer

        said = {"loss_type": self.loss, "scale_rewards": "group" if self.scale else "none", "epsilon": self.clip_ratio}
        return groups.begin.tuned(groups.task(GRPOTrainer, GRPOConfig, said), groups.outcomes)

    @hookimpl
    def preview(self, examples: Dataset, model: Model | None, out: Path, stage: Stage) -> Preview:
        """What a training on these examples would be shown."""
        return preview_prompts(self, examples, model, out, stage)

    @hookimpl
    def demand(
        self, amounts: Sequence[Amount], model: Model | None, network: Network | None, world: World, stage: Stage
    ) -> Demand:
        """What a training on so much text would ask of a machine."""
        return drawn_demand(
            self, amounts, model, network, world, stage, self.generations, self.iterations, self.beta > 0
        )

    trial = hookimpl(probed)
