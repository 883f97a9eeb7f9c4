"""Supervised fine-tuning: a model learns to give the answers of conversations, fully or through an
adapter."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from pydantic import model_validator

from finery import Dataset, Journal, Model, Needs, Stage, UsageError, World, hookimpl, plugin
from finery_plugins.train import options
from finery_plugins.train.architecture import context_of, left_model, loaded_model, stop_at
from finery_plugins.train.causal import base_name, tidy, trained_causal
from finery_plugins.train.conversation import templated, turn_ends
from finery_plugins.train.conversations import Conversations
from finery_plugins.train.loop import Loop
from finery_plugins.train.method import Method, adapted, default_rate, merged
from finery_plugins.train.records import Records, shaped, sizes
from finery_plugins.train.site import Site, settle
from finery_plugins.train.tokenizer import loaded_tokenizer
from finery_plugins.train.tokens import tokenised


@plugin(needs=Needs(cpus=2, extra="train"))
class Sft:
    """Tune a model on `messages`: the assistant's turns alone are learnt, and what ends them.

    The tokenizer's own chat template renders the conversations. The result is a plain model folder whatever
    the method: an adapter is folded into the weights.
    """

    method: Method = "full"
    """`"full"` trains every weight; `{ lora = { rank = 16 } }` an adapter beside them."""
    keep_adapter: bool = False
    """Leave the adapter in `adapter/`, in PEFT's layout, beside the weights that it was folded into."""
    split: options.Split = "train"
    context: options.Length = None
    packing: options.Packing = True
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
    max_seconds: options.MaxSeconds = None
    seed: options.Seed = None
    bf16: options.BFloat16 = False
    gradient_checkpointing: options.GradientCheckpointing = False
    checkpoint_steps: options.CheckpointSteps = 500
    log_steps: options.LogSteps = 10

    @model_validator(mode="after")
    def one_budget(self) -> Sft:
        """Refuse two budgets at once."""
        return options.one_budget(self)  # type: ignore[no-any-return]

    @hookimpl
    def train(
        self, examples: Dataset, model: Model | None, out: Path, world: World, stage: Stage, journal: Journal
    ) -> Model:
        """The tuned model, in `out`."""
        site = Site(out, world, stage, journal)
        settle(site)
        if model is None:
            raise UsageError.at(site.place, "has no model to tune", "set `model`, or train one before it")
        records = Records(examples, stage, self.split)
        shaped(records, ["messages"], 'put `format = "chat"` before it, or name the chats in `only`')
        sizes(records, "messages")
        tokenizer = loaded_tokenizer(model, site.place)
        templated(tokenizer, site.place)
        network = self.network(model, site)
        context = context_of(network, self.context, site.place)
        conversations = Conversations(tokenizer, context, site)
        tokens = tokenised(records, ["messages"], conversations.encode, 1.0, site)
        conversations.check()
        loop = Loop.of(self, lr=self.lr or default_rate(self.method))
        trained_causal(network, tokens, loop, context, self.packing, site)
        return self.left(network, tokenizer, model, site)

    def network(self, model: Model, site: Site) -> Any:
        """The model with what the method adds to it."""
        import torch

        torch.manual_seed(site.stage.seed % 2**32 if self.seed is None else self.seed)
        return adapted(loaded_model(model, site.place), self.method, site)

    def left(self, network: Any, tokenizer: Any, model: Model, site: Site) -> Model:
        """The tuned model as a plain folder that stops at the end of a turn."""
        plain = merged(network, self.method, site.out / "adapter" if self.keep_adapter else None)
        stop_at(plain, tokenizer, *turn_ends(tokenizer))
        made = left_model(plain, tokenizer, site.out, site.stage.id, base_name(model))
        tidy(site)
        return made
