"""Leave-one-out policy gradient: an answer is worth what it scores above the mean of the others."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

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
class Rloo:
    """Tune a model by the rewards of its own answers (Ahmadian et al. 2024), with TRL's trainer.

    Each prompt is answered `generations` times; an answer's advantage is its reward less the mean of the others'.
    The distance to the model at the start is taken off the reward. Sources, metrics and lineage are those of `grpo`.

    ```toml
    [[stage]]
    train = "rloo"
    model = "sft"
    reward = "judge"
    generations = 4
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
    generations: Annotated[int, Field(ge=2)] = 4
    """Answers to each prompt, which are compared with each other."""
    iterations: Annotated[int, Field(ge=1)] = 1
    """Steps that learn from the same answers."""
    answer_tokens: rollouts.AnswerTokens = 256
    temperature: rollouts.Temperature = 1.0
    beta: Annotated[float, Field(ge=0)] = 0.05
    """What the distance to the model at the start takes off a reward; 0 needs no second model in memory."""
    clip_ratio: Annotated[float, Field(gt=0, lt=1)] = 0.2
    """How much likelier or less likely an answer may become before it is no longer pushed."""
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
    def possible(self) -> Rloo:
        """Refuse two budgets at once, steps of broken groups, and answers that nothing rewards."""
        rollouts.one_budget(something(self))
        return whole_groups(self)  # type: ignore[no-any-return]

    @hookimpl
    def train(
        self, examples: Dataset, model: Model | None, out: Path, world: World, stage: Stage, journal: Journal
    ) -> Model:
        """The tuned model, in `out`."""
        site = Site(out, world, stage, journal)
        # The rate of TRL, as for other policies of this kind.
        groups = grouped(self, examples, model, site, usual=1e-6)
        from trl import RLOOConfig, RLOOTrainer

        said = {"epsilon": self.clip_ratio}
        return groups.begin.tuned(groups.task(RLOOTrainer, RLOOConfig, said), groups.outcomes)

    @hookimpl
    def preview(self, examples: Dataset, model: Model | None, out: Path, stage: Stage) -> Preview:
        """What a training on these examples would be shown."""
        return preview_prompts(self, examples, model, out, stage)

    @hookimpl
    def demand(
        self, amounts: Sequence[Amount], model: Model | None, network: Network | None, world: World, stage: Stage
    ) -> Demand:
        """What a training on so much text would ask of a machine."""
        return drawn_demand(self, amounts, model, network, world, stage, self.generations, self.iterations)

    trial = hookimpl(probed)
