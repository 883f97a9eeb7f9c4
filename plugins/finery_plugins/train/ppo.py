"""Proximal policy optimisation: a policy learns from rewards of its answers, token by token, kept near where it was."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

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
from finery_plugins.train.actor import actor_class
from finery_plugins.train.architecture import loaded_model
from finery_plugins.train.experience import Gatherer
from finery_plugins.train.method import Method
from finery_plugins.train.pair_demand import drawn_demand
from finery_plugins.train.policy import stops, whole
from finery_plugins.train.ppo_trainer import Proximal
from finery_plugins.train.preview import preview_prompts
from finery_plugins.train.prompts import KINDS, REMEDY, Prompts
from finery_plugins.train.rewards import answered, on_device, rewards, something
from finery_plugins.train.rules import Rule
from finery_plugins.train.site import Site
from finery_plugins.train.trial import probed
from finery_plugins.train.tuner import made_tuner, run
from finery_plugins.train.tuning import Beginning, begun, settled


@plugin(needs=Needs(cpus=2, extra="train"))
class Ppo:
    """Tune a model by the rewards of its own answers, token by token (proximal policy optimisation).

    The method is that of Schulman et al. 2017, as Ouyang et al. 2022 use it for language models. `rollout` prompts are
    answered at a time; then the model learns from the answers in `passes` passes of steps of `batch` times `accumulate`
    answers, by the clipped objective. A value head on the model's last hidden state says what reward was to be
    expected; generalised advantage estimation says how much each token did beyond that. Each token's distance to the
    model at the start is taken off the reward. Sources have `prompt`, `messages` or `instruction`. The answers drawn
    depend on the seed, the step and the records alone. Metrics: `reward`, by source too, `kl`, `kl_weight`, `entropy`,
    `policy_loss`, `value_loss`, `clipped`. The lineage's `losses` hold the negative reward of each record. Checkpoints
    stand between rollouts.

    ```toml
    [[stage]]
    train = "ppo"
    model = "sft"
    reward = "judge"
    rollout = 64
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
    rollout: Annotated[int, Field(ge=1)] = 64
    """Prompts that are answered before the model learns from the answers."""
    passes: Annotated[int, Field(ge=1)] = 4
    """How often each answer is learnt from."""
    answer_tokens: rollouts.AnswerTokens = 256
    temperature: rollouts.Temperature = 1.0
    kl: Annotated[float, Field(ge=0)] = 0.05
    """What the distance of each token to the model at the start takes off the reward; 0 needs no second model."""
    kl_target: Annotated[float | None, Field(gt=0)] = None
    """The distance of an answer, in nats, towards which `kl` is adapted (Ziegler et al. 2019)."""
    clip_ratio: Annotated[float, Field(gt=0, lt=1)] = 0.2
    """How much likelier or less likely a token may become before it is no longer pushed."""
    clip_value: Annotated[float, Field(gt=0)] = 0.2
    """How far the value head may move from what it said when the answer was drawn."""
    value_weight: Annotated[float, Field(ge=0)] = 0.1
    """What the value head's error counts in the loss."""
    entropy_weight: Annotated[float, Field(ge=0)] = 0.0
    """What the entropy of the tokens counts, as a reward."""
    discount: Annotated[float, Field(gt=0, le=1)] = 1.0
    """What a reward is worth one token earlier."""
    smoothing: Annotated[float, Field(ge=0, le=1)] = 0.95
    """How far advantages look ahead: 0 trusts the value head alone, 1 the rewards alone."""
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
    def possible(self) -> Ppo:
        """Refuse two budgets at once, a rollout of broken steps, and answers that nothing rewards."""
        if self.rollout % (self.batch * self.accumulate):
            answers = self.batch * self.accumulate
            raise ValueError(f"`rollout` is {self.rollout}, no multiple of the {answers} answers of a step")
        if self.kl_target is not None and not self.kl:
            raise ValueError("`kl_target` adapts `kl`, which is 0: let it begin above")
        return rollouts.one_budget(something(self))  # type: ignore[no-any-return]

    @hookimpl
    def train(
        self, examples: Dataset, model: Model | None, out: Path, world: World, stage: Stage, journal: Journal
    ) -> Model:
        """The tuned model, in `out`."""
        site = Site(out, world, stage, journal)
        records = settled(self, examples, site, KINDS, REMEDY)
        begin = begun(self, model, site)
        gatherer = Gatherer(self, site, begin.tokenizer, self.reference(begin), rewards(self, site))
        prompts = Prompts(self.answer)
        rows = begin.rows(records, prompts.columns, prompts.encoded, 1, room=self.answer_tokens)
        asked = prompts.known(records, rows.tokens)
        answered(self.rules, asked, site.place)
        # The rate of other policies of this kind; InstructGPT's was 9e-6 with a far smaller reward scale.
        made = rollouts.rolled(rows, begin.loop(1e-6), stage, self.rollout, 1, self.passes, shuffled=True)
        objective = Proximal(self, made, asked, gatherer)
        outcomes = begin.outcomes(made.plan, "reward", self.passes)
        run(made_tuner(objective.task(), self.actor(begin), begin.tokenizer, outcomes))
        return begin.left()

    @hookimpl
    def preview(self, examples: Dataset, model: Model | None, out: Path, stage: Stage) -> Preview:
        """What a training on these examples would be shown."""
        return preview_prompts(self, examples, model, out, stage)

    @hookimpl
    def demand(
        self, amounts: Sequence[Amount], model: Model | None, network: Network | None, world: World, stage: Stage
    ) -> Demand:
        """What a training on so much text would ask of a machine."""
        return drawn_demand(self, amounts, model, network, world, stage, passes=self.passes, reference=self.kl > 0)

    trial = hookimpl(probed)

    def actor(self, begin: Beginning) -> Any:
        """The policy with its value head."""
        stops(begin.network, begin.tokenizer)
        if self.gradient_checkpointing:
            begin.network.gradient_checkpointing_enable({"use_reentrant": False})
        return actor_class()(begin.network, self.kl)

    def reference(self, begin: Beginning) -> Any:
        """The model at the start; None where the policy without its adapter is that, or none is needed."""
        if not self.kl or hasattr(begin.network, "disable_adapter"):
            return None
        model = whole(loaded_model(begin.base, begin.site.place), begin.site)
        return on_device(model.eval().requires_grad_(False))
