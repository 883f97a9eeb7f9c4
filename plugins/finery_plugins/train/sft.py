"""Supervised fine-tuning: a model learns to give the answers of conversations, fully or through an
adapter."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
from pydantic import model_validator

from finery import (
    Amount,
    DataError,
    Dataset,
    Demand,
    Journal,
    Model,
    Needs,
    Network,
    Preview,
    Stage,
    Trial,
    UsageError,
    World,
    hookimpl,
    plugin,
)
from finery_plugins.train import options
from finery_plugins.train.architecture import context_of, stop_at
from finery_plugins.train.causal import causal
from finery_plugins.train.conversation import templated, turn_ends
from finery_plugins.train.conversations import Conversations
from finery_plugins.train.course import carried_out, left, prepared
from finery_plugins.train.defaults import epochs_by_records, tuned_rate
from finery_plugins.train.demand import chats_demand
from finery_plugins.train.loop import Loop
from finery_plugins.train.method import Method, merged
from finery_plugins.train.preflight import check_conversations, check_rows
from finery_plugins.train.preview import preview_conversations
from finery_plugins.train.records import Records, shaped, sizes
from finery_plugins.train.site import Site, settle
from finery_plugins.train.tokenizer import loaded_tokenizer
from finery_plugins.train.tokens import Tokens, tokenised
from finery_plugins.train.training import Training
from finery_plugins.train.trial import probed, traced


@plugin(needs=Needs(cpus=2, extra="train"))
class Sft:
    """Tune a model on `messages`: the assistant's turns alone are learnt, and what ends them.

    The tokenizer's own chat template renders the conversations. The result is a plain model folder whatever
    the method: an adapter is folded into the weights. A prefix alone cannot be: its base is left with the prefix
    in `prefix/`, and a later stage loads both.

    ```toml
    [[stage]]
    train = "sft"
    model = "Qwen/Qwen3-0.6B"
    method = { lora = { rank = 16 } }
    ```
    """

    method: Method = "full"
    """`"full"` trains every weight; a table less: `{ freeze = { layers = 4 } }`, or `lora`, `dora`, `qlora`, `ia3`,
    `prefix` or `adapter` with their settings, such as `{ lora = { rank = 16 } }`."""
    keep_adapter: bool = False
    """Leave the adapter in `adapter/`, in PEFT's layout, beside the weights that it was folded into: of LoRA, DoRA,
    QLoRA and IA3."""
    split: options.Split = "train"
    context: options.Length = None
    packing: options.Packing = True
    group_by_length: options.GroupByLength = True
    steps: options.Steps = None
    epochs: options.Epochs = None
    tokens: options.Tokens = None
    batch: options.Rows = 16
    accumulate: options.Accumulate = 1
    lr: options.LearningRate = None
    schedule: options.Schedule = "cosine"
    warmup: options.Warmup = 0.03
    floor: options.Floor = 0.0
    weight_decay: options.WeightDecay = 0.0
    beta2: options.Beta2 = 0.999
    clip: options.Clip = 1.0
    dropout: options.Dropout = None
    early_stopping: options.Early = None
    folds: options.Folds = None
    max_seconds: options.MaxSeconds = None
    seed: options.Seed = None
    bf16: options.BFloat16 = False
    gradient_checkpointing: options.GradientCheckpointing = False
    compile: options.Compile = False
    zero: options.Zero = None
    offload: options.Offload = None
    checkpoint_steps: options.CheckpointSteps = 500
    log_steps: options.LogSteps = 10

    @model_validator(mode="after")
    def consistent(self) -> Sft:
        """Refuse options that do not go together."""
        return options.consistent(self)  # type: ignore[no-any-return]

    @hookimpl
    def train(
        self, examples: Dataset, model: Model | None, out: Path, world: World, stage: Stage, journal: Journal
    ) -> Model:
        """The tuned model, in `out`."""
        site = Site(out, world, stage, journal)
        settle(site, together=True)
        if model is None:
            raise UsageError.at(site.place, "has no model to tune", "set `model`, or train one before it")
        records = Records(examples, stage, self.split)
        shaped(records, ["messages"], 'put `format = "chat"` before it, or name the chats in `only`')
        sizes(records, "messages")
        tokenizer = loaded_tokenizer(model, site.place)
        templated(tokenizer, site.place)
        network = self.network(model, site)
        context = context_of(network, self.context, site.place)
        check_conversations(records, tokenizer, network, context, site)
        tokens = conversations_of(records, tokenizer, context, site)
        training = Training(
            network=lambda: self.network(model, site),
            objective=causal,
            tokens=tokens,
            loop=self.loop(tokens, site),
            site=site,
            context=context,
            packing=self.packing,
            early=self.early_stopping,
            held=self.held(examples, tokenizer, context, site),
        )
        check_rows(training, network, tokenizer, answers=True)
        plain = self.plain(carried_out(training, network, self.folds), site)
        stop_at(plain, tokenizer, *turn_ends(tokenizer))
        return left(plain, tokenizer, model, site)

    @hookimpl
    def preview(self, examples: Dataset, model: Model | None, out: Path, stage: Stage) -> Preview:
        """What a training on these examples would be shown."""
        return preview_conversations(self, examples, model, out, stage)

    @hookimpl
    def demand(
        self, amounts: Sequence[Amount], model: Model | None, network: Network | None, world: World, stage: Stage
    ) -> Demand:
        """What a training on so much text would ask of a machine."""
        return chats_demand(self, amounts, model, network, world, stage)

    @hookimpl
    def trial(
        self,
        examples: Dataset,
        asked: Demand,
        model: Model | None,
        out: Path,
        world: World,
        stage: Stage,
        weights: bool,
    ) -> Trial:
        """What a few steps take."""
        if weights:
            return probed(self, examples, model, out, world, stage, weights)
        return traced(self, asked, model, stage)

    def network(self, model: Model, site: Site) -> Any:
        """The model with what the method adds to it."""
        return prepared(model, self.method, self.dropout, self.seed, site)

    def loop(self, tokens: Tokens, site: Site) -> Loop:
        """The loop with a learning rate and a budget."""
        loop = tuned_rate(Loop.of(self), self.method, site)
        return epochs_by_records(loop, len(pc.unique(tokens.ids.cast(pa.binary(16)))), site)

    def held(self, examples: Dataset, tokenizer: Any, context: int, site: Site) -> Tokens | None:
        """The tokens of the conversations that early stopping holds out."""
        if self.early_stopping is None:
            return None
        records = Records(examples, site.stage, self.early_stopping.split, whole=False)
        conversations = Conversations(tokenizer, context, site)
        return tokenised(records, ["messages"], conversations.encode, 1.0, site, "held-out")

    def plain(self, network: Any, site: Site) -> Any:
        """The tuned model without what the method added."""
        return merged(network, self.method, site.out / "adapter" if self.keep_adapter and not site.world.rank else None)


def conversations_of(records: Records, tokenizer: Any, context: int, site: Site) -> Tokens:
    """The tokens of conversations. Raises DataError where too many teach nothing."""
    conversations = Conversations(tokenizer, context, site)
    try:
        tokens = tokenised(records, ["messages"], conversations.encode, 1.0, site)
    except DataError:  # nothing is left: the reason comes first, where there is one
        conversations.check()
        raise
    conversations.check()
    return tokens
